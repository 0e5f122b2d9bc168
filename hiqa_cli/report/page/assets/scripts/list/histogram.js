"use strict";
// A histogram that filters: drag over the bars (the brush) to show only that range. Two number fields do the same for
// the keyboard and for screen readers.

const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

class Histogram {
  // low, high: ends of the axis. bins: number of bars. tone(value): class of a bar. noun: what the axis shows. unit: what
  // the bars count.
  constructor(listing, { low, high, bins, tone, noun, unit }) {
    Object.assign(this, { listing, noun, unit, tone });
    this.box = byId("histogram");
    this.from = byId("from");
    this.to = byId("to");
    this.clear = byId("clear-range");
    this.plot = svg("svg", { preserveAspectRatio: "none", "aria-hidden": "true" });
    this.brush = svg("rect", { y: 0, height: 100, class: "brush" });
    this.box.append(this.plot);
    this.scale(low, high, bins);
    this.connect();
    listing.onEntries(() => { this.allCounts = null; });
    listing.onChange(() => this.draw());
  }

  // Give the axis other ends and bars.
  scale(low, high, bins) {
    Object.assign(this, { low, high, bins, allCounts: null });
    for (const field of [this.from, this.to]) Object.assign(field, { min: low, max: high });
    this.plot.setAttribute("viewBox", `0 0 ${bins} 100`);
    this.bars = Array.from({ length: bins }, (_, bin) => {
      const tone = this.tone(low + ((bin + 0.5) / bins) * (high - low));
      return ["all", "matching"].map((kind) => svg("rect", { x: bin + 0.06, width: 0.88, class: `${kind} ${tone}` }));
    });
    this.plot.replaceChildren(...this.bars.flat(), this.brush);
  }

  counts(entries) {
    const counts = new Array(this.bins).fill(0);
    const scale = this.bins / (this.high - this.low);
    for (const entry of entries) {
      const bin = Math.floor((this.listing.value(entry) - this.low) * scale);
      counts[Math.min(Math.max(bin, 0), this.bins - 1)] += 1;
    }
    return counts;
  }

  draw() {
    const { listing } = this;
    this.allCounts ??= this.counts(listing.entries);
    const matching = listing.matching === listing.entries ? this.allCounts : this.counts(listing.matching);
    const most = Math.max(1, ...this.allCounts);
    this.bars.forEach(([all, part], bin) => {
      for (const [shape, count] of [[all, this.allCounts[bin]], [part, matching[bin]]]) {
        const height = count ? Math.max(1.5, (96 * count) / most) : 0;
        shape.setAttribute("y", 100 - height);
        shape.setAttribute("height", height);
      }
    });
    const left = this.positionOf(Math.max(listing.from, this.low)), right = this.positionOf(Math.min(listing.to, this.high));
    this.brush.setAttribute("x", left);
    this.brush.setAttribute("width", Math.max(right - left, 0));
    this.box.classList.toggle("brushed", listing.hasRange);
    this.clear.hidden = !listing.hasRange;
    if (document.activeElement !== this.from) this.from.value = listing.from > -Infinity ? oneDecimal(listing.from) : "";
    if (document.activeElement !== this.to) this.to.value = listing.to < Infinity ? oneDecimal(listing.to) : "";
    byId("histogram-text").textContent = this.description(matching);
    byId("histogram-hint").textContent = `Drag over the bars to filter. Tallest bar: ${countText(most, this.unit)}.`;
  }

  description(counts) {
    const step = (this.high - this.low) / this.bins, group = this.bins / 5;
    const parts = [];
    for (let start = 0; start < this.bins; start += group) {
      const count = counts.slice(start, start + group).reduce((sum, one) => sum + one, 0);
      parts.push(`${oneDecimal(this.low + start * step)} to ${oneDecimal(this.low + (start + group) * step)}: ${count}`);
    }
    return `Histogram of ${this.noun}. ${parts.join(", ")}.`;
  }

  positionOf(value) {
    return ((value - this.low) / (this.high - this.low)) * this.bins;
  }

  valueAt(event) {
    const { left, width } = this.plot.getBoundingClientRect();
    const fraction = Math.min(Math.max((event.clientX - left) / width, 0), 1);
    return this.low + fraction * (this.high - this.low);
  }

  connect() {
    let start = null, startX = null;
    const drag = (event) => {
      if (start === null) return;
      const end = this.valueAt(event);
      this.listing.range(Math.min(start, end), Math.max(start, end));
    };
    this.box.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      startX = event.clientX;
      start = this.valueAt(event);
      this.box.setPointerCapture(event.pointerId);
    });
    this.box.addEventListener("pointermove", drag);
    this.box.addEventListener("pointerup", (event) => {
      if (Math.abs(event.clientX - startX) < 3) this.listing.range(-Infinity, Infinity); // a click without a drag
      else drag(event);
      start = null;
    });
    this.box.addEventListener("pointercancel", () => { start = null; });
    for (const field of [this.from, this.to]) {
      field.addEventListener("input", () => {
        const [from, to] = [this.from, this.to].map((one) => (one.value === "" ? null : Number(one.value)));
        this.listing.range(from ?? -Infinity, to ?? Infinity);
      });
    }
    this.clear.addEventListener("click", () => {
      this.listing.range(-Infinity, Infinity);
      this.from.focus();
    });
  }
}

function oneDecimal(number) {
  return String(Math.round(number * 10) / 10);
}
