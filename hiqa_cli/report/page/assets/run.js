"use strict";
// The page of one run.

const rows = rowsOfThePage().map((row, number) => takeFields({ number, thumbnailAt: row[0], detailAt: row[1] }, row, 2));
const scored = rows.filter((entry) => entry.score !== null);
const failed = rows.filter((entry) => entry.score === null);

const listing = new Listing(scored, {
  score: { label: "Score", first: "low", key: (entry) => entry.score },
  uncertainty: { label: "Uncertainty", first: "high", key: (entry) => entry.uncertainty },
  name: { label: "Name", first: "low", key: (entry) => fileName(entry.path) },
  folder: { label: "Folder", first: "low", key: (entry) => entry.path },
  pixels: { label: "Size in pixels", first: "high", key: (entry) => entry.width * entry.height },
  size: { label: "Size in bytes", first: "high", key: (entry) => entry.size ?? -1 },
}, (entry) => entry.score);

// --- totals

function showTotals() {
  showHeading([madeWith(facts)]);
  const scores = scored.map((entry) => entry.score).sort((a, b) => a - b);
  byId("total").textContent = whole.format(rows.length);
  byId("failures").textContent = whole.format(failed.length);
  if (scores.length) {
    const median = quantile(scores, 0.5);
    byId("median").textContent = median.toFixed(1);
    byId("median-word").textContent = grade(median);
    byId("spread").textContent = `${quantile(scores, 0.25).toFixed(0)} – ${quantile(scores, 0.75).toFixed(0)}`;
  }
  const gate = byId("gate");
  gate.value = facts.gate ?? "";
  const count = () => {
    const given = gate.value !== "" && scores.length > 0;
    const below = given ? scores.filter((score) => score < Number(gate.value)).length : 0;
    byId("below").textContent = given ? `${sharePercent(below, scores.length)}` : "–";
    byId("below-count").textContent = given ? counted(below, "image") : "no gate set";
    byId("show-below").hidden = !below;
  };
  gate.addEventListener("input", count);
  byId("show-below").addEventListener("click", () => {
    // Scores have four decimals: everything below the gate, and nothing at it.
    listing.range(-Infinity, Number(gate.value) - 0.00005);
    byId("toolbar").scrollIntoView({ block: "start" });
  });
  count();
}

function showErrors() {
  const box = byId("errors");
  box.hidden = !failed.length;
  if (!failed.length) return;
  byId("errors-title").textContent = `${counted(failed.length, "image")} could not be scored`;
  const list = byId("errors-list");
  const fill = () => {
    const found = failed.filter((entry) => listing.matches(entry.path));
    const most = 500; // a table of ten thousand would be slow, and nobody reads it
    list.replaceChildren(...found.slice(0, most).map((entry) => {
      const row = make("tr");
      row.append(make("td", "name", entry.path), make("td", "", entry.error));
      return row;
    }));
    const rest = found.length - most;
    byId("errors-rest").textContent = rest > 0 ? `and ${whole.format(rest)} more; search narrows them down` : "";
  };
  let words = null;
  const refill = () => {
    const now = listing.words.join(" ");
    if (box.open && now !== words) {
      words = now;
      fill();
    }
  };
  box.addEventListener("toggle", refill);
  listing.onChange(refill);
  byId("copy-errors").addEventListener("click", async () => {
    const done = await copyText(failed.map((entry) => entry.path).join("\n"));
    say(done ? `${counted(failed.length, "path")} copied` : "This browser did not let the page copy");
  });
}

// --- cells

function buildCell() {
  const cell = make("div");
  const photo = make("div", "photo");
  const image = make("img");
  image.alt = "";
  image.decoding = "async";
  image.draggable = false;
  const mark = make("span", "mark");
  mark.setAttribute("aria-hidden", "true");
  photo.append(image, make("span", "no-photo", "no picture"), mark);
  const line = make("div", "line");
  line.append(make("b", "score"), make("span", "grade"), make("span", "uncertainty"));
  cell.append(photo, line, make("div", "name"), make("div", "folder"));
  Object.assign(cell, { image, photo });
  return cell;
}

function fillCell(cell, entry) {
  bareThumbnails([cell.image], cell.photo, entry);
  cell.dataset.grade = grade(entry.score);
  cell.querySelector(".score").textContent = entry.score.toFixed(1);
  cell.querySelector(".grade").textContent = grade(entry.score);
  cell.querySelector(".uncertainty").textContent = `± ${entry.uncertainty.toFixed(1)}`;
  cell.querySelector(".name").textContent = fileName(entry.path);
  cell.querySelector(".folder").textContent = folderName(entry.path);
}

function labelOf(entry) {
  return `${fileName(entry.path)}, score ${entry.score.toFixed(1)}, ${grade(entry.score)}, plus or minus ${entry.uncertainty.toFixed(1)}`;
}

// --- the large view

function heading(box, entry) {
  box.dataset.grade = grade(entry.score);
  box.replaceChildren(make("b", "score", entry.score.toFixed(1)), make("span", "grade", grade(entry.score)),
    make("span", "uncertainty", `± ${entry.uncertainty.toFixed(1)} points`));
}

function sides(entry, detail) {
  const { pictures } = detail;
  const common = { tiles: detail.tiles, width: entry.width, height: entry.height };
  const left = { ...common, name: "distorted", pictures };
  const right = pictures.hallucination
    ? { ...common, name: "hallucinated", pictures: { distorted: pictures.hallucination } }
    : null;
  return [left, right];
}

function readout(tile) {
  return `tile ${tile.score.toFixed(1)} ${grade(tile.score)}`;
}

function describe(entry, detail) {
  const { tiles } = detail;
  const spread = tiles ? `${counted(tiles.scores.length, "tile")}, ${Math.min(...tiles.scores).toFixed(1)} to ${Math.max(...tiles.scores).toFixed(1)}` : "";
  const table = factTable([
    ["size", `${whole.format(entry.width)} × ${whole.format(entry.height)} px`],
    ["file", entry.size === null ? "" : bytesInWords(entry.size)],
    ["tiles", spread],
    ...(detail.exif ?? []),
    ["notes", (detail.notes ?? []).join("; ")],
  ]);
  const parts = [pathWithCopy(entry.path), table];
  if (detail.missing) parts.push(make("p", "missing", detail.missing));
  return parts;
}

// --- start

const selection = new Selection();
connectControls(listing, "image");
new Histogram(listing, { low: 0, high: 100, bins: 50, tone: grade, noun: "scores", unit: "image" });
const grid = new Grid(listing, selection, {
  shape: { least: 170, photo: 0.75, text: 66 },
  build: buildCell, fill: fillCell, label: labelOf,
  picture: (cell, entry) => setThumbnail(cell.image, entry, "thumbnail"),
  open: (place) => viewer.open(place),
});
const viewer = new Viewer(listing, selection, grid, { sides, readout, heading, describe });
connectSelection(selection, listing, (entry) => [entry.path], "hiqa-selection.txt");
showTotals();
showErrors();
listing.update();
requestAnimationFrame(() => performance.mark("drawn"));
