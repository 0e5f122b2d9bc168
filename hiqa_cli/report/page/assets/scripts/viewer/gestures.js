"use strict";
// Wheel, drag, pinch and double click on the pictures. One pointer pans a picture that is larger than its pane, and moves
// the divider where it is touched, or anywhere if there is nothing to pan.

const WHEEL_STEP = 0.0022, PINCH_STEP = 0.011; // of the logarithm of the scale for a px; a trackpad's pinch sends small steps
const LINE = 30; // px of a wheel's line
const GRIP = { mouse: 9, touch: 26 }; // px from the divider that still touch it
const DOUBLE_TAP = 320; // ms

class Gestures {
  // stage: what is seen, see stage.js. pane: the element that takes the pointers.
  constructor(stage, pane) {
    Object.assign(this, { stage, pane });
    this.pointers = new Map(); // id -> [x, y] in the pane
    this.action = null;
    this.lastTap = -Infinity;
    pane.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    pane.addEventListener("pointerdown", (event) => this.down(event));
    pane.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) pane.addEventListener(end, (event) => this.up(event));
    pane.addEventListener("pointerleave", () => { if (!this.pointers.size) stage.showTile(null); });
    pane.addEventListener("dblclick", (event) => stage.toggleActual(this.at(event)));
  }

  at({ clientX, clientY }) {
    const box = this.pane.getBoundingClientRect();
    return [clientX - box.left, clientY - box.top];
  }

  wheel(event) {
    event.preventDefault();
    const unit = [1, LINE, this.pane.clientHeight][event.deltaMode];
    const step = event.ctrlKey ? PINCH_STEP : WHEEL_STEP;
    this.stage.zoomBy(Math.exp(-event.deltaY * unit * step), this.at(event));
  }

  down(event) {
    if (event.button !== 0) return;
    this.pointers.set(event.pointerId, this.at(event));
    this.pane.setPointerCapture(event.pointerId);
    this.action = this.pointers.size > 1 ? "pinch" : this.actionAt(event);
    this.pane.classList.toggle("panning", this.action === "pan");
    if (this.action === "divide") this.stage.divideAt(this.at(event)[0]);
    if (event.pointerType === "touch" && this.pointers.size === 1) this.tap(event);
  }

  actionAt(event) {
    const { stage } = this;
    const grip = GRIP[event.pointerType] ?? GRIP.mouse;
    if (stage.hasDivider && (!stage.view.overflows || Math.abs(this.at(event)[0] - stage.dividerX) <= grip)) return "divide";
    return stage.view.overflows ? "pan" : null;
  }

  tap(event) {
    const isSecond = event.timeStamp - this.lastTap < DOUBLE_TAP;
    this.lastTap = isSecond ? -Infinity : event.timeStamp;
    if (isSecond) this.stage.toggleActual(this.at(event));
  }

  move(event) {
    const to = this.at(event), from = this.pointers.get(event.pointerId);
    const { stage } = this;
    if (!from) {
      this.pane.classList.toggle("grip", this.actionAt(event) === "divide");
      stage.pointAt(to);
      return;
    }
    if (this.action === "pinch") this.pinch(event.pointerId, from, to);
    else if (this.action === "pan") stage.panBy(to[0] - from[0], to[1] - from[1]);
    else if (this.action === "divide") stage.divideAt(to[0]);
    if (this.action !== "pinch" && this.action !== "pan") stage.pointAt(to);
    this.pointers.set(event.pointerId, to);
    if (Math.hypot(to[0] - from[0], to[1] - from[1]) > 4) this.lastTap = -Infinity;
  }

  pinch(id, from, to) {
    const other = [...this.pointers].find(([one]) => one !== id)?.[1];
    if (!other) return;
    const middle = [0, 1].map((axis) => (to[axis] + other[axis]) / 2);
    const before = Math.hypot(from[0] - other[0], from[1] - other[1]), now = Math.hypot(to[0] - other[0], to[1] - other[1]);
    if (before > 0 && now > 0) this.stage.zoomBy(now / before, middle);
    this.stage.panBy((to[0] - from[0]) / 2, (to[1] - from[1]) / 2);
  }

  up(event) {
    this.pointers.delete(event.pointerId);
    this.action = this.pointers.size === 1 && this.stage.view.overflows ? "pan" : null;
    this.pane.classList.remove("panning");
  }
}
