"use strict";
// The pictures of an opened entry: two under a movable divider, or side by side, at one zoom; map overlays; tiles.

const ZOOM_STEP = 1.35, PAN_STEP = 0.18; // of a key: factor, share of the pane

class Stage {
  // A side is { name, pictures: { distorted, discrepancy, quality }: URLs or undefined, full: { kind: function of a piece's
  // index -> its URL } or null, tiles, width, height }.
  constructor() {
    this.view = new Viewport();
    this.box = byId("stage");
    this.frames = [byId("frame"), byId("second-frame")];
    this.panes = this.frames.map((frame) => frame.parentElement);
    this.outlines = [byId("outline"), byId("second-outline")];
    this.split = byId("split");
    this.opacity = byId("opacity");
    this.overlays = [...document.querySelectorAll("input[name=overlay]")];
    this.readout = byId("tile");
    this.divider = byId("divider");
    this.layers = { left: new Layer("left"), right: new Layer("right") };
    this.activeTile = null;
    this.isBeside = false;
    for (const pane of this.panes) new Gestures(this, pane);
    this.split.addEventListener("input", () => this.draw());
    this.opacity.addEventListener("input", () => this.draw());
    for (const input of this.overlays) input.addEventListener("change", () => this.draw());
    const resized = new ResizeObserver(() => this.draw());
    for (const pane of this.panes) resized.observe(pane);
    for (const { photo } of Object.values(this.layers)) photo.addEventListener("load", () => this.draw());
  }

  // right: null if there is nothing to compare with. readoutOf(tile) -> text.
  show(left, right, readoutOf) {
    Object.assign(this, { left, right, readoutOf });
    this.view.size = [left.width, left.height];
    this.box.classList.toggle("single", !right);
    this.layers.left.show(left);
    this.layers.right.show(right);
    for (const input of this.overlays) {
      const isAvailable = input.value === "none" || [left, right].some((side) => side?.pictures?.[input.value]);
      input.disabled = !isAvailable;
      input.parentElement.classList.toggle("absent", !isAvailable);
    }
    if (this.overlays.some((input) => input.checked && input.disabled)) this.overlays[0].checked = true;
    this.arrange();
    this.showTile(null);
  }

  // Under a divider, both pictures lie in the first frame; side by side, each has its own.
  arrange() {
    const beside = this.isBeside && Boolean(this.right);
    this.box.classList.toggle("beside", beside);
    byId("beside").disabled = !this.right;
    byId("beside").setAttribute("aria-pressed", beside);
    this.panes[1].hidden = !beside;
    this.split.disabled = !this.right || beside;
    this.divider.hidden = !this.hasDivider;
    this.frames[beside ? 1 : 0].prepend(this.layers.right.box);
    this.frames[beside ? 1 : 0].append(this.layers.right.label);
    this.draw();
  }

  get beside() {
    return this.box.classList.contains("beside");
  }

  toggleBeside() {
    this.isBeside = !this.isBeside;
    this.arrange();
  }

  get hasDivider() {
    return Boolean(this.right) && !this.beside;
  }

  get overlay() {
    return this.overlays.find((input) => input.checked).value;
  }

  setOverlay(name) {
    const input = this.overlays.find(({ value }) => value === name);
    if (input.disabled) return;
    (this.overlay === name ? this.overlays[0] : input).checked = true;
    this.draw();
  }

  draw() {
    if (!this.left) return;
    const pane = this.panes[0];
    this.view.pane = [Math.max(pane.clientWidth, 1), Math.max(pane.clientHeight, 1)];
    this.view.clamp();
    this.drawOverlay();
    this.drawPictures();
    this.drawDivider();
    this.drawTile();
    const { view } = this;
    byId("zoom").textContent = `${Math.round((100 * view.scale) / Viewport.actual)} %`;
    byId("actual").setAttribute("aria-pressed", view.isActual);
    byId("fit").setAttribute("aria-pressed", view.chosen === null);
    this.box.classList.toggle("overflowing", view.overflows);
  }

  drawOverlay() {
    const { overlay } = this;
    for (const layer of Object.values(this.layers)) layer.setMap(overlay === "none" ? "" : overlay, this.opacity.value / 100);
    this.box.classList.toggle("single-map", this.hasDivider && !this.right.pictures?.[overlay]); // the only map covers both sides
    this.opacity.disabled = overlay === "none";
    this.drawLegend(overlay);
  }

