"use strict";
// The page of one run.

const rows = readRows().map((row, number) => assignFields({ number, thumbnailAt: row[0], detailAt: row[1] }, row, 2));
const scored = rows.filter((entry) => entry.score !== null);
const failed = rows.filter((entry) => entry.score === null);

const listing = new Listing(scored, {
  score: { label: "Score", key: (entry) => entry.score },
  uncertainty: { label: "Uncertainty", descending: true, key: (entry) => entry.uncertainty },
  name: { label: "Name", key: (entry) => fileName(entry.path) },
  folder: { label: "Folder", key: (entry) => entry.path },
  pixels: { label: "Size in pixels", descending: true, key: (entry) => entry.width * entry.height },
  size: { label: "Size in bytes", descending: true, key: (entry) => entry.size ?? -1 },
}, (entry) => entry.score);

// --- totals

function showTotals() {
  showHeading([settingsText(facts)]);
  const scores = scored.map((entry) => entry.score).sort((a, b) => a - b);
  byId("total").textContent = integers.format(rows.length);
  byId("failures").textContent = integers.format(failed.length);
  if (scores.length) {
    const median = quantile(scores, 0.5);
    byId("median").textContent = median.toFixed(1);
    byId("median-word").textContent = grade(median);
    byId("spread").textContent = `${quantile(scores, 0.25).toFixed(0)} – ${quantile(scores, 0.75).toFixed(0)}`;
  }
  const gate = byId("gate");
  gate.value = remembered("gate") ?? facts.gate ?? "";
  const count = () => {
    const given = gate.value !== "" && scores.length > 0;
    const below = given ? scores.filter((score) => score < Number(gate.value)).length : 0;
    byId("below").textContent = given ? `${percentText(below, scores.length)}` : "–";
    byId("below-count").textContent = given ? countText(below, "image") : "no gate set";
    byId("show-below").hidden = !below;
  };
  gate.addEventListener("input", () => {
    remember("gate", gate.value);
    count();
  });
  byId("show-below").addEventListener("click", () => {
    // Scores have four decimals, so this excludes the gate itself.
    listing.range(-Infinity, Number(gate.value) - 0.00005);
    byId("toolbar").scrollIntoView({ block: "start" });
  });
  count();
}

