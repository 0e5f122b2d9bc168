"use strict";
// The page that compares versions: of every image, the pair of the two versions that are chosen.

const rows = readRows().map(([thumbnailAt, detailAt, path, versions], number) => ({
  number, thumbnailAt, detailAt, path, versions: versions.map((one) => one && assignFields({}, one)),
}));
let pairs = [], uncompared = [];

// A pair has its score, change and uncertainty from the two versions that are chosen.
function pairUp() {
  const [one, other] = chosen;
  for (const row of rows) {
    const first = row.versions[one], second = row.versions[other];
    const change = isScored(first) && isScored(second) ? second.score - first.score : null;
    Object.assign(row, { first, second, change, outcome: change === null ? "" : outcomeOf(change),
      uncertainty: change === null ? null : facts.pair_scale * Math.hypot(first.uncertainty, second.uncertainty) });
  }
  pairs = rows.filter(({ change }) => change !== null);
  uncompared = rows.filter(({ change, first, second }) => change === null && (first || second));
}

function isScored(entry) {
  return Boolean(entry) && entry.score !== null;
}

function outcomeOf(change) {
  return Math.abs(change) < facts.negligible ? "same" : change > 0 ? "better" : "worse";
}

const listing = new Listing([], {
  change: { label: "Change", key: (pair) => pair.change },
  size: { label: "Absolute change", descending: true, key: (pair) => Math.abs(pair.change) },
  first: { label: "First score", key: (pair) => pair.first.score },
  second: { label: "Second score", key: (pair) => pair.second.score },
  uncertainty: { label: "Uncertainty", descending: true, key: (pair) => pair.uncertainty },
  name: { label: "Name", key: (pair) => fileName(pair.path) },
  folder: { label: "Folder", key: (pair) => pair.path },
}, (pair) => pair.change);

// --- totals

function showVerdict() {
  const change = changeBetween(...chosen);
  byId("verdict").hidden = !change;
  if (!change) return;
  byId("verdict").dataset.verdict = change.verdict;
  byId("verdict-words").textContent = change.sentence;
  const losers = pairs.filter((pair) => pair.change < 0).sort((a, b) => a.change - b.change).slice(0, 5);
  byId("losers").textContent = losers.length
    ? `Fell most: ${losers.map((pair) => `${fileName(pair.path)} ${signed(pair.change)}`).join(", ")}.` : "No image fell.";
  for (const name of ["lower", "higher"]) {
    byId(name).textContent = integers.format(change[name]);
    byId(`${name}-share`).textContent = percentText(change[name], change.pairs);
  }
  byId("mean").textContent = signed(change.mean);
  byId("mean-interval").textContent = intervalText(change.mean_interval);
  byId("median").textContent = signed(change.median);
  byId("spread").textContent = intervalText(change.median_interval);
  byId("p-sign").textContent = `sign test p = ${change.p_sign.toPrecision(2)}`;
}

function intervalText(interval) {
  return interval ? `95 % interval ${interval.map(signed).join(" to ")}` : "";
}

function showTotals() {
  const both = rows.filter(({ first, second }) => first && second).length;
  const only = ["first", "second"].map((side) => rows.filter((row) => row[side]).length - both);
  byId("total").textContent = integers.format(pairs.length); // that have two scores
  byId("unmatched").textContent = integers.format(only[0] + only[1]);
  byId("unmatched-text").textContent = only[0] + only[1] ? `${only[0]} in the first, ${only[1]} in the second version` : "";
  for (const name of ["higher", "lower"]) byId(`show-${name}`).hidden = !changeBetween(...chosen)?.[name];
}

function connectTotals() {
  const sides = { higher: [0.00005, Infinity], lower: [-Infinity, -0.00005] }; // scores have four decimals
  for (const [name, range] of Object.entries(sides)) {
    byId(`show-${name}`).addEventListener("click", () => {
      byId("sort").value = "size";
      listing.order("size", listing.reversed);
      listing.range(...range);
      byId("toolbar").scrollIntoView({ block: "start" });
    });
  }
}

