"use strict";
// Which entries are shown, and in which order: search, filters, value range, sorting.

class Listing {
  // sorts: name -> { label, key(entry) -> number or text, descending }. value(entry): the number that the range filters.
  constructor(entries, sorts, value) {
    this.entries = entries;
    this.sorts = sorts;
    this.value = value;
    this.query = null; // of the search, see query.js
    this.text = "";
    this.filters = {}; // name -> function of an entry, or null
    this.from = -Infinity;
    this.to = Infinity;
    this.sort = Object.keys(sorts)[0];
    this.reversed = false;
    this.listeners = [];
    this.entriesListeners = [];
    this.isFiltered = false;
    this.matching = entries; // those that match search and filters, in or out of the range
    this.shown = [];
    this.sorted = null;
  }

  onChange(listener) {
    this.listeners.push(listener);
  }

  onEntries(listener) {
    this.entriesListeners.push(listener);
  }

  // Show other entries.
  setEntries(entries) {
    this.entries = entries;
    this.sorted = null;
    for (const listener of this.entriesListeners) listener();
    this.match();
  }

  search(text) {
    if (text === this.text) return;
    this.text = text;
    this.query = parseQuery(text);
    this.match();
  }

  filter(filters) {
    Object.assign(this.filters, filters);
    this.match();
  }

  match() {
    const chosen = Object.values(this.filters).filter(Boolean);
    this.isFiltered = Boolean(this.query) || chosen.length > 0;
    this.matching = this.isFiltered
      ? this.entries.filter((entry) => this.matches(entry.path) && chosen.every((filter) => filter(entry)))
      : this.entries;
    this.update();
  }

  matches(path) {
    return !this.query || this.query(path.toLowerCase());
  }

  range(from, to) {
    this.from = from;
    this.to = to;
    this.update();
  }

  get hasRange() {
    return this.from > -Infinity || this.to < Infinity;
  }

  order(sort, reversed) {
    this.sort = sort;
    this.reversed = reversed;
    this.sorted = null;
    this.update();
  }

  update() {
    this.sorted ??= this.sortedEntries();
    const everything = !this.isFiltered && !this.hasRange;
    const matching = this.isFiltered ? new Set(this.matching) : null;
    this.shown = everything ? this.sorted : this.sorted.filter((entry) => {
      const value = this.value(entry);
      return value >= this.from && value <= this.to && (!matching || matching.has(entry));
    });
    for (const listener of this.listeners) listener(this);
  }

  sortedEntries() {
    const { key, descending = false } = this.sorts[this.sort];
    const keys = this.entries.map(key);
    const compare = typeof keys[0] === "string" ? (a, b) => collator.compare(keys[a], keys[b]) : (a, b) => keys[a] - keys[b];
    const sign = descending === this.reversed ? 1 : -1;
    const indices = keys.map((_, index) => index).sort((a, b) => sign * compare(a, b) || a - b);
    return indices.map((index) => this.entries[index]);
  }
}

// Connect the search field, the sort controls and the number of shown entries.
function connectControls(listing, noun) {
  const search = byId("search"), sort = byId("sort"), reverse = byId("reverse"), shown = byId("shown");
  for (const [name, { label }] of Object.entries(listing.sorts)) {
    const option = make("option", "", label);
    option.value = name;
    sort.append(option);
  }
  let timer;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => listing.search(search.value), 80);
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && search.value) {
      event.preventDefault();
      search.value = "";
      listing.search("");
    } else if (event.key === "Enter" || event.key === "ArrowDown") {
      event.preventDefault();
      clearTimeout(timer);
      listing.search(search.value);
      byId("grid").dispatchEvent(new CustomEvent("enter"));
    }
  });
  sort.addEventListener("change", () => listing.order(sort.value, listing.reversed));
  reverse.addEventListener("click", () => {
    const reversed = reverse.getAttribute("aria-pressed") !== "true";
    reverse.setAttribute("aria-pressed", reversed);
    listing.order(listing.sort, reversed);
  });
  listing.onChange(() => {
    const all = listing.shown.length === listing.entries.length;
    shown.textContent = all
      ? countText(listing.entries.length, noun)
      : `${integers.format(listing.shown.length)} of ${countText(listing.entries.length, noun)}`;
    byId("no-matches").hidden = listing.shown.length > 0;
  });
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName ?? "")
      && !/^(range|radio|checkbox)$/.test(document.activeElement.type);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      document.querySelector("dialog[open]")?.close();
      search.focus();
      search.select();
    }
  });
}
