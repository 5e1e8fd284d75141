// A drawing and its steps: pencil on paper, or class numbers that are painted exactly, without soft edges.

import { decoded } from "./files.js";

const MOST_STEPS = 30;
const SIDE_PX = { sketch: 512, map: 256 };

function rgbOf(colour) { return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)); }

// One number for each pixel: equal numbers are equal colours.
function cellsOf(picture) { return new Uint32Array(picture.data.buffer); }

function same(one, other) {
  const [a, b] = [cellsOf(one), cellsOf(other)];
  return a.length === b.length && a.every((value, n) => value === b[n]);
}

export class Paper {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d", { willReadFrequently: true });
    this.reads = "sketch";
    this.ground = "#fff";
    this.forget();
  }

  forget() { this.kept = { sketch: { list: [], at: -1 }, map: { list: [], at: -1 } }; } // all steps

  // Take up drawings or maps; whether anything is different now.
  begin(reads, colours) {
    if (reads === this.reads && this.canvas.width === SIDE_PX[reads]) return false;
    this.reads = reads;
    this.ground = reads === "map" ? colours[0] : "#fff";
    this.canvas.width = this.canvas.height = SIDE_PX[reads];
    return true;
  }

  uri() { return this.canvas.toDataURL("image/png"); }

  async load(uri) {
    const picture = await decoded(uri), { pen, canvas } = this;
    pen.imageSmoothingEnabled = this.reads !== "map";
    pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    this.push();
  }

  // Steps

  push() {
    const own = this.kept[this.reads], now = this.pen.getImageData(0, 0, this.canvas.width, this.canvas.height);
    if (own.at >= 0 && same(own.list[own.at], now)) return; // a step that changes nothing is none to take back
    own.list = [...own.list.slice(0, own.at + 1), now].slice(-MOST_STEPS);
    own.at = own.list.length - 1;
  }

  canMove(by) { const own = this.kept[this.reads]; return !!own.list[own.at + by]; }

  move(by) {
    const own = this.kept[this.reads];
    if (!own.list[own.at + by]) return false;
    own.at += by;
    this.pen.putImageData(own.list[own.at], 0, 0);
    return true;
  }

  // Marks

  clear() {
    this.pen.fillStyle = this.ground;
    this.pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  segment(from, to, width, colour) {
    if (this.reads !== "map") return this.trace(width, colour, (pen) => { pen.moveTo(from.x, from.y); pen.lineTo(to.x, to.y); });
    const parts = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y)));
    for (let n = 0; n <= parts; n++) {
      const share = n / parts;
      this.disc(from.x + share * (to.x - from.x), from.y + share * (to.y - from.y), Math.max(0.7, width / 2), rgbOf(colour));
    }
  }

  // From the middle of a-b to that of b-c, bending at b.
  curve(a, b, c, width, colour) {
    this.trace(width, colour, (pen) => {
      pen.moveTo((a.x + b.x) / 2, (a.y + b.y) / 2);
      pen.quadraticCurveTo(b.x, b.y, (b.x + c.x) / 2, (b.y + c.y) / 2);
    });
  }

  trace(width, colour, path) {
    const { pen } = this;
    pen.strokeStyle = colour; pen.lineWidth = width; pen.lineCap = pen.lineJoin = "round";
    pen.beginPath(); path(pen); pen.stroke();
  }

  isEmpty() {
    const cells = cellsOf(this.pen.getImageData(0, 0, this.canvas.width, this.canvas.height));
    return cells.every((value) => value === cells[0]);
  }

  disc(x, y, radius, [r, g, b]) { // every pixel gets one class's own colour
    const { pen, canvas } = this;
    const left = Math.max(0, Math.floor(x - radius)), top = Math.max(0, Math.floor(y - radius));
    const right = Math.min(canvas.width, Math.ceil(x + radius) + 1);
    const below = Math.min(canvas.height, Math.ceil(y + radius) + 1);
    if (right <= left || below <= top) return;
    const part = pen.getImageData(left, top, right - left, below - top);
    for (let row = 0; row < part.height; row++) {
      for (let column = 0; column < part.width; column++) {
        if ((left + column + 0.5 - x) ** 2 + (top + row + 0.5 - y) ** 2 > radius ** 2) continue;
        part.data.set([r, g, b, 255], 4 * (row * part.width + column));
      }
    }
    pen.putImageData(part, left, top);
  }
}
