"use strict";
// The data of the page: facts and rows, and images that are read when they come into view.
// File names and EXIF values are untrusted: use them as text content, titles and labels only, never as markup.

const facts = JSON.parse(document.getElementById("facts").textContent);
const ABSENT = 0, EMBEDDED = 1, IN_FOLDER = 2; // where a thumbnail or a detail is, see page/writer.py
const nonce = document.currentScript.nonce;
const documentLoaded = new Promise((resolve) => {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", resolve, { once: true });
  else resolve();
});

// The only strings that may become the URL of a script: numbered files in the assets folder.
const OWN_SCRIPT = /^[\w.~%-]+\/\d+\.js$/;
const policy = window.trustedTypes
  ? window.trustedTypes.createPolicy("hiqa", { createScriptURL: ownScript })
  : { createScriptURL: ownScript };

function ownScript(url) {
  if (!OWN_SCRIPT.test(url)) throw new TypeError("not a script of this report");
  return url;
}

function readRows() {
  return JSON.parse(document.getElementById("rows").textContent);
}

// Assign the values of a row, from index `start`, to the properties that facts.fields names.
function assignFields(entry, values, start = 0) {
  facts.fields.forEach((name, index) => { entry[name] = values[start + index]; });
  return entry;
}

// The URL of a thumbnail, or null until the page has loaded that far.
function thumbnailUrl(entry, kind) {
  if (entry.thumbnailAt === IN_FOLDER) return `${facts.folder}/${entry.number}.${kind}.webp`;
  return embeddedText(`${entry.number}.${kind}`);
}

// The URL of a piece of a large image at full size, or null if the page has not loaded that far; see page/writer.py.
function pieceUrl(entry, detail, kind, index) {
  const name = `${entry.number}.full.${kind}.${index}`;
  return detail.full.at === IN_FOLDER ? `${facts.folder}/${name}.webp` : embeddedText(name);
}

// Embedded text by its name, or null until the page has loaded that far.
function embeddedText(name) {
  return document.getElementById("embedded")?.content.getElementById(name)?.textContent ?? null;
}

const DETAILS_KEPT = 8;
const details = new Map(); // number -> promise of its detail
const pending = new Map(); // number -> callback for its script

function hiqaDetailLoaded(number, detail) { // called by the scripts in the assets folder
  pending.get(number)?.(detail);
  pending.delete(number);
}

// Everything that an opened entry shows. If it cannot be read, `error` says why.
function loadDetail(entry) {
  const { number } = entry;
  let detail = details.get(number);
  details.delete(number);
  detail ??= entry.detailAt === EMBEDDED ? embeddedDetail(number) : entry.detailAt === IN_FOLDER ? folderDetail(number) : null;
  detail ??= Promise.resolve({ pictures: {} });
  details.set(number, detail); // most recent last
  for (const old of details.keys()) {
    if (details.size <= DETAILS_KEPT) break;
    details.delete(old);
  }
  return detail;
}

async function embeddedDetail(number) {
  await documentLoaded;
  const text = embeddedText(`${number}.detail`);
  return text ? JSON.parse(text) : { pictures: {}, error: "This report file is truncated." };
}

function folderDetail(number) {
  return new Promise((resolve) => {
    const script = document.createElement("script");
    const end = (detail) => { script.remove(); resolve(detail); };
    pending.set(number, end);
    script.nonce = nonce;
    script.onerror = () => {
      pending.delete(number);
      details.delete(number);
      const folder = decodeURIComponent(facts.folder);
      end({ pictures: {}, error: `Images are missing: they are stored in the folder ${folder}, which must be next to this page.` });
    };
    script.src = policy.createScriptURL(`${facts.folder}/${number}.js`);
    document.head.append(script);
  });
}

// --- text and elements

const integers = new Intl.NumberFormat("en");
const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== "") element.textContent = text;
  return element;
}

function byId(id) {
  return document.getElementById(id);
}

function countText(number, one, many = `${one}s`) {
  return `${integers.format(number)} ${number === 1 ? one : many}`;
}

function grade(score) {
  const step = 100 / facts.grades.length;
  return facts.grades[Math.min(Math.max(Math.floor(score / step), 0), facts.grades.length - 1)];
}

// Half of the interval of a score or a change, points; an interval of all scores needs no decimals.
function halfWidthText(points) {
  return `± ${points >= 99.95 ? 100 : points.toFixed(1)}`;
}

function fileName(path) {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

function folderName(path) {
  return path.slice(0, path.length - fileName(path).length).replace(/[/\\]$/, "");
}

function fileSizeText(bytes) {
  const units = ["bytes", "kB", "MB", "GB"];
  const power = bytes < 1000 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  return `${power ? (bytes / 1000 ** power).toPrecision(3) : bytes} ${units[power]}`;
}

// A quantile of sorted numbers, with linear interpolation.
function quantile(sorted, fraction) {
  const position = (sorted.length - 1) * fraction;
  const low = Math.floor(position);
  return sorted[low] + (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]) * (position - low);
}

function percentText(part, all) {
  const percent = (100 * part) / all;
  return `${percent > 0 && percent < 10 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}

// The version, weights and settings of a run.
function settingsText(run) {
  const parts = [run.version && `hiqa ${run.version}`, run.weights && `weights ${run.weights}`, run.mode && `mode ${run.mode}`, run.precision,
    run.stride && `stride ${run.stride} px`];
  return parts.filter(Boolean).join(" · ");
}

function showHeading(more) {
  byId("heading").textContent = facts.title;
  const made = new Date(facts.created).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
  byId("made").textContent = [made, ...more].filter(Boolean).join(" · ");
  byId("warning").textContent = facts.warning;
  byId("warning").hidden = !facts.warning;
}
