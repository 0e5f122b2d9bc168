"use strict";
// The page that compares two runs.

const rows = readRows().map(([thumbnailAt, detailAt, name, first, second, uncertainty], number) => ({
  number, thumbnailAt, detailAt, uncertainty, path: name, first: first && assignFields({}, first), second: second && assignFields({}, second),
}));
const pairs = rows.filter(({ first, second }) => first && second && first.score !== null && second.score !== null);
const uncompared = rows.filter(({ first, second }) => !(first && second && first.score !== null && second.score !== null));
for (const pair of pairs) {
  const { first, second } = pair;
  pair.change = second.score - first.score;
  pair.outcome = Math.abs(pair.change) < facts.negligible ? "same" : pair.change > 0 ? "better" : "worse";
}
const better = pairs.filter(({ outcome }) => outcome === "better"), worse = pairs.filter(({ outcome }) => outcome === "worse");

const listing = new Listing(pairs, {
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
  const { change } = facts;
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
  if (change.mean_interval) byId("mean-interval").textContent = `95 % interval ${change.mean_interval.map(signed).join(" to ")}`;
  byId("median").textContent = signed(change.median);
  if (change.median_interval) byId("spread").textContent = `95 % interval ${change.median_interval.map(signed).join(" to ")}`;
  byId("p-sign").textContent = `sign test p = ${change.p_sign.toPrecision(2)}`;
}

function showTotals() {
  showHeading([]);
  byId("made").append(...facts.runs.map((run, index) => {
    const line = make("span", "run");
    line.append(make("b", "", index ? "second: " : "first: "), `${run.title} (${settingsText(run)})`);
    return line;
  }));
  const only = [rows.filter(({ second }) => !second).length, rows.filter(({ first }) => !first).length];
  byId("total").textContent = integers.format(rows.length - only[0] - only[1]);
  byId("unmatched").textContent = integers.format(only[0] + only[1]);
  byId("unmatched-text").textContent = only[0] + only[1] ? `${only[0]} in the first, ${only[1]} in the second run` : "";
  const sides = { higher: [0.00005, Infinity], lower: [-Infinity, -0.00005] }; // scores have four decimals
  for (const [name, range] of Object.entries(sides)) {
    const button = byId(`show-${name}`);
    button.hidden = !facts.change?.[name];
    button.addEventListener("click", () => {
      byId("sort").value = "size";
      listing.order("size", false);
      listing.range(...range);
      byId("toolbar").scrollIntoView({ block: "start" });
    });
  }
}

function showUncompared() {
  byId("uncompared").hidden = !uncompared.length;
  byId("uncompared-title").textContent = `${countText(uncompared.length, "image")} not compared`;
  const most = 500;
  byId("uncompared").addEventListener("toggle", () => {
    byId("uncompared-list").replaceChildren(...uncompared.slice(0, most).map(({ path, first, second }) => {
      const row = make("tr");
      const side = first && second ? "both" : first ? "first" : "second";
      const one = first ?? second;
      const why = first && second ? [first.error, second.error].filter(Boolean).join("; ") : one.error || "no matching image in the other run";
      row.append(make("td", "name", path), make("td", "", side),
        make("td", "", side === "both" || one.score === null ? "–" : one.score.toFixed(1)), make("td", "", why));
      return row;
    }));
    byId("uncompared-more").textContent = uncompared.length > most ? `${integers.format(uncompared.length - most)} more` : "";
  }, { once: true });
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
  cell.querySelector(".uncertainty").textContent = `± ${pair.uncertainty.toFixed(1)}`;
  cell.querySelector(".name").textContent = fileName(pair.path);
  cell.querySelector(".folder").textContent = folderName(pair.path);
}

function outcomeText(pair) {
  return { same: "about the same", better: "higher", worse: "lower" }[pair.outcome];
}

function labelOf(pair) {
  const parts = [signed(pair.change), `${pair.first.score.toFixed(1)} → ${pair.second.score.toFixed(1)}`, `± ${pair.uncertainty.toFixed(1)}`,
    fileName(pair.path), folderName(pair.path)];
  if (pair.thumbnailAt === ABSENT) parts.unshift("no preview");
  return `${parts.filter(Boolean).join(" ")}, ${outcomeText(pair)}`;
}

// --- the opened entry

function heading(box, pair) {
  box.dataset.outcome = pair.outcome;
  box.replaceChildren(make("b", "score", signed(pair.change)), make("span", "grade", outcomeText(pair)),
    make("span", "uncertainty", `± ${pair.uncertainty.toFixed(1)} points`));
}

function sides(pair, detail) {
  return ["first", "second"].map((side) => {
    const { width, height } = pair[side];
    const pictures = {};
    for (const [kind, url] of Object.entries(detail.pictures)) {
      if (kind.startsWith(`${side}.`)) pictures[kind.slice(side.length + 1)] = url;
    }
    return { name: `${side}: ${fileName(pair[side].path)}`, pictures, full: fullSize(pair, detail, `${side}.`), tiles: detail[side]?.tiles, width, height };
  });
}

function readout(tile, left, right) {
  const centre = [(tile.x + tile.right) / 2 / left.width, (tile.y + tile.bottom) / 2 / left.height];
  const other = tileUnder(right, ...centre);
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

const extent = Math.max(5, Math.ceil(Math.max(0, ...pairs.map(({ change }) => Math.abs(change))) / 5) * 5);
byId("axis").append(...[-1, -0.5, 0, 0.5, 1].map((fraction) => make("span", "", signed(fraction * extent).replace(/\.0$/, ""))));
const selection = new Selection();
connectControls(listing, "pair");
const bins = 55; // odd, so that one bar is centred on no change
new Histogram(listing, {
  low: -extent, high: extent, bins, noun: "changes", unit: "pair",
  tone: (change) => (Math.abs(change) < extent / bins ? "unchanged" : change > 0 ? "excellent" : "bad"),
});
const grid = new Grid(listing, selection, {
  shape: { minWidth: 260, photo: 0.4, text: 66 },
  build: buildCell, fill: fillCell, label: labelOf,
  picture: (cell, pair) => ["first", "second"].map((side, index) => setThumbnail(cell.images[index], pair, side)).every(Boolean),
  open: (index) => viewer.open(index),
});
const viewer = new Viewer(listing, selection, grid, { sides, readout, heading, describe });
new Scatter(listing, (index) => viewer.open(index));
byId("scatter-text").textContent = `Second score versus first; images above the diagonal score higher: `
  + `${integers.format(better.length)} higher by a point or more (▲), ${integers.format(worse.length)} lower (▼), of ${countText(pairs.length, "pair")}.`;
byId("scatter").setAttribute("aria-label", byId("scatter-text").textContent);
connectSelection(selection, listing, (pair) => [pair.first.path, pair.second.path], "hiqa-selection.txt");
keepSelection(selection, pairs);
connectFilters(listing, (pair) => [...new Set([...pair.first.reasons, ...pair.second.reasons])]);
connectPrint(listing, {
  kinds: ["first", "second"], gradeOf: (pair) => grade(pair.second.score),
  textsOf: (pair) => [signed(pair.change), `${pair.first.score.toFixed(1)} → ${pair.second.score.toFixed(1)}`, pair.path],
});
showVerdict();
showTotals();
showUncompared();
listing.update();
viewer.history.reopen();
requestAnimationFrame(() => performance.mark("drawn"));
