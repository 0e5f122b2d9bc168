"use strict";
// What outlives a reload: the selection, and the opened picture, which is an entry of the browser's history, so that Back
// closes it.

// Storage may be full, or forbidden to pages from disk.
function remembered(name) {
  try {
    return JSON.parse(localStorage.getItem(`hiqa ${facts.id} ${name}`));
  } catch {
    return null;
  }
}

function remember(name, value) {
  try {
    const key = `hiqa ${facts.id} ${name}`;
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
  } catch { /* the page works without */ }
}

function keepSelection(selection, entries) {
  const numbers = remembered("selection");
  if (Array.isArray(numbers)) {
    const known = new Set(numbers);
    selection.addAll(entries.filter(({ number }) => known.has(number)));
  }
  selection.onChange(() => {
    remember("selection", selection.entries.size ? [...selection.entries].map(({ number }) => number) : null);
  });
}

// open(number): open an entry. close(): close it.
class OpenedHistory {
  constructor({ open, close }) {
    addEventListener("popstate", ({ state }) => {
      if (state?.opened === undefined) close();
      else open(state.opened);
    });
    this.reopen = () => {
      if (history.state?.opened !== undefined) open(history.state.opened);
    };
  }

  opened(number) {
    const state = { opened: number };
    if (history.state?.opened === undefined) history.pushState(state, "");
    else history.replaceState(state, "");
  }

  closed() {
    if (history.state?.opened !== undefined) history.back();
  }
}