  drawPictures() {
    const { left, right } = this.layers;
    this.boxes = [this.view.box(), this.view.box(this.rightSize())];
    this.frameBoxes = this.boxes.map((box) => within(box, this.view.pane));
    this.frames.forEach((frame, number) => {
      const { left: x, top: y, width, height } = this.frameBoxes[number];
      Object.assign(frame.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` });
    });
    left.place(this.boxes[0], this.frameBoxes[0], this.view.scale);
    const other = this.beside ? 1 : 0;
    right.place(this.boxes[other], this.frameBoxes[other], this.view.scale);
  }

  // Versions of one picture cover the same box; pictures of another shape keep it.
  rightSize() {
    const { left, right } = this;
    if (!right || Math.abs((right.width * left.height) / (right.height * left.width) - 1) < 0.02) return this.view.size;
    return [right.width, right.height];
  }

  drawDivider() {
    const share = this.hasDivider ? Number(this.split.value) : 100;
    const [frame, box] = [this.frameBoxes[0], this.boxes[0]];
    this.frames[0].style.setProperty("--split", `${share}%`);
    this.layers.left.plane.style.setProperty("--cut", `${(share / 100) * frame.width + frame.left - box.left}px`);
    this.layers.left.label.classList.toggle("covered", this.hasDivider && share < 12);
    this.layers.right.label.classList.toggle("covered", this.hasDivider && share > 88);
    const [one, other] = [this.left.name, this.right?.name];
    if (this.hasDivider) this.split.setAttribute("aria-valuetext", `${Math.round(share)} % ${one}, the rest ${other}`);
    else this.split.removeAttribute("aria-valuetext");
  }

  get dividerX() {
    const { left, width } = this.frameBoxes[0];
    return left + (width * Number(this.split.value)) / 100;
  }

  divideAt(x) {
    const { left, width } = this.frameBoxes[0];
    this.split.value = Math.min(Math.max((100 * (x - left)) / width, 0), 100);
    this.drawDivider();
  }

  drawLegend(overlay) {
    const legend = byId("legend"), scale = facts.scales[overlay];
    legend.hidden = !scale;
    if (!scale || legend.dataset.shown === overlay) return;
    legend.dataset.shown = overlay;
    byId("legend-title").textContent = `${scale.title}, ${scale.unit}`;
    byId("legend-bar").style.background = `linear-gradient(to right, ${scale.colours.join(", ")})`;
    byId("legend-ticks").replaceChildren(...scale.ticks.map(([position, label]) => {
      const tick = make("span", "", label);
      tick.style.left = `${100 * position}%`;
      return tick;
    }));
  }

  // --- zoom

  zoomBy(factor, at) {
    this.view.zoomTo(this.view.scale * factor, at);
    this.draw();
  }

  zoomStep(direction) {
    this.zoomBy(ZOOM_STEP ** direction);
  }

  panBy(dx, dy) {
    this.view.pan(dx, dy);
    this.draw();
  }

  panStep(columns, rows) {
    this.panBy(-columns * PAN_STEP * this.view.pane[0], -rows * PAN_STEP * this.view.pane[1]);
  }

  fit() {
    this.view.fit();
    this.draw();
  }

  // Between 1:1 and the whole picture. at: a point of the pane to zoom in on; without it, the outlined tile, else the worst.
  toggleActual(at) {
    if (this.view.isActual) {
      this.fit();
      return;
    }
    const tile = this.activeTile ?? worstTileOf(this.left);
    if (at) this.view.zoomTo(Viewport.actual, at);
    else this.view.showActual(tile ? this.middleOf(tile) : [0.5, 0.5]);
    if (!at && tile) this.showTile(tile);
    this.draw();
  }

  middleOf(tile) {
    return [(tile.x + tile.right) / 2 / this.left.width, (tile.y + tile.bottom) / 2 / this.left.height];
  }

  // --- tiles

  pointAt(point) {
    const [x, y] = this.view.placeAt(point);
    if (x >= 0 && x <= 1 && y >= 0 && y <= 1) this.showTile(tileUnder(this.left, x, y));
  }

  showTile(tile) {
    this.activeTile = tile;
    if (tile) this.readout.textContent = this.readoutOf(tile);
    this.drawTile();
  }

  drawTile() {
    const tile = this.activeTile;
    this.readout.hidden = !tile;
    this.outlines.forEach((outline, number) => {
      outline.hidden = !tile;
      if (tile) Object.assign(outline.style, this.tileStyle(tile, number));
    });
    if (!tile) return;
    const { left, top, width } = this.tileStyle(tile, 0);
    const [x, y] = [parseFloat(left) + parseFloat(width) / 2, parseFloat(top)];
    const room = this.frameBoxes[0].width, half = Math.min(this.readout.offsetWidth / 2, room / 2);
    this.readout.style.left = `${Math.min(Math.max(x, half), room - half)}px`;
    this.readout.style.top = `${Math.max(y, 0)}px`;
    this.readout.classList.toggle("below", y < this.readout.offsetHeight + 6);
  }

  tileStyle(tile, number) {
    const { width, height } = this.left, box = this.boxes[number], frame = this.frameBoxes[number];
    const [x, y] = [box.left - frame.left, box.top - frame.top], [across, down] = [box.width / width, box.height / height];
    return {
      left: `${x + tile.x * across}px`, top: `${y + tile.y * down}px`,
      width: `${(tile.right - tile.x) * across}px`, height: `${(tile.bottom - tile.y) * down}px`,
    };
  }

  // Outline a tile, bring it into view and tell screen readers.
  goToTile(tile) {
    if (!tile) return;
    const { width, height } = this.left;
    this.view.reveal(tile.x / width, tile.y / height, tile.right / width, tile.bottom / height);
    this.showTile(tile);
    this.draw();
    announce(this.readout.textContent, false);
  }

  stepTile(columns, rows) {
    if (this.left.tiles) this.goToTile(nextTile(this.left, this.activeTile, columns, rows));
  }

  worstTile() {
    this.goToTile(worstTileOf(this.left));
  }
}

// The part of a box that lies within a pane of this size.
function within(box, [width, height]) {
  const left = Math.max(box.left, 0), top = Math.max(box.top, 0);
  return { left, top, width: Math.min(box.left + box.width, width) - left, height: Math.min(box.top + box.height, height) - top };
}