function showErrors() {
  const box = byId("errors");
  box.hidden = !failed.length;
  if (!failed.length) return;
  byId("errors-title").textContent = `${countText(failed.length, "image")} could not be scored`;
  const list = byId("errors-list");
  const fill = () => {
    const found = failed.filter((entry) => listing.matches(entry.path));
    const most = 500; // more rows would make the page slow
    list.replaceChildren(...found.slice(0, most).map((entry) => {
      const row = make("tr");
      row.append(make("td", "name", entry.path), make("td", "", entry.error));
      return row;
    }));
    const more = found.length - most;
    byId("errors-more").textContent = more > 0 ? `${integers.format(more)} more; search to narrow the list.` : "";
  };
  let filled = null;
  const refill = () => {
    if (box.open && listing.text !== filled) {
      filled = listing.text;
      fill();
    }
  };
  box.addEventListener("toggle", refill);
  listing.onChange(refill);
  byId("copy-errors").addEventListener("click", async () => {
    const done = await copyText(failed.map((entry) => entry.path).join("\n"));
    announce(done ? `${countText(failed.length, "path")} copied.` : "The browser blocked copying.");
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
  const selectMark = make("span", "select");
  selectMark.setAttribute("aria-hidden", "true");
  photo.append(image, make("span", "no-photo", "no preview"), selectMark);
  const line = make("div", "line");
  line.append(make("b", "score"), meter(0), " ", make("span", "grade"), " ", make("span", "uncertainty"), " ");
  cell.append(photo, line, make("div", "name"), " ", make("div", "folder"), " ", make("div", "reasons"));
  Object.assign(cell, { image, photo });
  return cell;
}

function fillCell(cell, entry) {
  resetThumbnails([cell.image], cell.photo, entry);
  cell.dataset.grade = grade(entry.score);
  cell.querySelector(".score").textContent = entry.score.toFixed(1);
  cell.querySelector(".grade").textContent = grade(entry.score);
  cell.querySelector(".meter").dataset.filled = facts.grades.indexOf(grade(entry.score)) + 1;
  cell.querySelector(".reasons").replaceChildren(...entry.reasons.map((reason) => make("span", "chip", reason)));
  cell.querySelector(".uncertainty").textContent = halfWidthText(entry.uncertainty);
  cell.querySelector(".name").textContent = fileName(entry.path);
  cell.querySelector(".folder").textContent = folderName(entry.path);
}

// For screen readers: what the cell shows, in its order, so that speech input finds it by what it reads.
function labelOf(entry) {
  const parts = [entry.score.toFixed(1), grade(entry.score), halfWidthText(entry.uncertainty), fileName(entry.path),
    folderName(entry.path), entry.reasons.join(", ")];
  if (entry.thumbnailAt === ABSENT) parts.unshift("no preview");
  return parts.filter(Boolean).join(" ");
}

// --- the opened entry

function heading(box, entry) {
  box.dataset.grade = grade(entry.score);
  box.replaceChildren(make("b", "score", entry.score.toFixed(1)), meter(entry.score), make("span", "grade", grade(entry.score)),
    make("span", "uncertainty", `${halfWidthText(entry.uncertainty)} points`));
}

function sides(entry, detail) {
  const { pictures } = detail;
  const full = fullSize(entry, detail);
  const common = { tiles: detail.tiles, width: entry.width, height: entry.height };
  const left = { ...common, name: "distorted", pictures, full };
  const right = pictures.hallucination
    ? { ...common, name: "hallucination", pictures: { distorted: pictures.hallucination }, full: full && { distorted: full.hallucination } }
    : null;
  return [left, right];
}

function readout(tile) {
  return `tile ${tile.score.toFixed(1)} (${grade(tile.score)})`;
}

function describe(entry, detail) {
  const { tiles } = detail;
  const spread = tiles ? `${integers.format(tiles.scores.length)}, scores ${Math.min(...tiles.scores).toFixed(1)} to ${Math.max(...tiles.scores).toFixed(1)}` : "";
  const table = factTable([
    ["size", `${integers.format(entry.width)} × ${integers.format(entry.height)} px`],
    ["file", entry.size === null ? "" : fileSizeText(entry.size)],
    ["reasons", entry.reasons.join(", ")],
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
  shape: { minWidth: 170, photo: 0.75, text: scored.some((entry) => entry.reasons.length) ? 82 : 66 },
  build: buildCell, fill: fillCell, label: labelOf,
  picture: (cell, entry) => setThumbnail(cell.image, entry, "thumbnail"),
  open: (index) => viewer.open(index),
});
const viewer = new Viewer(listing, selection, grid, { sides, readout, heading, describe });
connectSelection(selection, listing, (entry) => [entry.path], "hiqa-selection.txt");
byId("two").addEventListener("click", () => viewer.openTwo(...scored.filter((entry) => selection.has(entry))));
selection.onChange(() => { byId("two").hidden = selection.entries.size !== 2; });
keepSelection(selection, scored);
connectFilters(listing, (entry) => entry.reasons);
keepFilters(listing);
connectPrint(listing, {
  kinds: ["thumbnail"], markOf: (entry) => ({ grade: grade(entry.score) }),
  textsOf: (entry) => [`${entry.score.toFixed(1)} ${grade(entry.score)}`, halfWidthText(entry.uncertainty), ...entry.reasons, entry.path],
});
showTotals();
showErrors();
listing.update();
viewer.history.reopen();
requestAnimationFrame(() => performance.mark("drawn"));
