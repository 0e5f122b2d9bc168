"use strict";
// Points against bytes: the mean score of each version over the mean size of its files, on a logarithmic scale.

const LABEL = { height: 15, letter: 6.4, most: 26 }; // px, px, letters
const CURVE_HEIGHT = 300;

class Curve {
  // points: { title, score, bytes, change }; the first is what the others are compared with.
  constructor(box, points) {
    Object.assign(this, { box, points });
    this.box.hidden = false;
    const texts = points.map(({ title, score, bytes }) => `${title} ${score.toFixed(1)} at ${fileSizeText(Math.round(bytes))}`);
    this.box.setAttribute("aria-label", `Mean score against mean size of a file: ${texts.join("; ")}`);
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  draw() {
    const width = this.box.clientWidth;
    if (!width || width === this.width) return;
    this.width = width;
    const margin = { left: 44, right: 16, top: 22, bottom: 42 };
    const sizes = this.points.map(({ bytes }) => Math.log10(bytes)), scores = this.points.map(({ score }) => score);
    const across = widened(sizes, 0.1), up = widened(scores, 2);
    const x = (bytes) => margin.left + ((Math.log10(bytes) - across[0]) / (across[1] - across[0])) * (width - margin.left - margin.right);
    const y = (score) => CURVE_HEIGHT - margin.bottom - ((score - up[0]) / (up[1] - up[0])) * (CURVE_HEIGHT - margin.top - margin.bottom);
    const picture = svg("svg", { width, height: CURVE_HEIGHT, "aria-hidden": "true" });
    const text = (string, at, anchor, more = {}) => {
      const element = svg("text", { x: at[0], y: at[1], "text-anchor": anchor, ...more });
      element.textContent = string;
      picture.append(element);
    };
    for (const score of scoreTicks(...up)) {
      picture.append(svg("line", { class: "tick", x1: margin.left, x2: width - margin.right, y1: y(score), y2: y(score) }));
      text(score, [margin.left - 6, y(score) + 4], "end");
    }
    for (const bytes of byteTicks(...across, Math.max(2, Math.floor(width / 90)))) {
      picture.append(svg("line", { class: "tick", x1: x(bytes), x2: x(bytes), y1: margin.top, y2: CURVE_HEIGHT - margin.bottom }));
      text(fileSizeText(bytes).replace(/\.0+ /, " "), [x(bytes), CURVE_HEIGHT - margin.bottom + 16], "middle");
    }
    text("mean size of a file", [(margin.left + width - margin.right) / 2, CURVE_HEIGHT - 6], "middle");
    text("mean score", [12, (margin.top + CURVE_HEIGHT - margin.bottom) / 2], "middle",
      { transform: `rotate(-90 12 ${(margin.top + CURVE_HEIGHT - margin.bottom) / 2})` });
    const places = this.points.map(({ bytes, score }) => [x(bytes), y(score)]);
    const line = [...places].sort(([a], [b]) => a - b).map((place) => place.join(" ")).join(" ");
    picture.append(svg("polyline", { class: "curve-line", points: line }));
    this.points.forEach(({ change }, number) => picture.append(mark(...places[number], number ? change?.verdict : "first")));
    const taken = places.map(([left, top]) => [left - 6, top - 6, left + 6, top + 6]);
    this.points.forEach(({ title }, number) => {
      const label = title.length > LABEL.most ? `${title.slice(0, LABEL.most - 1)}…` : title;
      const place = labelPlace(places[number], label.length * LABEL.letter, width, taken);
      taken.push(place.box);
      text(label, place.at, place.anchor, { class: "label" });
    });
    this.box.replaceChildren(picture);
  }
}

// The ends of an axis: those of the values, and some room.
function widened(values, room) {
  const low = Math.min(...values), high = Math.max(...values);
  const more = Math.max(room, (high - low) * 0.1);
  return [low - more, high + more];
}

function scoreTicks(low, high) {
  const step = [1, 2, 5, 10, 20].find((one) => (high - low) / one <= 7) ?? 50;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, index) => (first + index) * step);
}

// 1, 2 and 5 times powers of ten; powers of ten alone, or every second of them, where there would be more than `most`.
function byteTicks(low, high, most) {
  const powers = Array.from({ length: Math.floor(high) - Math.floor(low) + 1 }, (_, index) => Math.floor(low) + index);
  const within = (factors) => powers.flatMap((power) => factors.map((factor) => factor * 10 ** power))
    .filter((bytes) => Math.log10(bytes) >= low && Math.log10(bytes) <= high);
  const all = within([1, 2, 5]);
  if (all.length <= most) return all;
  return within([1]).length > 1 ? within([1]) : all.filter((_, index) => index % 2 === 0);
}

// As in the scatter plot, a triangle that points up is higher, and one that points down lower; the first is a ring.
function mark(x, y, verdict) {
  if (verdict === "higher" || verdict === "lower") {
    const up = verdict === "higher" ? 7 : -7;
    return svg("path", { class: "mark", "data-outcome": verdict === "higher" ? "better" : "worse",
      d: `M${x} ${y - up} L${x + 6.5} ${y + 0.6 * up} L${x - 6.5} ${y + 0.6 * up} Z` });
  }
  return svg("circle", { class: verdict === "first" ? "mark ring" : "mark", "data-outcome": "same", cx: x, cy: y, r: 5 });
}

// The first place beside a point where its label covers nothing and stays within the plot.
function labelPlace([x, y], length, width, taken) {
  const choices = [[1, -8], [1, 18], [-1, -8], [-1, 18], [1, -24], [-1, -24], [1, 34], [-1, 34]].map(([way, down]) => {
    const left = way > 0 ? x + 8 : x - 8 - length;
    const box = [left, y + down - LABEL.height, left + length, y + down + 3];
    return { at: [x + 8 * way, y + down], anchor: way > 0 ? "start" : "end", box };
  });
  const fits = ({ box }) => box[0] >= 0 && box[2] <= width && box[1] >= 0 && box[3] <= CURVE_HEIGHT - 24;
  const isFree = ({ box }) => !taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1]);
  return choices.find((one) => fits(one) && isFree(one)) ?? choices.find(fits) ?? choices[0];
}
