"use strict";
// The selected entries; copies their paths or saves them as a list for `hiqa score --files-from`.

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

  // Drop all others.
  keepOnly(entries) {
    const known = new Set(entries);
    for (const entry of this.entries) if (!known.has(entry)) this.entries.delete(entry);
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

// The bytes of a path: UTF-8, except that U+DC80..U+DCFF stand for the original bytes that are not UTF-8.
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

// Paths with line breaks, or with characters that reading a list strips, need NUL as separator.
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
    const field = make("textarea", "offscreen"); // some browsers give pages from disk no clipboard access
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

// Connect the selection bar. paths(entry): the paths of an entry. name: file name of the saved list.
function connectSelection(selection, listing, paths, name) {
  const bar = byId("selection"), number = byId("selected"), all = byId("select-all");
  const chosen = () => listing.entries.filter((entry) => selection.has(entry)).flatMap(paths);
  selection.onChange(() => {
    const count = selection.entries.size;
    bar.classList.toggle("some", count > 0);
    number.textContent = count ? `${integers.format(count)} selected` : "";
    for (const button of bar.querySelectorAll("button[data-needs-selection]")) button.disabled = !count;
  });
  all.addEventListener("click", () => selection.addAll(listing.shown));
  byId("select-none").addEventListener("click", () => selection.clear());
  byId("copy").addEventListener("click", async () => {
    const list = chosen();
    const done = await copyText(list.join("\n"));
    const lossy = list.filter((path) => path.isWellFormed?.() === false).length;
    const warning = lossy ? `. ${countText(lossy, "name contains", "names contain")} bytes that are not UTF-8; save the path list instead.` : "";
    announce(done ? `${countText(list.length, "path")} copied${warning}` : "The browser blocked copying; save the path list instead.");
  });
  byId("save").addEventListener("click", () => {
    const list = chosen();
    const { nul, blob } = listOfPaths(list);
    const link = make("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    announce(`${countText(list.length, "path")} saved. Score them with: hiqa score --files-from ${name}${nul ? " -0 (some names contain line breaks)" : ""}`);
  });
  selection.changed();
}
