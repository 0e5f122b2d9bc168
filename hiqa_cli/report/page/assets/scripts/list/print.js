"use strict";
// On paper, all entries of the list stand one after the other, not only those in view on the screen.

// kinds: of thumbnails. textsOf(entry): lines below them, the first in bold. markOf(entry): { name: value } of the data
// that colour it.
function connectPrint(listing, { kinds, textsOf, markOf }) {
  const list = byId("print-list");
  const fill = () => {
    if (list.childElementCount) return;
    list.append(...listing.shown.map((entry) => {
      const item = make("li");
      const photos = make("div", "print-photos");
      for (const kind of entry.thumbnailAt === ABSENT ? [] : kinds) {
        const url = thumbnailUrl(entry, kind);
        if (url) photos.append(Object.assign(make("img"), { src: url, alt: "" }));
      }
      const [first, ...others] = textsOf(entry);
      const heading = make("b", "grade", first);
      Object.assign(item.dataset, markOf(entry));
      item.append(photos, heading, ...others.map((text) => make("span", "", text)));
      return item;
    }));
    const all = listing.shown.length === listing.entries.length;
    byId("print-note").textContent = all ? "" : `${byId("shown").textContent}: those that were searched for or filtered`;
  };
  addEventListener("beforeprint", fill);
  addEventListener("afterprint", () => list.replaceChildren());
}
