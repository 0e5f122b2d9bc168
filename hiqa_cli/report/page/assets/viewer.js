"use strict";
// The dialog of an opened entry: the images and all details. Arrow keys move to other entries, Escape closes it.

class Viewer {
  // sides(entry, detail) -> [left, right or null]; readout(tile, left, right) -> text; describe(entry, detail) -> elements.
  constructor(listing, selection, grid, { sides, readout, heading, describe }) {
    Object.assign(this, { listing, selection, grid, sides, readout, heading, describe });
    this.detail = null;
    this.isClose = false; // whether the worst tile is shown at full resolution
    this.dialog = byId("viewer");
    this.stage = new Stage();
    this.index = 0;
    this.connect();
    selection.onChange(() => this.updateSelected());
    listing.onChange(() => { if (this.dialog.open) this.dialog.close(); });
  }

  get entry() {
    return this.listing.shown[this.index];
  }

  async open(index) {
    if (!this.listing.shown.length) return;
    this.index = Math.min(Math.max(index, 0), this.listing.shown.length - 1);
    const { entry } = this;
    if (!this.dialog.open) {
      this.dialog.append(byId("announcer")); // outside a modal dialog it would be inert
      this.dialog.showModal();
    }
    byId("title").textContent = fileName(entry.path);
    byId("position").textContent = `${integers.format(this.index + 1)} of ${integers.format(this.listing.shown.length)}`;
    byId("previous").disabled = this.index === 0;
    byId("next").disabled = this.index === this.listing.shown.length - 1;
    this.heading(byId("score"), entry);
    this.updateSelected();
    const detail = await loadDetail(entry);
    if (this.entry !== entry || !this.dialog.open) return; // another entry was opened meanwhile
    this.detail = detail;
    byId("detail-error").textContent = detail.error ?? "";
    byId("closeup").hidden = !detail.pictures.closeup;
    this.show(this.isClose);
    byId("about").replaceChildren(...this.describe(entry, detail));
    for (const near of [this.index + 1, this.index - 1]) {
      const neighbour = this.listing.shown[near];
      if (neighbour) loadDetail(neighbour);
    }
  }

  // Show the entire image, or (isClose) its worst tile at full resolution if the report has it.
  show(isClose) {
    const { entry, detail } = this;
    this.isClose = isClose;
    const showsCloseup = isClose && Boolean(detail.pictures.closeup);
    const [left, right] = showsCloseup ? closeupSides(entry, detail) : this.sides(entry, detail);
    byId("closeup").setAttribute("aria-pressed", showsCloseup);
    this.stage.show(left, right, (tile) => this.readout(tile, left, right, this.stage));
  }

  step(by) {
    const to = this.index + by;
    if (to >= 0 && to < this.listing.shown.length) this.open(to).then(() => announce(`${byId("title").textContent}, ${byId("position").textContent}`, false));
  }

  updateSelected() {
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
    byId("closeup").addEventListener("click", () => this.show(!this.isClose));
    this.dialog.addEventListener("close", () => {
      document.body.append(byId("announcer"));
      this.grid.focusEntry(this.index);
    });
    this.dialog.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const focused = document.activeElement;
    const ownKeys = /^(range|radio)$/.test(focused?.type ?? ""); // these handle arrow keys themselves
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in arrows && event.shiftKey) this.stage.stepTile(...arrows[event.key]);
    else if (event.key in arrows && !ownKeys && arrows[event.key][0]) this.step(arrows[event.key][0]);
    else if (event.key === "h") this.switchSides();
    else if (event.key === "d") this.stage.setOverlay("discrepancy");
    else if (event.key === "q") this.stage.setOverlay("quality");
    else if (event.key === "w") this.worstTile();
    else if (event.key === "1" && this.detail?.pictures.closeup) this.show(!this.isClose);
    else if (event.key === "x") this.selection.toggle(this.entry);
    else return;
    event.preventDefault();
  }

  worstTile() {
    if (this.isClose) this.show(false);
    this.stage.worstTile();
  }

  // Switch between all of one image and all of the other.
  switchSides() {
    const { split } = this.stage;
    if (split.disabled) return;
    split.value = Number(split.value) > 0 ? 0 : 100;
    this.stage.draw();
  }
}

// Both sides of the worst tile at full resolution.
function closeupSides(entry, { pictures, closeup_score: score }) {
  const [width, height] = [entry.width, entry.height].map((length) => Math.min(length, facts.tile));
  const side = (name, url) => ({ name, pictures: { distorted: url }, tiles: null, width, height });
  const hallucination = pictures.closeup_hallucination;
  return [side(`worst tile, ${score.toFixed(1)}`, pictures.closeup), hallucination ? side("hallucination", hallucination) : null];
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
