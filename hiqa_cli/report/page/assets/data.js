"use strict";
// What the report holds: facts, rows, and pictures that are read when they are seen.
// Names of files and EXIF are data: they reach the page as text content, titles and labels only, never as markup.

const facts = JSON.parse(document.getElementById("facts").textContent);
const NOWHERE = 0, INSIDE = 1, BESIDE = 2; // where a thumbnail or a detail lies, as page_writer.py says it
const nonce = document.currentScript.nonce;
const documentRead = new Promise((resolve) => {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", resolve, { once: true });
  else resolve();
});

// The one place where a string may become the address of a script: a numbered file of the report's own folder.
const OWN_SCRIPT = /^[\w.~%-]+\/\d+\.js$/;
const policy = window.trustedTypes
  ? window.trustedTypes.createPolicy("hiqa", { createScriptURL: ownScript })
  : { createScriptURL: ownScript };

function ownScript(url) {
  if (!OWN_SCRIPT.test(url)) throw new TypeError("not a script of this report");
  return url;
}

function rowsOfThePage() {
  return JSON.parse(document.getElementById("rows").textContent);
}

// Row values, from the place `start` on, into an object by the names of facts.fields.
function takeFields(entry, values, start = 0) {
  facts.fields.forEach((name, place) => { entry[name] = values[start + place]; });
  return entry;
}

// The address of a small picture, or null while the page is still being read.
function thumbnailUrl(entry, kind) {
  if (entry.thumbnailAt === BESIDE) return `${facts.folder}/${entry.number}.${kind}.webp`;
  return inside(`${entry.number}.${kind}`);
}

// Text that lies inside the page under this name, or null while the page is still being read.
function inside(name) {
  return document.getElementById("inside")?.content.getElementById(name)?.textContent ?? null;
}

const DETAILS_KEPT = 8;
const details = new Map(); // number -> promise of its detail
const awaited = new Map(); // number -> what to call when its script has run

function hiqaArrived(number, detail) { // called by the scripts beside the page
  awaited.get(number)?.(detail);
  awaited.delete(number);
}

// Everything that an opened entry shows; an object with `fault` where it cannot be had.
function loadDetail(entry) {
  const { number } = entry;
  let detail = details.get(number);
  details.delete(number);
  detail ??= entry.detailAt === INSIDE ? detailInside(number) : entry.detailAt === BESIDE ? detailBeside(number) : null;
  detail ??= Promise.resolve({ pictures: {} });
  details.set(number, detail); // the last asked for stands last
  for (const old of details.keys()) {
    if (details.size <= DETAILS_KEPT) break;
    details.delete(old);
  }
  return detail;
}

async function detailInside(number) {
  await documentRead;
  const text = inside(`${number}.detail`);
  return text ? JSON.parse(text) : { pictures: {}, fault: "This file is not whole." };
}

function detailBeside(number) {
  return new Promise((resolve) => {
    const script = document.createElement("script");
    const end = (detail) => { script.remove(); resolve(detail); };
    awaited.set(number, end);
    script.nonce = nonce;
    script.onerror = () => {
      awaited.delete(number);
      details.delete(number);
      const folder = decodeURIComponent(facts.folder);
      end({ pictures: {}, fault: `The pictures of this image lie in the folder ${folder}, which is not beside this page.` });
    };
    script.src = policy.createScriptURL(`${facts.folder}/${number}.js`);
    document.head.append(script);
  });
}

// --- words and elements

const whole = new Intl.NumberFormat("en");
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

function counted(number, one, many = `${one}s`) {
  return `${whole.format(number)} ${number === 1 ? one : many}`;
}

function grade(score) {
  const step = 100 / facts.grades.length;
  return facts.grades[Math.min(Math.max(Math.floor(score / step), 0), facts.grades.length - 1)];
}

function fileName(path) {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

function folderName(path) {
  return path.slice(0, path.length - fileName(path).length).replace(/[/\\]$/, "");
}

function bytesInWords(bytes) {
  const units = ["bytes", "kB", "MB", "GB"];
  const power = bytes < 1000 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  return `${power ? (bytes / 1000 ** power).toPrecision(3) : bytes} ${units[power]}`;
}

// The number below which `share` of the sorted numbers lie, between neighbours in proportion.
function quantile(sorted, share) {
  const place = (sorted.length - 1) * share;
  const low = Math.floor(place);
  return sorted[low] + (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]) * (place - low);
}

function sharePercent(part, all) {
  const share = (100 * part) / all;
  return `${share > 0 && share < 10 ? share.toFixed(1) : share.toFixed(0)} %`;
}

// What a run was scored with.
function madeWith(run) {
  const parts = [run.version && `hiqa ${run.version}`, run.weights && `weights ${run.weights}`, run.mode && `mode ${run.mode}`, run.precision,
    run.stride && `stride ${run.stride} px`];
  return parts.filter(Boolean).join(" · ");
}

function showHeading(more) {
  byId("heading").textContent = facts.title;
  const made = new Date(facts.created).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
  byId("made").textContent = [made, ...more].filter(Boolean).join(" · ");
  byId("unfinished").textContent = facts.unfinished;
  byId("unfinished").hidden = !facts.unfinished;
}

// --- said to a screen reader, and shown for a moment

let silence;
function say(text, seen = true) {
  const voice = byId("voice");
  voice.textContent = text;
  voice.classList.toggle("unseen", !seen);
  clearTimeout(silence);
  silence = setTimeout(() => { voice.textContent = ""; }, 6000);
}
