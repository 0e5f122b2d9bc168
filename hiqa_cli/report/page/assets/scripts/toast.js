"use strict";
// Messages for screen readers; visible ones are shown to everybody for a moment, where they cover no control.

const TOAST_TIME = 6000; // ms
const TOAST_PLACES = ["bottom", "top", "middle"];
let clearing;

function announce(text, visible = true) {
  const toast = byId("announcer");
  toast.textContent = text;
  toast.classList.toggle("invisible", !visible);
  if (visible && text) placeToast(toast);
  clearTimeout(clearing);
  clearing = setTimeout(() => { toast.textContent = ""; }, TOAST_TIME);
}

// The first place where it covers no button or field; the one that covers fewest if there is none.
function placeToast(toast) {
  const root = document.querySelector("dialog[open]") ?? document;
  const controls = [...root.querySelectorAll("button, input, select, a, summary")]
    .map((one) => one.getBoundingClientRect()).filter(({ width, height }) => width && height);
  let best = TOAST_PLACES[0], least = Infinity;
  for (const place of TOAST_PLACES) {
    toast.dataset.place = place;
    const box = toast.getBoundingClientRect();
    const covered = controls.filter((one) => one.left < box.right && one.right > box.left && one.top < box.bottom && one.bottom > box.top);
    if (covered.length < least) [best, least] = [place, covered.length];
  }
  toast.dataset.place = best;
}
