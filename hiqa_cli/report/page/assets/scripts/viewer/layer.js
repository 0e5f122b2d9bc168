"use strict";
// One picture with its map, at any scale: the preview, and above it those pieces of the full size that are in view.

class Layer {
  constructor(side) {
    this.box = byId(side);
    this.plane = this.box.firstElementChild;
    [this.photo, this.map] = [byId(`${side}-photo`), byId(`${side}-map`)];
    this.label = byId(`${side}-label`);
    this.photoPieces = new Pieces(this.photo);
    this.mapPieces = new Pieces(this.map);
    this.side = null;
  }

  // side: see Stage; null for none.
  show(side) {
    this.side = side;
    const url = side?.pictures?.distorted;
    this.setPicture(this.photo, url);
    this.photo.alt = side ? `${side.name} image` : "";
    this.label.textContent = side?.name ?? "";
    this.label.hidden = !url;
    this.photoPieces.clear();
    this.mapPieces.clear();
  }

  setPicture(image, url) {
    image.hidden = !url;
    if (!url) image.removeAttribute("src");
    else if (image.getAttribute("src") !== url) image.src = url;
  }

  setMap(kind, opacity) {
    if (this.kind !== kind) this.mapPieces.clear();
    this.kind = kind;
    this.setPicture(this.map, this.side?.pictures?.[kind]);
    for (const part of [this.map, this.mapPieces.box]) part.style.opacity = opacity;
  }

  // Put the picture into the box (see Viewport), given in px of its frame, and load the pieces within the frame.
  place(box, frame, scale) {
    Object.assign(this.plane.style, {
      width: `${box.width}px`, height: `${box.height}px`, transform: `translate(${box.left - frame.left}px, ${box.top - frame.top}px)`,
    });
    this.box.classList.toggle("enlarged", scale * devicePixelRatio >= 2);
    const { side } = this;
    if (!side) return;
    const visible = {
      left: (frame.left - box.left) / box.width, right: (frame.left + frame.width - box.left) / box.width,
      top: (frame.top - box.top) / box.height, bottom: (frame.top + frame.height - box.top) / box.height,
    };
    const needed = box.width * devicePixelRatio > 1.05 * Math.max(this.photo.naturalWidth, 1);
    this.photoPieces.draw(needed ? side.full?.distorted : null, side, box, visible);
    this.mapPieces.draw(needed ? side.full?.[this.kind] : null, side, box, visible);
  }
}

// The pieces of one picture that are in view.
class Pieces {
  constructor(image) {
    this.box = make("div", image.className);
    this.box.classList.add("pieces");
    image.after(this.box);
    this.shown = new Map();
  }

  clear() {
    this.box.replaceChildren();
    this.shown.clear();
  }

  // urlOf(index) -> URL or null; null if the picture has no pieces, or none is needed.
  draw(urlOf, { width, height }, box, visible) {
    if (!urlOf) {
      this.clear();
      return;
    }
    const across = Math.ceil(width / facts.piece), down = Math.ceil(height / facts.piece);
    const within = (share, length, count) => Math.min(Math.max(Math.floor((share * length) / facts.piece), 0), count - 1);
    const wanted = new Map();
    for (let row = within(visible.top, height, down); row <= within(visible.bottom, height, down); row += 1) {
      for (let column = within(visible.left, width, across); column <= within(visible.right, width, across); column += 1) {
        wanted.set(row * across + column, [column, row]);
      }
    }
    for (const [index, image] of this.shown) {
      if (wanted.has(index)) continue;
      image.remove();
      this.shown.delete(index);
    }
    for (const [index, [column, row]] of wanted) {
      const image = this.shown.get(index) ?? this.newPiece(index, urlOf(index));
      if (image) this.place(image, column, row, [width, height], box);
    }
  }

  newPiece(index, url) {
    if (!url) return null;
    const image = Object.assign(make("img"), { alt: "", draggable: false, decoding: "async", src: url });
    image.addEventListener("error", () => { image.hidden = true; }); // the preview below it stays in sight
    this.shown.set(index, image);
    this.box.append(image);
    return image;
  }

  place(image, column, row, size, box) {
    const edges = [column, row].map((number, axis) => [number, number + 1].map((edge) => {
      const share = Math.min((edge * facts.piece) / size[axis], 1);
      return onScreenPixel(share * (axis ? box.height : box.width));
    }));
    Object.assign(image.style, {
      left: `${edges[0][0]}px`, top: `${edges[1][0]}px`, width: `${edges[0][1] - edges[0][0]}px`, height: `${edges[1][1] - edges[1][0]}px`,
    });
  }
}
