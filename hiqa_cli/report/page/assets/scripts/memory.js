"use strict";
// What outlives a reload: the selection, search, filters and order, and the opened picture, which is an entry of the
// browser's history, so that Back closes it.

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

// Search, filters, range and order, once their controls are connected.
function keepFilters(listing) {
  const search = byId("search"), reverse = byId("reverse"), lists = ["folder", "reason", "sort"].map(byId);
  const kept = remembered("filters");
  if (kept) {
    search.value = kept.search;
    listing.search(kept.search);
    for (const list of lists) {
      if ([...list.options].some(({ value }) => value === kept[list.id])) list.value = kept[list.id];
      list.dispatchEvent(new Event("change"));
    }
    if (kept.reversed) reverse.click();
    listing.range(kept.from ?? -Infinity, kept.to ?? Infinity); // JSON has no infinity
  }
  listing.onChange(() => {
    const { text, reversed, from, to } = listing;
    remember("filters", { search: text, reversed, from, to, ...Object.fromEntries(lists.map(({ id, value }) => [id, value])) });
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
