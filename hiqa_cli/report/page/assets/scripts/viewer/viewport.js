"use strict";
// Which part of a picture is seen, and how large. Lengths are CSS px unless they are named otherwise; a picture at 1:1
// shows each of its pixels on one pixel of the screen.

const LARGEST_ZOOM = 16, LARGEST_FIT = 4; // screen px, CSS px for a pixel of the picture

class Viewport {
  constructor() {
    this.size = [1, 1]; // of the picture, in its own px
    this.pane = [1, 1]; // what it is seen in
    this.fit();
  }

  fit() {
    this.chosen = null; // CSS px for a pixel of the picture; null: as large as the pane takes
    this.centre = [0.5, 0.5]; // the place in the picture that is in the middle of the pane, as a share of its sides
  }

  get fitting() {
    return Math.min(this.pane[0] / this.size[0], this.pane[1] / this.size[1], LARGEST_FIT);
  }

  get scale() {
    return this.chosen ?? this.fitting;
  }

  static get actual() {
    return 1 / devicePixelRatio;
  }

  get isActual() {
    return Math.abs(this.scale / Viewport.actual - 1) < 1e-6;
  }

  // Whether the picture is larger than the pane, so that it can be panned.
  get overflows() {
    return this.size.some((length, axis) => length * this.scale > this.pane[axis] + 1);
  }

  // at: the point of the pane that keeps its place; its middle if left out.
  zoomTo(scale, at = this.pane.map((length) => length / 2)) {
    const least = Math.min(this.fitting, Viewport.actual), most = Math.max(LARGEST_ZOOM * Viewport.actual, this.fitting);
    const place = this.placeAt(at);
    const wanted = Math.min(Math.max(scale, least), most);
    if (Math.abs(wanted / this.fitting - 1) < 0.01) {
      this.fit();
      return;
    }
    this.chosen = wanted;
    this.centre = place.map((share, axis) => share + (this.pane[axis] / 2 - at[axis]) / (this.size[axis] * wanted));
    this.clamp();
  }

  showActual(centre) {
    this.chosen = Viewport.actual;
    this.centre = centre;
    this.clamp();
  }

  pan(dx, dy) {
    this.centre = [dx, dy].map((by, axis) => this.centre[axis] - by / (this.size[axis] * this.scale));
    this.clamp();
  }

  // Pan until a rectangle of the picture (shares) is in view.
  reveal(left, top, right, bottom) {
    const low = [left, top], high = [right, bottom];
    for (const axis of [0, 1]) {
      const half = this.pane[axis] / (2 * this.size[axis] * this.scale);
      if (high[axis] - low[axis] > 2 * half) this.centre[axis] = (low[axis] + high[axis]) / 2;
      else this.centre[axis] = Math.min(Math.max(this.centre[axis], high[axis] - half), low[axis] + half);
    }
    this.clamp();
  }

  clamp() {
    for (const axis of [0, 1]) {
      const half = this.pane[axis] / (2 * this.size[axis] * this.scale);
      this.centre[axis] = half >= 0.5 ? 0.5 : Math.min(Math.max(this.centre[axis], half), 1 - half);
    }
  }

  // The place of the picture at a point of the pane, as shares of its sides.
  placeAt([x, y]) {
    const box = this.box();
    return [(x - box.left) / box.width, (y - box.top) / box.height];
  }

  // Where the picture lies in the pane; on whole pixels of the screen, so that 1:1 is sharp.
  box(size = this.size) {
    const [width, height] = size.map((length) => length * this.scale);
    const left = onScreenPixel(this.pane[0] / 2 - this.centre[0] * width), top = onScreenPixel(this.pane[1] / 2 - this.centre[1] * height);
    return { left, top, width: onScreenPixel(width), height: onScreenPixel(height) };
  }
}

function onScreenPixel(length) {
  return Math.round(length * devicePixelRatio) / devicePixelRatio;
}
