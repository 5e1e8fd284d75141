// What a drawing shows: where each point of the face is meant to be, how sure that is, and what else is drawn.

import { FACTS } from "./facts.js";
import { paperColour, tensor } from "./pixels.js";
import { alignment, coordinates, eyeDistance, five, pairs } from "./shapes.js";

const { looking, mesh, meaning, told } = FACTS;
const REMEMBERED = 8; // pictures that were understood last
const known = [];

// From a square picture's pixels to those that are looked at: of a small drawing on much paper, it fills them.
function framed({ width, data }) {
  const across = [], down = [];
  let inked = 0;
  for (let y = 0; y < width; y++) {
    for (let x = 0; x < width; x++) {
      const at = 3 * (y * width + x);
      if (Math.min(data[at], data[at + 1], data[at + 2]) < looking.lines_below) { across[x] = down[y] = true; inked++; }
    }
  }
  let left = 0, top = 0, side = width;
  const share = inked / (width * width);
  if (share > 0 && share < looking.inked) {
    const spans = [across, down].map((one) => [one.findIndex(Boolean), one.length - 1]);
    const wide = Math.max(...spans.map(([first, last]) => last + 1 - first)) / looking.filled;
    if (wide < looking.small * side) {
      [left, top] = spans.map(([first, last]) => (first + last + 1 - wide) / 2);
      side = wide;
    }
  }
  const scale = looking.look_px / side;
  return [[scale, 0, (0.5 - left) * scale - 0.5], [0, scale, (0.5 - top) * scale - 0.5]];
}

// {points, off, flags, parts, offByHand} of a square picture of FACTS.looking.look_px; the last ones are remembered.
export async function understood(engine, given) {
  const before = known.find((one) => one.data.every((value, n) => value === given.data[n]));
  if (before) return before.found;
  const size = given.width, paper = Float32Array.of(paperColour(given).reduce((a, b) => a + b) / 3);
  let affine = framed(given), seen;
  for (let look = 0; look < looking.looks; look++) {
    seen = await engine.run("look", tensor.pictures(given), tensor.floats(affine.flat(), [1, 2, 3]), tensor.floats(paper, [1]));
    if (look < looking.looks - 1) affine = alignment(five(pairs(seen.points.data)), looking.look_px);
  }
  const flags = Object.fromEntries(told.flags.map((name, n) => [name, seen.flags.data[n]]));
  const parts = Object.fromEntries(told.parts.map((name, n) => [name, seen.parts.data.subarray(n * size * size, (n + 1) * size * size)]));
  const off = Array.from(seen.off.data), offByHand = off.map((own) => (1 + looking.by_hand * flags.crude) * own);
  const found = { points: pairs(seen.points.data), off, offByHand, flags, parts, size };
  known.unshift({ data: given.data, found });
  known.length = Math.min(known.length, REMEMBERED);
  return found;
}

// How much of the person above the brows is hair, from 0 (a hat, a bald head) to 1.
export function hairAbove({ points, parts, size }) {
  const unit = eyeDistance(points), middle = points.reduce((sum, one) => sum + one[0], 0) / points.length;
  const brows = Math.min(...["left_brow", "right_brow"].flatMap((name) => mesh.parts[name].map((n) => points[n][1])));
  const place = (value) => Math.trunc(Math.min(size - 1, Math.max(0, value)));
  const [left, right] = [-0.7, 0.7].map((by) => place(middle + by * unit));
  const [top, bottom] = [1.3, 0.25].map((by) => place(brows - by * unit));
  const mean = (part) => {
    let sum = 0;
    for (let y = top; y <= bottom; y++) for (let x = left; x <= right; x++) sum += part[y * size + x];
    return sum / ((bottom - top + 1) * (right - left + 1));
  };
  return mean(parts.hair) / Math.max(mean(parts.person), 0.05);
}

// By how much the head is turned, in standard deviations of shapes.
export const turnedBy = ({ points, offByHand }) => coordinates(points, offByHand)[0];

// Whether points are off by so much that there is hardly a face.
export const isVague = ({ points, off }) =>
  off.reduce((a, b) => a + b, 0) / off.length > meaning.vague * eyeDistance(points);

// How crude a drawing is, where that is to be said; else null.
export async function crudeness(engine, given) {
  const { crude } = (await understood(engine, given)).flags;
  return crude > meaning.crude_from ? crude : null;
}