function showUncompared() {
  const box = byId("uncompared"), most = 500; // more rows would make the page slow
  box.hidden = !uncompared.length;
  byId("uncompared-title").textContent = `${countText(uncompared.length, "image")} not compared`;
  if (!box.open) return;
  byId("uncompared-list").replaceChildren(...uncompared.slice(0, most).map(({ path, first, second }) => {
    const row = make("tr");
    const side = first && second ? "both" : first ? "first" : "second";
    const one = first ?? second;
    const why = first && second ? [first.error, second.error].filter(Boolean).join("; ") : one.error || "no matching image in the other version";
    row.append(make("td", "name", path), make("td", "", side),
      make("td", "", side === "both" || one.score === null ? "–" : one.score.toFixed(1)), make("td", "", why));
    return row;
  }));
  byId("uncompared-more").textContent = uncompared.length > most ? `${integers.format(uncompared.length - most)} more` : "";
}

// --- cells

function buildCell() {
  const cell = make("div", "pair");
  const photo = make("div", "photo");
  const images = ["first", "second"].map(() => Object.assign(make("img"), { alt: "", decoding: "async", draggable: false }));
  const selectMark = make("span", "select");
  selectMark.setAttribute("aria-hidden", "true");
  photo.append(...images, make("span", "no-photo", "no preview"), selectMark);
  const line = make("div", "line");
  line.append(make("b", "score"), " ", make("span", "scores"), " ", make("span", "uncertainty"), " ");
  cell.append(photo, line, make("div", "name"), " ", make("div", "folder"));
  return Object.assign(cell, { photo, images });
}

function fillCell(cell, pair) {
  resetThumbnails(cell.images, cell.photo, pair);
  cell.dataset.outcome = pair.outcome;
  cell.querySelector(".score").textContent = signed(pair.change);
  cell.querySelector(".scores").textContent = `${pair.first.score.toFixed(1)} → ${pair.second.score.toFixed(1)}`;
  cell.querySelector(".uncertainty").textContent = halfWidthText(pair.uncertainty);
  cell.querySelector(".name").textContent = fileName(pair.path);
  cell.querySelector(".folder").textContent = folderName(pair.path);
}

function outcomeText(pair) {
  return { same: "about the same", better: "higher", worse: "lower" }[pair.outcome];
}

function labelOf(pair) {
  const parts = [signed(pair.change), `${pair.first.score.toFixed(1)} → ${pair.second.score.toFixed(1)}`, halfWidthText(pair.uncertainty),
    fileName(pair.path), folderName(pair.path)];
  if (pair.thumbnailAt === ABSENT) parts.unshift("no preview");
  return `${parts.filter(Boolean).join(" ")}, ${outcomeText(pair)}`;
}

// --- the opened entry

function heading(box, pair) {
  box.dataset.outcome = pair.outcome;
  box.replaceChildren(make("b", "score", signed(pair.change)), make("span", "grade", outcomeText(pair)),
    make("span", "uncertainty", `${halfWidthText(pair.uncertainty)} points`));
}

function sides(pair, detail) {
  return ["first", "second"].map((side, place) => {
    const { width, height, path } = pair[side];
    const prefix = `${chosen[place]}.`;
    const pictures = {};
    for (const [kind, url] of Object.entries(detail.pictures)) {
      if (kind.startsWith(prefix)) pictures[kind.slice(prefix.length)] = url;
    }
    return { name: sideName(place, path), pictures, full: fullSize(pair, detail, prefix), tiles: detail[chosen[place]]?.tiles, width, height };
  });
}

// "first: a.jpg"; the version's own name where there are more than two.
function sideName(place, path) {
  return `${titles.length > 2 ? titles[chosen[place]] : ["first", "second"][place]}: ${fileName(path)}`;
}

function readout(tile, left, right) {
  const centre = [(tile.x + tile.right) / 2 / left.width, (tile.y + tile.bottom) / 2 / left.height];
  const other = tileUnder(right, ...centre);
  return other
    ? `tile ${tile.score.toFixed(1)} → ${other.score.toFixed(1)} (${signed(other.score - tile.score)})`
    : `tile ${tile.score.toFixed(1)}`;
}

