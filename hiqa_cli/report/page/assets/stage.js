"use strict";
// Two pictures on top of each other with a slider between them, maps laid over them, and the tile under the pointer.

class Stage {
  // A side is { name, pictures: { distorted, discrepancy, quality } as addresses or missing, tiles, width, height }.
  constructor() {
    this.box = byId("stage");
    this.frame = byId("frame");
    this.split = byId("split");
    this.strength = byId("strength");
    this.overlays = [...document.querySelectorAll("input[name=overlay]")];
    this.readout = byId("tile");
    this.outline = byId("outline");
    this.line = byId("line");
    this.images = Object.fromEntries(["left", "right"].map((side) => [side, {
      photo: byId(`${side}-photo`), map: byId(`${side}-map`), label: byId(`${side}-label`),
    }]));
    this.tileAt = null;
    this.connect();
  }

  // right: null where there is nothing to compare with. labelled(tiles under a place) -> text of the readout.
  show(left, right, readoutOf) {
    Object.assign(this, { left, right, readoutOf });
    this.box.classList.toggle("single", !right);
    this.split.disabled = !right;
    this.place(this.images.left, left);
    this.place(this.images.right, right);
    for (const input of this.overlays) {
      const has = input.value === "none" || [left, right].some((side) => side?.pictures?.[input.value]);
      input.disabled = !has;
      input.parentElement.classList.toggle("absent", !has);
    }
    if (this.overlays.some((input) => input.checked && input.disabled)) this.overlays[0].checked = true;
    this.showTile(null);
    this.resize();
    this.draw();
  }

  place({ photo, label }, side) {
    const url = side?.pictures?.distorted ?? side?.pictures?.hallucination;
    photo.hidden = !url;
    if (url) photo.src = url;
    else photo.removeAttribute("src");
    photo.alt = side ? `${side.name} picture` : "";
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
    this.line.hidden = !both;
    this.images.left.label.classList.toggle("away", both && split < 12);
    this.images.right.label.classList.toggle("away", !both || split > 88);
    this.split.setAttribute("aria-valuetext", both ? `${Math.round(split)} % ${this.left.name}, the rest ${this.right.name}` : "");
    const { overlay } = this;
    for (const side of ["left", "right"]) {
      const { map } = this.images[side];
      const url = overlay === "none" ? null : this[side]?.pictures?.[overlay];
      map.hidden = !url;
      if (url && map.getAttribute("src") !== url) map.src = url;
      map.style.opacity = this.strength.value / 100;
    }
    this.frame.classList.toggle("one-map", !this.right?.pictures?.[overlay]); // a map of the left lies over all of it
    this.strength.disabled = overlay === "none";
    this.drawLegend(overlay);
  }

  drawLegend(overlay) {
    const legend = byId("legend"), scale = facts.scales[overlay];
    legend.hidden = !scale;
    if (!scale || legend.dataset.shown === overlay) return;
    legend.dataset.shown = overlay;
    byId("legend-title").textContent = `${scale.title}, ${scale.unit}`;
    byId("legend-bar").style.background = `linear-gradient(to right, ${scale.colours.join(", ")})`;
    byId("legend-ticks").replaceChildren(...scale.ticks.map(([place, label]) => {
      const tick = make("span", "", label);
      tick.style.left = `${100 * place}%`;
      return tick;
    }));
  }

  resize() {
    if (!this.left) return;
    const { width, height } = this.left;
    const style = getComputedStyle(this.box);
    const room = [this.box.clientWidth - 2 * parseFloat(style.paddingLeft), this.box.clientHeight - 2 * parseFloat(style.paddingTop)];
    const scale = Math.min(room[0] / width, room[1] / height, 4);
    this.frame.style.width = `${Math.max(width * scale, 1)}px`;
    this.frame.style.height = `${Math.max(height * scale, 1)}px`;
    this.frame.classList.toggle("enlarged", scale > 2);
  }

  // --- tiles

  // The tile at a place (0..1) of the picture whose middle is nearest; null where none of a sample lies there.
  tileUnder(side, x, y) {
    const { tiles, width, height } = side;
    if (!tiles) return null;
    const [atX, atY] = [x * width, y * height], half = facts.tile / 2;
    let best = null, least = Infinity;
    for (let place = 0; place < tiles.xs.length; place += 1) {
      const away = [Math.abs(tiles.xs[place] + half - atX), Math.abs(tiles.ys[place] + half - atY)];
      if (Math.max(...away) > half || away[0] + away[1] >= least) continue;
      [best, least] = [place, away[0] + away[1]];
    }
    return best === null ? null : this.tile(side, best);
  }

  tile({ tiles, width, height }, place) {
    const x = tiles.xs[place], y = tiles.ys[place];
    return { place, x, y, score: tiles.scores[place], right: Math.min(x + facts.tile, width), bottom: Math.min(y + facts.tile, height) };
  }

  showTile(tile) {
    this.tileAt = tile;
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

  // The next tile in a direction: the nearest, those straight ahead before those aside.
  stepTile(columns, rows) {
    const { tiles } = this.left, now = this.tileAt;
    if (!tiles) return;
    let best = now?.place ?? 0, least = Infinity;
    for (let place = 0; now && place < tiles.xs.length; place += 1) {
      const [dx, dy] = [tiles.xs[place] - now.x, tiles.ys[place] - now.y];
      const ahead = dx * columns + dy * rows, aside = Math.abs(dx * rows) + Math.abs(dy * columns);
      if (ahead > 0 && ahead + 4 * aside < least) [best, least] = [place, ahead + 4 * aside];
    }
    this.showTile(this.tile(this.left, best));
    say(this.readout.textContent, false);
  }

  worstTile() {
    const { tiles } = this.left;
    if (!tiles) return;
    this.showTile(this.tile(this.left, tiles.scores.indexOf(Math.min(...tiles.scores))));
    say(this.readout.textContent, false);
  }

  connect() {
    this.split.addEventListener("input", () => this.draw());
    this.strength.addEventListener("input", () => this.draw());
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
