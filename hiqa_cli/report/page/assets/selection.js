"use strict";
// Selected entries: their paths copied, or saved as a list that `hiqa score --files-from` takes.

class Selection {
  constructor() {
    this.entries = new Set();
    this.listeners = [];
  }

  onChange(listener) {
    this.listeners.push(listener);
  }

  has(entry) {
    return this.entries.has(entry);
  }

  toggle(entry) {
    if (!this.entries.delete(entry)) this.entries.add(entry);
    this.changed();
  }

  addAll(entries) {
    for (const entry of entries) this.entries.add(entry);
    this.changed();
  }

  clear() {
    this.entries.clear();
    this.changed();
  }

  changed() {
    for (const listener of this.listeners) listener(this);
  }
}

// The bytes of a path: UTF-8, and bytes that never were UTF-8, which stand as U+DC80..U+DCFF, as they were.
function bytesOfPath(path) {
  const encoder = new TextEncoder();
  const parts = path.split(/([\udc80-\udcff])/u);
  const pieces = parts.map((part) => (/^[\udc80-\udcff]$/u.test(part) ? Uint8Array.of(part.charCodeAt(0) - 0xdc00) : encoder.encode(part)));
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

// Paths that hold line ends, or end in what a list would take off, need a list whose names end in NUL.
function needsNul(paths) {
  return paths.some((path) => /\n|\r$/.test(path)) || (paths[0] ?? "").startsWith("\ufeff");
}

function listOfPaths(paths) {
  const nul = needsNul(paths);
  const end = Uint8Array.of(nul ? 0 : 10);
  return { nul, blob: new Blob(paths.flatMap((path) => [bytesOfPath(path), end]), { type: "application/octet-stream" }) };
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = make("textarea", "offscreen"); // browsers that give pages from disk no clipboard
    field.value = text;
    (document.querySelector("dialog[open]") ?? document.body).append(field);
    const focused = document.activeElement;
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    focused?.focus();
    return done;
  }
}

// The bar of what is selected. paths(entry): those of an entry; name: of the list that is saved.
function connectSelection(selection, listing, paths, name) {
  const bar = byId("selection"), number = byId("selected"), all = byId("select-all");
  const chosen = () => listing.entries.filter((entry) => selection.has(entry)).flatMap(paths);
  selection.onChange(() => {
    const count = selection.entries.size;
    bar.classList.toggle("some", count > 0);
    number.textContent = count ? `${whole.format(count)} selected` : "";
    for (const button of bar.querySelectorAll("button[data-needs]")) button.disabled = !count;
  });
  all.addEventListener("click", () => selection.addAll(listing.shown));
  byId("select-none").addEventListener("click", () => selection.clear());
  byId("copy").addEventListener("click", async () => {
    const list = chosen();
    const done = await copyText(list.join("\n"));
    const lossy = list.filter((path) => path.isWellFormed?.() === false).length;
    const warning = lossy ? `; ${counted(lossy, "name holds", "names hold")} bytes that no text can carry: save the list instead` : "";
    say(done ? `${counted(list.length, "path")} copied${warning}` : "This browser did not let the page copy; save the list instead");
  });
  byId("save").addEventListener("click", () => {
    const list = chosen();
    const { nul, blob } = listOfPaths(list);
    const link = make("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    say(`${counted(list.length, "path")} saved as ${name}: hiqa score --files-from ${name}${nul ? " -0 (some names hold line ends)" : ""}`);
  });
  selection.changed();
}
