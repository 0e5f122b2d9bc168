"use strict";
// The dialog of an opened entry: the pictures and all details. Arrow keys move to other entries, or pan a picture that is
// larger than its pane; Escape and the browser's Back close it.

class Viewer {
  // sides(entry, detail) -> [left, right or null]; readout(tile, left, right) -> text; describe(entry, detail) -> elements.
  constructor(listing, selection, grid, { sides, readout, heading, describe }) {
    Object.assign(this, { listing, selection, grid, sides, readout, heading, describe });
    this.detail = null;
    this.dialog = byId("viewer");
    this.stage = new Stage();
    this.index = 0;
    this.history = new OpenedHistory({
      open: (number) => this.openNumber(number),
      close: () => { if (this.dialog.open) this.dialog.close(); },
    });
    this.connect();
    selection.onChange(() => this.updateSelected());
    listing.onChange(() => { if (this.dialog.open) this.dialog.close(); });
  }

  get entry() {
    return this.listing.shown[this.index];
  }

  openNumber(number) {
    const index = this.listing.shown.findIndex((entry) => entry.number === number);
    if (index >= 0) this.open(index);
  }

  async open(index) {
    if (!this.listing.shown.length) return;
    this.index = Math.min(Math.max(index, 0), this.listing.shown.length - 1);
    const { entry } = this;
    this.showDialog(entry);
    byId("title").textContent = fileName(entry.path);
    byId("position").textContent = `${integers.format(this.index + 1)} of ${integers.format(this.listing.shown.length)}`;
    byId("previous").disabled = this.index === 0;
    byId("next").disabled = this.index === this.listing.shown.length - 1;
    this.heading(byId("score"), entry);
    this.updateSelected();
    const detail = await loadDetail(entry);
    if (this.entry !== entry || !this.dialog.open) return; // another entry was opened meanwhile
    this.showDetail(entry, detail, this.sides(entry, detail));
    for (const near of [this.index + 1, this.index - 1]) {
      const neighbour = this.listing.shown[near];
      if (neighbour) loadDetail(neighbour);
    }
  }

  // Two entries side by side, at one zoom.
  async openTwo(one, other) {
    this.index = Math.max(this.listing.shown.indexOf(one), 0);
    this.showDialog(one);
    byId("title").textContent = `${fileName(one.path)} and ${fileName(other.path)}`;
    byId("position").textContent = "2 selected";
    byId("previous").disabled = byId("next").disabled = true;
    byId("score").replaceChildren();
    this.updateSelected();
    const details = await Promise.all([one, other].map(loadDetail));
    const [left, right] = [one, other].map((entry, place) => ({ ...this.sides(entry, details[place])[0], name: fileName(entry.path) }));
    this.stage.isBeside = true;
    this.showDetail(one, details[0], [left, right]);
    byId("about").append(make("h2", "", fileName(other.path)), ...this.describe(other, details[1]));
  }

  showDialog(entry) {
    this.history.opened(entry.number);
    if (this.dialog.open) return;
    this.stage.view.fit();
    this.dialog.append(byId("announcer")); // outside a modal dialog it would be inert
    this.dialog.showModal();
  }

  showDetail(entry, detail, [left, right]) {
    this.detail = detail;
    byId("detail-error").textContent = detail.error ?? "";
    this.stage.show(left, right, (tile) => this.readout(tile, left, right));
    byId("worst-tile").disabled = !left.tiles;
    byId("about").replaceChildren(...this.describe(entry, detail));
  }

  step(by) {
    const to = this.index + by;
    if (byId(by < 0 ? "previous" : "next").disabled || to < 0 || to >= this.listing.shown.length) return;
    this.open(to).then(() => announce(`${byId("title").textContent}, ${byId("position").textContent}`, false));
  }

  updateSelected() {
    if (!this.dialog.open) return;
    const button = byId("select-this");
    const selected = this.selection.has(this.entry);
    button.setAttribute("aria-pressed", selected);
    button.textContent = selected ? "Selected" : "Select";
  }

  connect() {
    const { stage } = this;
    const actions = {
      close: () => this.dialog.close(),
      previous: () => this.step(-1),
      next: () => this.step(1),
      "select-this": () => this.selection.toggle(this.entry),
      "worst-tile": () => stage.worstTile(),
      actual: () => stage.toggleActual(),
      fit: () => stage.fit(),
      "zoom-in": () => stage.zoomStep(1),
      "zoom-out": () => stage.zoomStep(-1),
      beside: () => stage.toggleBeside(),
    };
    for (const [name, action] of Object.entries(actions)) byId(name).addEventListener("click", action);
    this.dialog.addEventListener("close", () => {
      document.body.append(byId("announcer"));
      this.grid.focusEntry(this.index);
      this.history.closed();
    });
    this.dialog.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { stage } = this;
    const ownKeys = /^(range|radio)$/.test(document.activeElement?.type ?? ""); // these handle arrow keys themselves
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const keys = {
      h: () => this.switchSides(),
      d: () => stage.setOverlay("discrepancy"),
      q: () => stage.setOverlay("quality"),
      w: () => stage.worstTile(),
      s: () => { if (stage.right) stage.toggleBeside(); },
      x: () => this.selection.toggle(this.entry),
      1: () => stage.toggleActual(),
      0: () => stage.fit(),
      "+": () => stage.zoomStep(1),
      "=": () => stage.zoomStep(1),
      "-": () => stage.zoomStep(-1),
      PageUp: () => this.step(-1),
      PageDown: () => this.step(1),
    };
    if (event.key in arrows && event.shiftKey) stage.stepTile(...arrows[event.key]);
    else if (event.key in arrows && !ownKeys && stage.view.overflows) stage.panStep(...arrows[event.key]);
    else if (event.key in arrows && !ownKeys && arrows[event.key][0]) this.step(arrows[event.key][0]);
    else if (event.key in keys && !(ownKeys && event.key.startsWith("Page"))) keys[event.key]();
    else return;
    event.preventDefault();
  }

  // Switch between all of one image and all of the other.
  switchSides() {
    const { split } = this.stage;
    if (split.disabled) return;
    split.value = Number(split.value) > 0 ? 0 : 100;
    this.stage.draw();
  }
}

// The pieces of a picture at full size, as a layer takes them; null if the picture has none. prefix: of its kinds.
function fullSize(entry, detail, prefix = "") {
  const kinds = (detail.full?.kinds ?? []).filter((kind) => kind.startsWith(prefix));
  if (!kinds.length) return null;
  return Object.fromEntries(kinds.map((kind) => [kind.slice(prefix.length), (index) => pieceUrl(entry, detail, kind, index)]));
}

// One to five filled cells: a grade without colour.
function meter(score) {
  const box = make("span", "meter");
  box.setAttribute("aria-hidden", "true");
  box.dataset.filled = facts.grades.indexOf(grade(score)) + 1;
  box.append(...facts.grades.map(() => make("i")));
  return box;
}

// A list of (name, value) for the side panel; empty values are left out.
function factTable(rows) {
  const list = make("dl", "facts");
  for (const [name, value] of rows) {
    if (value === null || value === undefined || value === "") continue;
    list.append(make("dt", "", name), make("dd", "", value));
  }
  return list;
}

function pathWithCopy(path) {
  const box = make("p", "path");
  const button = make("button", "small", "Copy path");
  button.type = "button";
  button.addEventListener("click", async () => announce((await copyText(path)) ? "Path copied." : "The browser blocked copying."));
  box.append(make("span", "", path), button);
  return box;
}
