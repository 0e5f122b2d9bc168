"use strict";
// One entry, large: a dialog with the stage and everything that is known of it. Arrows go on, Escape closes.

class Viewer {
  // sides(entry, detail) -> [left, right or null]; readout(tile, left, right) -> text; describe(entry, detail) -> elements.
  constructor(listing, selection, grid, { sides, readout, heading, describe }) {
    Object.assign(this, { listing, selection, grid, sides, readout, heading, describe });
    this.detail = null;
    this.close = false; // whether the worst tile is shown pixel by pixel
    this.dialog = byId("viewer");
    this.stage = new Stage();
    this.place = 0;
    this.connect();
    selection.onChange(() => this.mark());
    listing.onChange(() => { if (this.dialog.open) this.dialog.close(); });
  }

  get entry() {
    return this.listing.shown[this.place];
  }

  async open(place) {
    if (!this.listing.shown.length) return;
    this.place = Math.min(Math.max(place, 0), this.listing.shown.length - 1);
    const { entry } = this;
    if (!this.dialog.open) {
      this.dialog.append(byId("voice")); // what lies outside a modal dialog is neither seen nor heard
      this.dialog.showModal();
    }
    byId("title").textContent = fileName(entry.path);
    byId("place").textContent = `${whole.format(this.place + 1)} of ${whole.format(this.listing.shown.length)}`;
    byId("previous").disabled = this.place === 0;
    byId("next").disabled = this.place === this.listing.shown.length - 1;
    this.heading(byId("verdict"), entry);
    this.mark();
    const detail = await loadDetail(entry);
    if (this.entry !== entry || !this.dialog.open) return; // gone on meanwhile
    this.detail = detail;
    byId("fault").textContent = detail.fault ?? "";
    byId("closeup").hidden = !detail.pictures.closeup;
    this.show(this.close);
    byId("about").replaceChildren(...this.describe(entry, detail));
    for (const near of [this.place + 1, this.place - 1]) {
      const neighbour = this.listing.shown[near];
      if (neighbour) loadDetail(neighbour);
    }
  }

  // The whole picture, or (close) its worst tile pixel by pixel where there is one.
  show(close) {
    const { entry, detail } = this;
    this.close = close;
    const closely = close && Boolean(detail.pictures.closeup);
    const [left, right] = closely ? closeSides(entry, detail) : this.sides(entry, detail);
    byId("closeup").setAttribute("aria-pressed", closely);
    this.stage.show(left, right, (tile) => this.readout(tile, left, right, this.stage));
  }

  step(by) {
    const to = this.place + by;
    if (to >= 0 && to < this.listing.shown.length) this.open(to).then(() => say(`${byId("title").textContent}, ${byId("place").textContent}`, false));
  }

  mark() {
    if (!this.dialog.open) return;
    const button = byId("select-this");
    const selected = this.selection.has(this.entry);
    button.setAttribute("aria-pressed", selected);
    button.textContent = selected ? "Selected" : "Select";
  }

  connect() {
    byId("close").addEventListener("click", () => this.dialog.close());
    byId("previous").addEventListener("click", () => this.step(-1));
    byId("next").addEventListener("click", () => this.step(1));
    byId("select-this").addEventListener("click", () => this.selection.toggle(this.entry));
    byId("worst-tile").addEventListener("click", () => this.worstTile());
    byId("closeup").addEventListener("click", () => this.show(!this.close));
    this.dialog.addEventListener("close", () => {
      document.body.append(byId("voice"));
      this.grid.go(this.place);
    });
    this.dialog.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const focused = document.activeElement;
    const ownKeys = /^(range|radio)$/.test(focused?.type ?? ""); // arrows move these themselves
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in arrows && event.shiftKey) this.stage.stepTile(...arrows[event.key]);
    else if (event.key in arrows && !ownKeys && arrows[event.key][0]) this.step(arrows[event.key][0]);
    else if (event.key === "h") this.flip();
    else if (event.key === "d") this.stage.setOverlay("discrepancy");
    else if (event.key === "q") this.stage.setOverlay("quality");
    else if (event.key === "w") this.worstTile();
    else if (event.key === "1" && this.detail?.pictures.closeup) this.show(!this.close);
    else if (event.key === "x") this.selection.toggle(this.entry);
    else return;
    event.preventDefault();
  }

  worstTile() {
    if (this.close) this.show(false);
    this.stage.worstTile();
  }

  // All of one picture, then all of the other: the eye sees what changes.
  flip() {
    const { split } = this.stage;
    if (split.disabled) return;
    split.value = Number(split.value) > 0 ? 0 : 100;
    this.stage.draw();
  }
}

// The two sides of the tile with the lowest score.
function closeSides(entry, { pictures, closeup_score: score }) {
  const [width, height] = [entry.width, entry.height].map((length) => Math.min(length, facts.tile));
  const side = (name, url) => ({ name, pictures: { distorted: url }, tiles: null, width, height });
  const imagined = pictures.closeup_hallucination;
  return [side(`worst tile, ${score.toFixed(1)}`, pictures.closeup), imagined ? side("hallucinated", imagined) : null];
}

// A table of (name, value) for the side of the viewer; empty values are left out.
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
  button.addEventListener("click", async () => say((await copyText(path)) ? "Path copied" : "This browser did not let the page copy"));
  box.append(make("span", "", path), button);
  return box;
}
