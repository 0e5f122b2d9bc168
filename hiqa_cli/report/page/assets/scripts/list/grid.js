"use strict";
// A virtual grid: only cells in view exist, so ten thousand entries cost no more than fifty. For the keyboard and screen
// readers it is a listbox: one cell has the focus, arrows move it, Enter opens the entry, Space selects it.

const OVERSCAN = 2; // rows kept above and below the window
const PICTURES_PER_FRAME = 6; // decoding more would make fast scrolling stutter

class Grid {
  // shape: { minWidth, photo, text }: minimum width of a cell (px), height of its photo per width, height of its text (px).
  // build(): a new cell. fill(cell, entry): set its text. picture(cell, entry): set its thumbnail; false if the page has not
  // loaded that far. label(entry): for screen readers. open(index): open an entry.
  constructor(listing, selection, { shape, build, fill, picture, label, open }) {
    Object.assign(this, { listing, selection, shape, build, fill, picture, label, open });
    this.box = byId("grid");
    this.cells = new Map(); // index -> cell
    this.spare = [];
    this.unloaded = new Set(); // cells whose thumbnail is not set yet
    this.active = 0;
    this.columns = 1;
    this.pending = false;
    listing.onChange(() => this.reset());
    selection.onChange(() => {
      for (const cell of this.cells.values()) this.updateSelected(cell);
    });
    const scheduleDraw = () => this.scheduleDraw();
    addEventListener("scroll", scheduleDraw, { passive: true });
    new ResizeObserver(() => this.reset(true)).observe(this.box);
    addEventListener("resize", scheduleDraw);
    documentLoaded.then(() => this.scheduleDraw());
    this.connect();
  }

  get count() {
    return this.listing.shown.length;
  }

