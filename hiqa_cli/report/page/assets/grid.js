"use strict";
// A grid of which only the cells in view exist: ten thousand entries cost no more than fifty. A listbox to the keyboard
// and to screen readers: one cell has the focus, arrows move it, Enter opens it, Space selects it.

const OVERSCAN = 2; // rows beyond the window that are kept ready
const PICTURES_A_FRAME = 6; // decoding more at once would hold up fast scrolling

class Grid {
  // shape: { least, photo, text }: least width of a cell in px, height of its photograph per width, px of text below.
  // build(): an empty cell; fill(cell, entry): give it its words; picture(cell, entry): its thumbnail, false where that
  // is not there yet; label(entry): for a screen reader.
  constructor(listing, selection, { shape, build, fill, picture, label, open }) {
    Object.assign(this, { listing, selection, shape, build, fill, picture, label, open });
    this.box = byId("grid");
    this.cells = new Map(); // place -> cell
    this.spare = [];
    this.bare = new Set(); // cells whose picture is still to come
    this.active = 0;
    this.columns = 1;
    this.pending = false;
    listing.onChange(() => this.reset());
    selection.onChange(() => this.mark());
    const later = () => this.later();
    addEventListener("scroll", later, { passive: true });
    new ResizeObserver(() => this.reset(true)).observe(this.box);
    addEventListener("resize", later);
    documentRead.then(() => this.later());
    this.connect();
  }

  get count() {
    return this.listing.shown.length;
  }

