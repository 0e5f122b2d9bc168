"use strict";
// The page of two runs side by side.

const rows = rowsOfThePage().map(([thumbnailAt, detailAt, name, first, second], number) => ({
  number, thumbnailAt, detailAt, path: name, first: first && takeFields({}, first), second: second && takeFields({}, second),
}));
const pairs = rows.filter(({ first, second }) => first && second && first.score !== null && second.score !== null);
const rest = rows.filter(({ first, second }) => !(first && second && first.score !== null && second.score !== null));
for (const pair of pairs) {
  const { first, second } = pair;
  pair.change = second.score - first.score;
  pair.uncertainty = Math.hypot(first.uncertainty, second.uncertainty);
  pair.beyond = Math.abs(pair.change) - pair.uncertainty; // by how much more than the uncertainty
  pair.verdict = pair.beyond <= 0 ? "same" : pair.change > 0 ? "better" : "worse";
}
const better = pairs.filter(({ verdict }) => verdict === "better"), worse = pairs.filter(({ verdict }) => verdict === "worse");

const listing = new Listing(pairs, {
  change: { label: "Change", first: "low", key: (pair) => pair.change },
  size: { label: "Size of the change", first: "high", key: (pair) => Math.abs(pair.change) },
  beyond: { label: "Beyond the uncertainty", first: "high", key: (pair) => pair.beyond },
  first: { label: "First score", first: "low", key: (pair) => pair.first.score },
  second: { label: "Second score", first: "low", key: (pair) => pair.second.score },
  uncertainty: { label: "Uncertainty", first: "high", key: (pair) => pair.uncertainty },
  name: { label: "Name", first: "low", key: (pair) => fileName(pair.path) },
  folder: { label: "Folder", first: "low", key: (pair) => pair.path },
}, (pair) => pair.change);

// --- totals

function showTotals() {
  showHeading([]);
  byId("made").append(...facts.runs.map((run, place) => {
    const line = make("span", "run");
    line.append(make("b", "", place ? "second " : "first "), `${run.title} (${madeWith(run)})`);
    return line;
  }));
  const only = [rows.filter(({ second }) => !second).length, rows.filter(({ first }) => !first).length];
  byId("total").textContent = whole.format(rows.length - only[0] - only[1]);
  const numbers = { better: better.length, worse: worse.length, same: pairs.length - better.length - worse.length };
  for (const [name, number] of Object.entries(numbers)) {
    byId(name).textContent = whole.format(number);
    byId(`${name}-share`).textContent = pairs.length ? sharePercent(number, pairs.length) : "";
  }
  byId("alone").textContent = whole.format(only[0] + only[1]);
  byId("alone-words").textContent = only[0] + only[1] ? `${only[0]} of the first, ${only[1]} of the second` : "";
  const changes = pairs.map(({ change }) => change).sort((a, b) => a - b);
  if (changes.length) {
    byId("median").textContent = signed(quantile(changes, 0.5));
    byId("spread").textContent = `middle half ${signed(quantile(changes, 0.25))} to ${signed(quantile(changes, 0.75))}`;
  }
  for (const [name, list] of [["better", better], ["worse", worse]]) {
    const button = byId(`show-${name}`);
    button.hidden = !list.length;
    button.addEventListener("click", () => {
      byId("sort").value = "beyond";
      listing.order("beyond", false);
      listing.range(name === "better" ? 0 : -Infinity, name === "better" ? Infinity : 0);
      byId("toolbar").scrollIntoView({ block: "start" });
    });
  }
}

function showRest() {
  byId("unmatched").hidden = !rest.length;
  byId("unmatched-title").textContent = `${counted(rest.length, "image")} without a pair to compare`;
  const most = 500;
  byId("unmatched").addEventListener("toggle", () => {
    byId("unmatched-list").replaceChildren(...rest.slice(0, most).map(({ path, first, second }) => {
      const row = make("tr");
      const side = first && second ? "both" : first ? "first" : "second";
      const one = first ?? second;
      const why = first && second ? [first.error, second.error].filter(Boolean).join("; ") : one.error || "no partner of that name";
      row.append(make("td", "name", path), make("td", "", side),
        make("td", "", side === "both" || one.score === null ? "–" : one.score.toFixed(1)), make("td", "", why));
      return row;
    }));
    byId("unmatched-rest").textContent = rest.length > most ? `and ${whole.format(rest.length - most)} more` : "";
  }, { once: true });
}

// --- cells

function buildCell() {
  const cell = make("div", "pair");
  const photo = make("div", "photo");
  const images = ["first", "second"].map(() => Object.assign(make("img"), { alt: "", decoding: "async", draggable: false }));
  const mark = make("span", "mark");
  mark.setAttribute("aria-hidden", "true");
  photo.append(...images, make("span", "no-photo", "no picture"), mark);
  const line = make("div", "line");
  line.append(make("b", "score"), make("span", "scores"), make("span", "uncertainty"));
  cell.append(photo, line, make("div", "name"), make("div", "folder"));
  return Object.assign(cell, { photo, images });
}