function describe(pair, detail) {
  return ["first", "second"].flatMap((side, place) => {
    const entry = pair[side], more = detail[chosen[place]] ?? {};
    const parts = [
      make("h3", "", `${sideName(place, entry.path)}: ${entry.score.toFixed(1)} ${grade(entry.score)}, ${halfWidthText(entry.uncertainty)}`),
      pathWithCopy(entry.path),
      factTable([
        ["size", `${integers.format(entry.width)} × ${integers.format(entry.height)} px`],
        ["file", entry.size === null ? "" : fileSizeText(entry.size)],
        ...(more.exif ?? []),
        ["notes", (more.notes ?? []).join("; ")],
      ]),
    ];
    if (more.missing) parts.push(make("p", "missing", more.missing));
    return parts;
  });
}

// --- start

// Where the axis of changes ends, and its number of bars: an odd multiple of five negligible changes and an odd number of
// bars for each, so that bars end where changes cease to be negligible, and have the colour of their points in the scatter.
function changeAxis(largest) {
  const fives = Math.max(1, Math.ceil(largest / (5 * facts.negligible)));
  const odd = 5 * (fives + (fives % 2 ? 0 : 1));
  return [odd * facts.negligible, odd * Math.max(1, 2 * Math.round((55 / odd - 1) / 2) + 1)];
}

// Show the pairs of the two versions that are chosen.
function showChosen() {
  pairUp();
  const [extent, bins] = changeAxis(Math.max(0, ...pairs.map(({ change }) => Math.abs(change))));
  byId("axis").replaceChildren(...[-1, -0.5, 0, 0.5, 1].map((fraction) => make("span", "", signed(fraction * extent).replace(/\.0$/, ""))));
  histogram.scale(-extent, extent, bins);
  listing.setEntries(pairs);
  const counts = ["better", "worse"].map((outcome) => integers.format(pairs.filter((pair) => pair.outcome === outcome).length));
  byId("scatter-text").textContent = `Second score versus first; images above the diagonal score higher: `
    + `${counts[0]} higher by a point or more (▲), ${counts[1]} lower (▼), of ${countText(pairs.length, "pair")}.`;
  byId("scatter").setAttribute("aria-label", byId("scatter-text").textContent);
  showVerdict();
  showTotals();
  showUncompared();
}

const selection = new Selection();
connectControls(listing, "pair");
const histogram = new Histogram(listing, {
  low: -1, high: 1, bins: 1, noun: "changes", unit: "pair",
  tone: (change) => ({ same: "unchanged", better: "excellent", worse: "bad" })[outcomeOf(change)],
});
const grid = new Grid(listing, selection, {
  shape: { minWidth: 260, photo: 0.4, text: 66 },
  build: buildCell, fill: fillCell, label: labelOf,
  picture: (cell, pair) => chosen.map((kind, index) => setThumbnail(cell.images[index], pair, kind)).every(Boolean),
  open: (index) => viewer.open(index),
});
const viewer = new Viewer(listing, selection, grid, { sides, readout, heading, describe });
new Scatter(listing, (index) => viewer.open(index));
connectSelection(selection, listing, (pair) => [pair.first.path, pair.second.path], "hiqa-selection.txt");
connectFilters(listing, (pair) => [...new Set([...pair.first.reasons, ...pair.second.reasons])]);
connectPrint(listing, {
  kinds: chosen, markOf: ({ outcome }) => ({ outcome }),
  textsOf: (pair) => [signed(pair.change), `${pair.first.score.toFixed(1)} → ${pair.second.score.toFixed(1)}`, pair.path],
});
connectTotals();
byId("uncompared").addEventListener("toggle", showUncompared);
showHeading([]);
showVersions(rows, () => {
  showChosen();
  selection.keepOnly(pairs);
});
showChosen();
keepSelection(selection, pairs);
keepFilters(listing);
viewer.history.reopen();
requestAnimationFrame(() => performance.mark("drawn"));
