"use strict";
// Two images with a movable divider, map overlays and a readout of the tile under the pointer.

class Stage {
  // A side is { name, pictures: { distorted, discrepancy, quality }: URLs or undefined, tiles, width, height }.
  constructor() {
    this.box = byId("stage");
    this.frame = byId("frame");
    this.split = byId("split");
    this.opacity = byId("opacity");
    this.overlays = [...document.querySelectorAll("input[name=overlay]")];
    this.readout = byId("tile");
    this.outline = byId("outline");
    this.divider = byId("divider");
    this.images = Object.fromEntries(["left", "right"].map((side) => [side, {
      photo: byId(`${side}-photo`), map: byId(`${side}-map`), label: byId(`${side}-label`),
    }]));
    this.activeTile = null;
    this.connect();
  }

  // right: null if there is nothing to compare with. readoutOf(tile) -> text.
  show(left, right, readoutOf) {
    Object.assign(this, { left, right, readoutOf });
    this.box.classList.toggle("single", !right);
    this.split.disabled = !right;
    this.setPhoto(this.images.left, left);
    this.setPhoto(this.images.right, right);
    for (const input of this.overlays) {
      const isAvailable = input.value === "none" || [left, right].some((side) => side?.pictures?.[input.value]);
      input.disabled = !isAvailable;
      input.parentElement.classList.toggle("absent", !isAvailable);
    }
    if (this.overlays.some((input) => input.checked && input.disabled)) this.overlays[0].checked = true;
    this.showTile(null);
    this.resize();
    this.draw();
  }

  setPhoto({ photo, label }, side) {
    const url = side?.pictures?.distorted ?? side?.pictures?.hallucination;
    photo.hidden = !url;
    if (url) photo.src = url;
    else photo.removeAttribute("src");
    photo.alt = side ? `${side.name} image` : "";
    label.textContent = side?.name ?? "";
    label.hidden = !url;
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
    const both = Boolean(this.right);
    const split = both ? Number(this.split.value) : 100;
    this.frame.style.setProperty("--split", `${split}%`);
    this.divider.hidden = !both;
    this.images.left.label.classList.toggle("covered", both && split < 12);
    this.images.right.label.classList.toggle("covered", !both || split > 88);
    this.split.setAttribute("aria-valuetext", both ? `${Math.round(split)} % ${this.left.name}, the rest ${this.right.name}` : "");
    const { overlay } = this;
    for (const side of ["left", "right"]) {
      const { map } = this.images[side];
      const url = overlay === "none" ? null : this[side]?.pictures?.[overlay];
      map.hidden = !url;
      if (url && map.getAttribute("src") !== url) map.src = url;
      map.style.opacity = this.opacity.value / 100;
    }
    this.frame.classList.toggle("single-map", !this.right?.pictures?.[overlay]); // the only map covers both sides
    this.opacity.disabled = overlay === "none";
    this.drawLegend(overlay);
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

  resize() {
    if (!this.left) return;
    const { width, height } = this.left;
    const style = getComputedStyle(this.box);
    const available = [this.box.clientWidth - 2 * parseFloat(style.paddingLeft), this.box.clientHeight - 2 * parseFloat(style.paddingTop)];
    const scale = Math.min(available[0] / width, available[1] / height, 4);
    this.frame.style.width = `${Math.max(width * scale, 1)}px`;
    this.frame.style.height = `${Math.max(height * scale, 1)}px`;
    this.frame.classList.toggle("enlarged", scale > 2);
  }

  // --- tiles

  // The tile at x, y (0..1) whose centre is nearest; null if no scored tile covers that point.
  tileUnder(side, x, y) {
    const { tiles, width, height } = side;
    if (!tiles) return null;
    const [atX, atY] = [x * width, y * height], half = facts.tile / 2;
    let best = null, least = Infinity;
    for (let index = 0; index < tiles.xs.length; index += 1) {
      const distance = [Math.abs(tiles.xs[index] + half - atX), Math.abs(tiles.ys[index] + half - atY)];
      if (Math.max(...distance) > half || distance[0] + distance[1] >= least) continue;
      [best, least] = [index, distance[0] + distance[1]];
    }
    return best === null ? null : this.tile(side, best);
  }

  tile({ tiles, width, height }, index) {
    const x = tiles.xs[index], y = tiles.ys[index];
    return { index, x, y, score: tiles.scores[index], right: Math.min(x + facts.tile, width), bottom: Math.min(y + facts.tile, height) };
  }

  showTile(tile) {
    this.activeTile = tile;
    this.outline.hidden = !tile;
    this.readout.hidden = !tile;
    if (!tile) return;
    const { width, height } = this.left;
    Object.assign(this.outline.style, {
      left: `${(100 * tile.x) / width}%`, top: `${(100 * tile.y) / height}%`,
      width: `${(100 * (tile.right - tile.x)) / width}%`, height: `${(100 * (tile.bottom - tile.y)) / height}%`,
    });
    this.readout.textContent = this.readoutOf(tile);
    this.readout.style.left = `${(50 * (tile.x + tile.right)) / width}%`;
    this.readout.style.top = `${(100 * tile.y) / height}%`;
    this.readout.classList.toggle("below", tile.y < height * 0.12);
  }

  // Move to the nearest tile in a direction, preferring tiles straight ahead.
  stepTile(columns, rows) {
    const { tiles } = this.left, now = this.activeTile;
    if (!tiles) return;
    let best = now?.index ?? 0, least = Infinity;
    for (let index = 0; now && index < tiles.xs.length; index += 1) {
      const [dx, dy] = [tiles.xs[index] - now.x, tiles.ys[index] - now.y];
      const ahead = dx * columns + dy * rows, aside = Math.abs(dx * rows) + Math.abs(dy * columns);
      if (ahead > 0 && ahead + 4 * aside < least) [best, least] = [index, ahead + 4 * aside];
    }
    this.showTile(this.tile(this.left, best));
    announce(this.readout.textContent, false);
  }

  worstTile() {
    const { tiles } = this.left;
    if (!tiles) return;
    this.showTile(this.tile(this.left, tiles.scores.indexOf(Math.min(...tiles.scores))));
    announce(this.readout.textContent, false);
  }

  connect() {
    this.split.addEventListener("input", () => this.draw());
    this.opacity.addEventListener("input", () => this.draw());
    for (const input of this.overlays) input.addEventListener("change", () => this.draw());
    new ResizeObserver(() => this.resize()).observe(this.box);
    const at = (event) => {
      const box = this.frame.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    };
    let sliding = false;
    const move = (event) => {
      const [x, y] = at(event);
      if (sliding && this.right) {
        this.split.value = Math.min(Math.max(100 * x, 0), 100);
        this.draw();
      }
      if (this.left && x >= 0 && x <= 1 && y >= 0 && y <= 1) this.showTile(this.tileUnder(this.left, x, y));
    };
    this.frame.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      sliding = true;
      this.frame.setPointerCapture(event.pointerId);
      move(event);
    });
    this.frame.addEventListener("pointermove", move);
    for (const end of ["pointerup", "pointercancel"]) this.frame.addEventListener(end, () => { sliding = false; });
    this.frame.addEventListener("pointerleave", () => this.showTile(null));
  }
}