function fillCell(cell, pair) {
  bareThumbnails(cell.images, cell.photo, pair);
  cell.dataset.verdict = pair.verdict;
  cell.querySelector(".score").textContent = signed(pair.change);
  cell.querySelector(".scores").textContent = `${pair.first.score.toFixed(1)} → ${pair.second.score.toFixed(1)}`;
  cell.querySelector(".uncertainty").textContent = `± ${pair.uncertainty.toFixed(1)}`;
  cell.querySelector(".name").textContent = fileName(pair.path);
  cell.querySelector(".folder").textContent = folderName(pair.path);
}

function verdictInWords(pair) {
  return pair.verdict === "same" ? "within the uncertainty" : `${pair.verdict} by ${pair.beyond.toFixed(1)} more than the uncertainty`;
}

function labelOf(pair) {
  return `${fileName(pair.path)}, from ${pair.first.score.toFixed(1)} to ${pair.second.score.toFixed(1)}, `
    + `change ${signed(pair.change)}, ${verdictInWords(pair)}`;
}

// --- the large view

function heading(box, pair) {
  box.dataset.verdict = pair.verdict;
  box.replaceChildren(make("b", "score", signed(pair.change)), make("span", "grade", verdictInWords(pair)),
    make("span", "uncertainty", `± ${pair.uncertainty.toFixed(1)} points`));
}

function sides(pair, detail) {
  return ["first", "second"].map((side) => {
    const { width, height } = pair[side];
    const pictures = {};
    for (const [kind, url] of Object.entries(detail.pictures)) {
      if (kind.startsWith(`${side}.`)) pictures[kind.slice(side.length + 1)] = url;
    }
    return { name: `${side}: ${fileName(pair[side].path)}`, pictures, tiles: detail[side]?.tiles, width, height };
  });
}

function readout(tile, left, right, stage) {
  const middle = [(tile.x + tile.right) / 2 / left.width, (tile.y + tile.bottom) / 2 / left.height];
  const other = stage.tileUnder(right, ...middle);
  return other
    ? `tile ${tile.score.toFixed(1)} → ${other.score.toFixed(1)} (${signed(other.score - tile.score)})`
    : `tile ${tile.score.toFixed(1)}`;
}

function describe(pair, detail) {
  return ["first", "second"].flatMap((side) => {
    const entry = pair[side], more = detail[side] ?? {};
    const parts = [
      make("h3", "", `${side}: ${entry.score.toFixed(1)} ${grade(entry.score)}, ± ${entry.uncertainty.toFixed(1)}`),
      pathWithCopy(entry.path),
      factTable([
        ["size", `${whole.format(entry.width)} × ${whole.format(entry.height)} px`],
        ["file", entry.size === null ? "" : bytesInWords(entry.size)],
        ...(more.exif ?? []),
        ["notes", (more.notes ?? []).join("; ")],
      ]),
    ];
    if (more.missing) parts.push(make("p", "missing", more.missing));
    return parts;
  });
}

// --- start

const reach = Math.max(5, Math.ceil(Math.max(0, ...pairs.map(({ change }) => Math.abs(change))) / 5) * 5);
byId("axis").append(...[-1, -0.5, 0, 0.5, 1].map((share) => make("span", "", signed(share * reach).replace(/\.0$/, ""))));
const selection = new Selection();
connectControls(listing, "pair");
new Histogram(listing, {
  low: -reach, high: reach, bins: 50, noun: "changes", unit: "pair", tone: (change) => (change > 0 ? "excellent" : "bad"),
});
const grid = new Grid(listing, selection, {
  shape: { least: 260, photo: 0.4, text: 66 },
  build: buildCell, fill: fillCell, label: labelOf,
  picture: (cell, pair) => ["first", "second"].map((side, place) => setThumbnail(cell.images[place], pair, side)).every(Boolean),
  open: (place) => viewer.open(place),
});
const viewer = new Viewer(listing, selection, grid, { sides, readout, heading, describe });
new Scatter(listing, (place) => viewer.open(place));
byId("scatter-words").textContent = `Second score against the first; above the diagonal the second is better: `
  + `${counted(better.length, "pair")} better, ${counted(worse.length, "pair")} worse beyond the uncertainty.`;
byId("scatter").setAttribute("aria-label", byId("scatter-words").textContent);
connectSelection(selection, listing, (pair) => [pair.first.path, pair.second.path], "hiqa-selection.txt");
showTotals();
showRest();
listing.update();
requestAnimationFrame(() => performance.mark("drawn"));