  later() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.draw();
    });
  }

  // Everything anew: another order, other entries, or (keeps) another width.
  reset(keeps = false) {
    if (!keeps) {
      this.active = 0;
      for (const place of [...this.cells.keys()]) this.put(place);
    }
    const width = this.box.clientWidth;
    if (!width) return;
    const gap = 12;
    this.columns = Math.max(2, Math.floor((width + gap) / (this.shape.least + gap)));
    this.cellWidth = (width - gap * (this.columns - 1)) / this.columns;
    this.photoHeight = Math.round(this.cellWidth * this.shape.photo);
    this.rowHeight = this.photoHeight + this.shape.text + gap;
    this.stepX = this.cellWidth + gap;
    this.box.style.height = `${Math.max(0, Math.ceil(this.count / this.columns) * this.rowHeight - gap)}px`;
    this.box.style.setProperty("--photo", `${this.photoHeight}px`);
    for (const [place, cell] of this.cells) this.lay(cell, place);
    this.draw();
  }

  draw() {
    const top = this.box.getBoundingClientRect().top;
    const firstRow = Math.max(0, Math.floor(-top / this.rowHeight) - OVERSCAN);
    const lastRow = Math.floor((innerHeight - top) / this.rowHeight) + OVERSCAN;
    const first = firstRow * this.columns, end = Math.min(this.count, (lastRow + 1) * this.columns);
    const wanted = new Set();
    for (let place = first; place < end; place += 1) wanted.add(place);
    if (this.active < this.count) wanted.add(this.active); // never lose the focus
    for (const place of [...this.cells.keys()]) if (!wanted.has(place)) this.put(place);
    let next = this.box.firstElementChild; // cells stand in reading order
    for (const place of [...wanted].sort((a, b) => a - b)) {
      const cell = this.cells.get(place) ?? this.take(place);
      if (cell === next) next = next.nextElementSibling;
      else this.box.insertBefore(cell, next);
    }
    this.showPictures(top);
  }

  // A few pictures, those in view first; the rest with the next frames.
  showPictures(top) {
    const inView = (cell) => {
      const y = top + Math.floor(cell.place / this.columns) * this.rowHeight;
      return y > -this.rowHeight && y < innerHeight;
    };
    const order = [...this.bare].sort((a, b) => inView(b) - inView(a) || a.place - b.place);
    let shown = 0;
    for (const cell of order.slice(0, PICTURES_A_FRAME)) {
      if (!this.picture(cell, cell.entry)) continue;
      this.bare.delete(cell);
      shown += 1;
    }
    if (this.bare.size && shown) this.later();
  }

  take(place) {
    const cell = this.spare.pop() ?? this.newCell();
    this.cells.set(place, cell);
    const entry = this.listing.shown[place];
    cell.place = place;
    cell.entry = entry;
    cell.setAttribute("aria-setsize", this.count);
    cell.setAttribute("aria-posinset", place + 1);
    cell.setAttribute("aria-label", this.label(entry));
    cell.title = entry.path;
    this.fill(cell, entry);
    this.bare.add(cell);
    this.lay(cell, place);
    this.markCell(cell);
    return cell;
  }

  put(place) {
    const cell = this.cells.get(place);
    this.cells.delete(place);
    this.bare.delete(cell);
    if (cell.contains(document.activeElement)) cell.blur();
    cell.remove();
    this.spare.push(cell);
  }

  newCell() {
    const cell = this.build();
    cell.classList.add("cell");
    cell.setAttribute("role", "option");
    return cell;
  }

  lay(cell, place) {
    const x = (place % this.columns) * this.stepX, y = Math.floor(place / this.columns) * this.rowHeight;
    cell.style.width = `${this.cellWidth}px`;
    cell.style.transform = `translate(${x}px, ${y}px)`;
    cell.tabIndex = place === this.active ? 0 : -1;
  }

  mark() {
    for (const cell of this.cells.values()) this.markCell(cell);
  }

  markCell(cell) {
    const selected = this.selection.has(cell.entry);
    cell.setAttribute("aria-selected", selected);
    cell.classList.toggle("selected", selected);
  }

  // Make a place the one with the focus, and bring it into view.
  go(place, focus = true) {
    if (!this.count) return;
    const old = this.cells.get(this.active);
    if (old) old.tabIndex = -1;
    this.active = Math.min(Math.max(place, 0), this.count - 1);
    const top = Math.floor(this.active / this.columns) * this.rowHeight + this.box.getBoundingClientRect().top;
    const above = byId("toolbar").getBoundingClientRect().bottom + 8;
    const below = innerHeight - 8;
    if (top < above) scrollBy(0, top - above);
    else if (top + this.rowHeight > below) scrollBy(0, Math.min(top + this.rowHeight - below, top - above));
    this.draw();
    const cell = this.cells.get(this.active);
    cell.tabIndex = 0;
    if (focus) cell.focus({ preventScroll: true });
  }

  connect() {
    this.box.addEventListener("enter", () => this.go(0));
    this.box.addEventListener("keydown", (event) => this.key(event));
    let anchor = 0;
    this.box.addEventListener("click", (event) => {
      const cell = event.target.closest(".cell");
      if (!cell) return;
      const { place, entry } = cell;
      if (event.shiftKey) this.selection.addAll(this.listing.shown.slice(Math.min(anchor, place), Math.max(anchor, place) + 1));
      else if (event.ctrlKey || event.metaKey || event.target.closest(".mark")) this.selection.toggle(entry);
      this.go(place);
      if (!(event.shiftKey || event.ctrlKey || event.metaKey || event.target.closest(".mark"))) this.open(place);
      anchor = place;
    });
  }

  key(event) {
    if (event.altKey) return;
    const { columns, active } = this;
    const page = columns * Math.max(1, Math.floor(innerHeight / this.rowHeight) - 1);
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, PageUp: -page, PageDown: page };
    if (event.key in steps) {
      const to = active + steps[event.key];
      const inside = to >= 0 && to < this.count;
      if (event.shiftKey) this.selection.addAll([active, Math.min(Math.max(to, 0), this.count - 1)].map((place) => this.listing.shown[place]));
      if (inside || /^Page/.test(event.key)) this.go(to);
    } else if (event.key === "Home") this.go(0);
    else if (event.key === "End") this.go(this.count - 1);
    else if (event.key === "Enter") this.open(active);
    else if (event.key === " ") this.selection.toggle(this.listing.shown[active]);
    else if (event.key.toLowerCase() === "a" && (event.ctrlKey || event.metaKey)) this.selection.addAll(this.listing.shown);
    else if (event.key === "Escape") this.selection.clear();
    else return;
    event.preventDefault();
  }
}

// Take the pictures of another entry off a cell that is used again.
function bareThumbnails(images, box, entry) {
  box.classList.toggle("empty", entry.thumbnailAt === NOWHERE);
  for (const image of images) {
    image.hidden = true;
    image.removeAttribute("src");
  }
}

// False where the page has not been read that far.
function setThumbnail(image, entry, kind) {
  if (entry.thumbnailAt === NOWHERE) return true;
  const url = thumbnailUrl(entry, kind);
  if (url) image.src = url;
  else image.removeAttribute("src");
  image.hidden = !url;
  return Boolean(url) || document.readyState !== "loading";
}
