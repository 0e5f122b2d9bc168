"use strict";
// The tiles of a picture: which one is at a place, the worst one, and the next one in a direction.

function tileOf({ tiles, width, height }, index) {
  const x = tiles.xs[index], y = tiles.ys[index];
  return { index, x, y, score: tiles.scores[index], right: Math.min(x + facts.tile, width), bottom: Math.min(y + facts.tile, height) };
}

// The tile at x, y (shares of the sides) whose centre is nearest; null if no scored tile covers that point.
function tileUnder(side, x, y) {
  const { tiles, width, height } = side;
  if (!tiles) return null;
  const [atX, atY] = [x * width, y * height], half = facts.tile / 2;
  let best = null, least = Infinity;
  for (let index = 0; index < tiles.xs.length; index += 1) {
    const distance = [Math.abs(tiles.xs[index] + half - atX), Math.abs(tiles.ys[index] + half - atY)];
    if (Math.max(...distance) > half || distance[0] + distance[1] >= least) continue;
    [best, least] = [index, distance[0] + distance[1]];
  }
  return best === null ? null : tileOf(side, best);
}

// The nearest tile in a direction, preferring tiles straight ahead; the first one if none is outlined.
function nextTile(side, now, columns, rows) {
  const { tiles } = side;
  let best = now?.index ?? 0, least = Infinity;
  for (let index = 0; now && index < tiles.xs.length; index += 1) {
    const [dx, dy] = [tiles.xs[index] - now.x, tiles.ys[index] - now.y];
    const ahead = dx * columns + dy * rows, aside = Math.abs(dx * rows) + Math.abs(dy * columns);
    if (ahead > 0 && ahead + 4 * aside < least) [best, least] = [index, ahead + 4 * aside];
  }
  return tileOf(side, best);
}

// The tile with the lowest score, the first of several; null without tiles. All that speaks of a worst tile asks here.
function worstTileOf(side) {
  const { tiles } = side;
  return tiles ? tileOf(side, tiles.scores.indexOf(Math.min(...tiles.scores))) : null;
}
