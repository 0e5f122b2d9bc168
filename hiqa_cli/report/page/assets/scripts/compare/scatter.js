"use strict";
// Scatter plot of the second version's scores against the first's. A canvas, because there may be ten thousand points.

class Scatter {
  constructor(listing, open) {
    Object.assign(this, { listing, open });
    this.box = byId("scatter");
    this.canvas = make("canvas");
    this.tip = make("span", "tip");
    this.tip.hidden = true;
    this.box.append(this.canvas, this.tip);
    this.margin = { left: 40, right: 10, top: 10, bottom: 34 };
    new ResizeObserver(() => this.draw()).observe(this.box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    listing.onChange(() => this.draw());
    this.box.addEventListener("pointermove", (event) => this.hover(event));
    this.box.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    this.box.addEventListener("click", (event) => {
      const entry = this.nearest(event);
      if (entry) this.open(listing.shown.indexOf(entry));
    });
  }

  project(first, second) {
    const { left, right, top, bottom } = this.margin;
    return [
      left + (first / 100) * (this.width - left - right),
      this.height - bottom - (second / 100) * (this.height - top - bottom),
    ];
  }

  draw() {
    this.width = this.box.clientWidth;
    this.height = this.box.clientHeight;
    if (!this.width) return;
    const ratio = devicePixelRatio;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const style = getComputedStyle(this.box);
    const colour = (name) => style.getPropertyValue(name).trim();
    this.drawAxes(pen, colour);
    const size = this.listing.shown.length > 2000 ? 1.5 : 3;
    for (const outcome of ["same", "worse", "better"]) {
      pen.fillStyle = colour({ same: "--faint", worse: "--bad", better: "--excellent" }[outcome]);
      pen.globalAlpha = outcome === "same" ? 0.45 : 0.85;
      for (const entry of this.listing.shown) {
        if (entry.outcome !== outcome) continue;
        const [x, y] = this.project(entry.first.score, entry.second.score);
        drawMark(pen, x, y, size, outcome);
      }
    }
  }

  drawAxes(pen, colour) {
    pen.font = "11px system-ui, sans-serif";
    pen.lineWidth = 1;
    for (let step = 0; step <= 100; step += 20) {
      const [x, y] = this.project(step, step);
      const [left, bottom] = this.project(0, 0), [right, top] = this.project(100, 100);
      pen.strokeStyle = colour("--rule");
      pen.beginPath();
      pen.moveTo(left, y); pen.lineTo(right, y);
      pen.moveTo(x, bottom); pen.lineTo(x, top);
      pen.stroke();
      pen.fillStyle = colour("--faint");
      pen.textAlign = "right";
      pen.fillText(step, left - 6, y + 4);
      pen.textAlign = "center";
      pen.fillText(step, x, bottom + 14);
    }
    const [x0, y0] = this.project(0, 0), [x1, y1] = this.project(100, 100);
    pen.strokeStyle = colour("--faint");
    pen.beginPath();
    pen.moveTo(x0, y0); pen.lineTo(x1, y1);
    pen.stroke();
    pen.fillText(facts.versions[chosen[0]].title.slice(-60), (x0 + x1) / 2, this.height - 5);
    pen.save();
    pen.translate(11, (y0 + y1) / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText(facts.versions[chosen[1]].title.slice(-60), 0, 0);
    pen.restore();
  }

  nearest(event) {
    const box = this.box.getBoundingClientRect();
    const at = [event.clientX - box.left, event.clientY - box.top];
    let best = null, least = 14 ** 2; // px squared; points farther away do not count
    for (const entry of this.listing.shown) {
      const [x, y] = this.project(entry.first.score, entry.second.score);
      const distance = (x - at[0]) ** 2 + (y - at[1]) ** 2;
      if (distance < least) [best, least] = [entry, distance];
    }
    return best;
  }

  hover(event) {
    const entry = this.nearest(event);
    this.tip.hidden = !entry;
    this.canvas.style.cursor = entry ? "pointer" : "";
    if (!entry) return;
    const [x, y] = this.project(entry.first.score, entry.second.score);
    this.tip.textContent = `${entry.path}: ${signed(entry.change)}`;
    this.tip.style.left = `${x}px`;
    this.tip.style.top = `${y}px`;
    this.tip.classList.toggle("leftwards", x > this.width / 2);
  }
}

// A triangle that points up or down tells better from worse without colour; a dot is neither.
function drawMark(pen, x, y, size, outcome) {
  pen.beginPath();
  if (outcome === "same") {
    pen.arc(x, y, size, 0, 2 * Math.PI);
  } else {
    const up = (outcome === "better" ? 1.5 : -1.5) * size;
    pen.moveTo(x, y - up);
    pen.lineTo(x + 1.4 * size, y + 0.8 * up);
    pen.lineTo(x - 1.4 * size, y + 0.8 * up);
  }
  pen.fill();
}

function signed(change) {
  const text = Math.abs(change).toFixed(1);
  return text === "0.0" ? "0.0" : `${change > 0 ? "+" : "−"}${text}`;
}
