// The paper and its steps: pencil strokes, a photo, or class numbers that are painted exactly.

import { decoded } from "./files.js";

const MOST_STEPS = 30;
const GUIDE = "#3b7ddd";
const SIDE_PX = { sketch: 512, photo: 512, map: 256 };

function rgbOf(colour) {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
}

// One number a pixel: equal numbers are equal colours.
function cellsOf(picture) {
  return new Uint32Array(picture.data.buffer);
}

function isSame(one, other) {
  const a = cellsOf(one);
  const b = cellsOf(other);
  return a.length === b.length && a.every((value, n) => value === b[n]);
}

export class Paper {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d", { willReadFrequently: true });
    this.reads = "";
    this.ground = "#ffffff";
    this.forget();
  }

  // Forget all steps, so that nobody can go back to them.
  forget() {
    this.steps = {};
  }

  get own() {
    this.steps[this.reads] ??= { list: [], at: -1 };
    return this.steps[this.reads];
  }

  // Take sketches, photos or maps from now on. ground: the colour of an empty paper.
  begin(reads, ground) {
    this.reads = reads;
    this.ground = ground;
    this.canvas.width = SIDE_PX[reads];
    this.canvas.height = SIDE_PX[reads];
    this.clear();
  }

  get picture() {
    return this.pen.getImageData(0, 0, this.canvas.width, this.canvas.height);
  }

  uri() {
    return this.canvas.toDataURL("image/png");
  }

  isEmpty() {
    const cells = cellsOf(this.picture);
    return cells.every((value) => value === cells[0]);
  }

  clear() {
    this.pen.fillStyle = this.ground;
    this.pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  async load(uri, signal) {
    const picture = await decoded(uri);
    signal.throwIfAborted();
    this.pen.imageSmoothingEnabled = this.reads !== "map";
    this.pen.drawImage(picture, 0, 0, this.canvas.width, this.canvas.height);
    this.push();
  }

  // Steps

  push() {
    const { own, picture } = this;
    if (own.at >= 0 && isSame(own.list[own.at], picture)) return; // nothing to take back
    own.list = [...own.list.slice(0, own.at + 1), picture].slice(-MOST_STEPS);
    own.at = own.list.length - 1;
  }

  canMove(by) {
    return this.own.list[this.own.at + by] !== undefined;
  }

  move(by) {
    const { own } = this;
    own.at += by;
    this.pen.putImageData(own.list[own.at], 0, 0);
  }

  // Marks

  line(from, to, width, colour) {
    if (this.reads === "map") return this.paint(from, to, width, colour);
    this.trace(width, colour, (pen) => {
      pen.moveTo(from.x, from.y);
      pen.lineTo(to.x, to.y);
    });
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
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.lineCap = "round";
    pen.lineJoin = "round";
    pen.beginPath();
    path(pen);
    pen.stroke();
  }

  // Discs along a line, without soft edges: a mixed colour would be another class.
  paint(from, to, width, colour) {
    const num = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y)));
    for (let n = 0; n <= num; n++) {
      const x = from.x + (n / num) * (to.x - from.x);
      const y = from.y + (n / num) * (to.y - from.y);
      this.disc(x, y, Math.max(0.7, width / 2), rgbOf(colour));
    }
  }

  disc(x, y, radius, [r, g, b]) {
    const { pen, canvas } = this;
    const left = Math.max(0, Math.floor(x - radius));
    const top = Math.max(0, Math.floor(y - radius));
    const width = Math.min(canvas.width, Math.ceil(x + radius) + 1) - left;
    const height = Math.min(canvas.height, Math.ceil(y + radius) + 1) - top;
    if (width <= 0 || height <= 0) return;
    const part = pen.getImageData(left, top, width, height);
    for (let n = 0; n < width * height; n++) {
      const across = left + (n % width) + 0.5 - x;
      const down = top + Math.floor(n / width) + 0.5 - y;
      if (across ** 2 + down ** 2 <= radius ** 2) part.data.set([r, g, b, 255], 4 * n);
    }
    pen.putImageData(part, left, top);
  }
}

// Where the model expects the face, as dashed lines over an empty paper. landmarks: both eyes, the
// nose, the corners of the mouth, in shares of the side.
export function drawGuide(canvas, landmarks) {
  const pen = canvas.getContext("2d");
  const [left, right, nose, ...mouth] = landmarks.map((one) => one.map((v) => v * canvas.width));
  const apart = right[0] - left[0];
  const middle = (left[0] + right[0]) / 2;
  pen.strokeStyle = GUIDE;
  pen.lineWidth = 2;
  pen.globalAlpha = 0.4;
  pen.setLineDash([7, 5]);
  const shapes = [
    () => pen.ellipse(...left, apart * 0.23, apart * 0.12, 0, 0, 7),
    () => pen.ellipse(...right, apart * 0.23, apart * 0.12, 0, 0, 7),
    () => pen.arc(...nose, apart * 0.12, 0.3, 2.84),
    () => {
      pen.moveTo(...mouth[0]);
      pen.quadraticCurveTo(middle, mouth[0][1] + apart * 0.1, ...mouth[1]);
    },
    () => pen.ellipse(middle, left[1] + apart * 0.35, apart * 1.05, apart * 1.5, 0, 0, 7),
  ];
  for (const shape of shapes) {
    pen.beginPath();
    shape();
    pen.stroke();
  }
}