  scheduleDraw() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.draw();
    });
  }

  // Lay out the grid again after other entries or another order, or (sameEntries) after another width.
  reset(sameEntries = false) {
    if (!sameEntries) {
      this.active = 0;
      for (const index of [...this.cells.keys()]) this.release(index);
    }
    const width = this.box.clientWidth;
    if (!width) return;
    const gap = 12;
    this.columns = Math.max(2, Math.floor((width + gap) / (this.shape.minWidth + gap)));
    this.cellWidth = (width - gap * (this.columns - 1)) / this.columns;
    this.photoHeight = Math.round(this.cellWidth * this.shape.photo);
    this.rowHeight = this.photoHeight + this.shape.text + gap;
    this.stepX = this.cellWidth + gap;
    this.box.style.height = `${Math.max(0, Math.ceil(this.count / this.columns) * this.rowHeight - gap)}px`;
    this.box.style.setProperty("--photo", `${this.photoHeight}px`);
    for (const [index, cell] of this.cells) this.position(cell, index);
    this.draw();
  }

  draw() {
    const top = this.box.getBoundingClientRect().top;
    const firstRow = Math.max(0, Math.floor(-top / this.rowHeight) - OVERSCAN);
    const lastRow = Math.floor((innerHeight - top) / this.rowHeight) + OVERSCAN;
    const first = firstRow * this.columns, end = Math.min(this.count, (lastRow + 1) * this.columns);
    const wanted = new Set();
    for (let index = first; index < end; index += 1) wanted.add(index);
    if (this.active < this.count) wanted.add(this.active); // keep the focused cell
    for (const index of [...this.cells.keys()]) if (!wanted.has(index)) this.release(index);
    let next = this.box.firstElementChild; // keep cells in reading order
    for (const index of [...wanted].sort((a, b) => a - b)) {
      const cell = this.cells.get(index) ?? this.acquire(index);
      if (cell === next) next = next.nextElementSibling;
      else this.box.insertBefore(cell, next);
    }
    this.showPictures(top);
  }

  // Set a few thumbnails, cells in view first; the rest follow in the next frames.
  showPictures(top) {
    const inView = (cell) => {
      const y = top + Math.floor(cell.index / this.columns) * this.rowHeight;
      return y > -this.rowHeight && y < innerHeight;
    };
    const order = [...this.unloaded].sort((a, b) => inView(b) - inView(a) || a.index - b.index);
    let shown = 0;
    for (const cell of order.slice(0, PICTURES_PER_FRAME)) {
      if (!this.picture(cell, cell.entry)) continue;
      this.unloaded.delete(cell);
      shown += 1;
    }
    if (this.unloaded.size && shown) this.scheduleDraw();
  }

  acquire(index) {
    const cell = this.spare.pop() ?? this.newCell();
    this.cells.set(index, cell);
    const entry = this.listing.shown[index];
    cell.index = index;
    cell.entry = entry;
    cell.setAttribute("aria-setsize", this.count);
    cell.setAttribute("aria-posinset", index + 1);
    cell.setAttribute("aria-label", this.label(entry));
    cell.title = entry.path;
    this.fill(cell, entry);
    this.unloaded.add(cell);
    this.position(cell, index);
    this.updateSelected(cell);
    return cell;
  }

  release(index) {
    const cell = this.cells.get(index);
    this.cells.delete(index);
    this.unloaded.delete(cell);
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

  position(cell, index) {
    const x = (index % this.columns) * this.stepX, y = Math.floor(index / this.columns) * this.rowHeight;
    cell.style.width = `${this.cellWidth}px`;
    cell.style.transform = `translate(${x}px, ${y}px)`;
    cell.tabIndex = index === this.active ? 0 : -1;
  }

  updateSelected(cell) {
    const selected = this.selection.has(cell.entry);
    cell.setAttribute("aria-selected", selected);
    cell.classList.toggle("selected", selected);
  }

  // Move the focus to an entry and scroll it into view.
  focusEntry(index, focus = true) {
    if (!this.count) return;
    const old = this.cells.get(this.active);
    if (old) old.tabIndex = -1;
    this.active = Math.min(Math.max(index, 0), this.count - 1);
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
    this.box.addEventListener("enter", () => this.focusEntry(0));
    this.box.addEventListener("keydown", (event) => this.key(event));
    let anchor = 0;
    this.box.addEventListener("click", (event) => {
      const cell = event.target.closest(".cell");
      if (!cell) return;
      const { index, entry } = cell;
      if (event.shiftKey) this.selection.addAll(this.listing.shown.slice(Math.min(anchor, index), Math.max(anchor, index) + 1));
      else if (event.ctrlKey || event.metaKey || event.target.closest(".select")) this.selection.toggle(entry);
      this.focusEntry(index);
      if (!(event.shiftKey || event.ctrlKey || event.metaKey || event.target.closest(".select"))) this.open(index);
      anchor = index;
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
      if (event.shiftKey) this.selection.addAll([active, Math.min(Math.max(to, 0), this.count - 1)].map((index) => this.listing.shown[index]));
      if (inside || /^Page/.test(event.key)) this.focusEntry(to);
    } else if (event.key === "Home") this.focusEntry(0);
    else if (event.key === "End") this.focusEntry(this.count - 1);
    else if (event.key === "Enter") this.open(active);
    else if (event.key === " ") this.selection.toggle(this.listing.shown[active]);
    else if (event.key.toLowerCase() === "a" && (event.ctrlKey || event.metaKey)) this.selection.addAll(this.listing.shown);
    else if (event.key === "Escape") this.selection.clear();
    else return;
    event.preventDefault();
  }
}

// Remove the previous entry's thumbnails from a reused cell.
function resetThumbnails(images, box, entry) {
  box.classList.toggle("absent", entry.thumbnailAt === ABSENT);
  for (const image of images) {
    image.hidden = true;
    image.removeAttribute("src");
  }
}

// Return false if the page has not loaded that far.
function setThumbnail(image, entry, kind) {
  if (entry.thumbnailAt === ABSENT) return true;
  const url = thumbnailUrl(entry, kind);
  if (url) image.src = url;
  else image.removeAttribute("src");
  image.hidden = !url;
  return Boolean(url) || document.readyState !== "loading";
}
