"use strict";
// Which entries are shown and in which order: search, a range of values, sorting.

class Listing {
  // sorts: name -> { label, key(entry) -> number or text, first: "low" | "high" }. value(entry): what the range is about.
  constructor(entries, sorts, value) {
    this.entries = entries;
    this.sorts = sorts;
    this.value = value;
    this.words = [];
    this.from = -Infinity;
    this.to = Infinity;
    this.sort = Object.keys(sorts)[0];
    this.reversed = false;
    this.listeners = [];
    this.found = entries; // by the words alone: what the histogram shows
    this.shown = [];
    this.sorted = null;
  }

  onChange(listener) {
    this.listeners.push(listener);
  }

  search(text) {
    this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.found = this.words.length ? this.entries.filter((entry) => this.matches(entry.path)) : this.entries;
    this.update();
  }

  matches(path) {
    const lower = path.toLowerCase();
    return this.words.every((word) => lower.includes(word));
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
    this.sorted ??= this.inOrder();
    const everything = !this.words.length && !this.hasRange;
    const found = this.words.length ? new Set(this.found) : null;
    this.shown = everything ? this.sorted : this.sorted.filter((entry) => {
      const value = this.value(entry);
      return value >= this.from && value <= this.to && (!found || found.has(entry));
    });
    for (const listener of this.listeners) listener(this);
  }

  inOrder() {
    const { key, first } = this.sorts[this.sort];
    const keys = this.entries.map(key);
    const compare = typeof keys[0] === "string" ? (a, b) => collator.compare(keys[a], keys[b]) : (a, b) => keys[a] - keys[b];
    const sign = (first === "high") === this.reversed ? 1 : -1;
    const places = keys.map((_, place) => place).sort((a, b) => sign * compare(a, b) || a - b);
    return places.map((place) => this.entries[place]);
  }
}

// The controls of a listing: search field, sorting, the number of what is shown.
function connectControls(listing, noun) {
  const search = byId("search"), sort = byId("sort"), reverse = byId("reverse"), shown = byId("shown");
  for (const [name, { label }] of Object.entries(listing.sorts)) {
    const option = make("option", "", label);
    option.value = name;
    sort.append(option);
  }
  let waiting;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => listing.search(search.value), 80);
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && search.value) {
      event.preventDefault();
      search.value = "";
      listing.search("");
    } else if (event.key === "Enter" || event.key === "ArrowDown") {
      event.preventDefault();
      clearTimeout(waiting);
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
      ? counted(listing.entries.length, noun)
      : `${whole.format(listing.shown.length)} of ${counted(listing.entries.length, noun)}`;
    byId("nothing").hidden = listing.shown.length > 0;
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
