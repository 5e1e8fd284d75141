// A part of the face that is redrawn: a rectangle, [left, top, right, bottom] in shares of the side.

import { dataUri } from "./files.js";
import { decoded, pngOf } from "./png.js";

const LEAST = 0.03; // of the side: a smaller region is a slip of the hand
const FEATHER = 0.05; // width of the soft rim, a share of the side; it lies inside the region

// The rectangle between two places on a canvas of this side; null where it is too small.
export function rectangle(from, to, side) {
  const between = (a, b) => [a, b].map((value) => Math.min(1, Math.max(0, value / side))).sort((one, other) => one - other);
  const [left, right] = between(from.x, to.x), [top, bottom] = between(from.y, to.y);
  return Math.min(right - left, bottom - top) > LEAST ? [left, top, right, bottom] : null;
}

export function drawRegion(pen, size, region) {
  const [left, top, right, bottom] = region.map((share) => share * size);
  pen.lineWidth = 3;
  for (const [colour, dash] of [["#fff", []], ["#d81b60", [9, 7]]]) {
    pen.strokeStyle = colour;
    pen.setLineDash(dash);
    pen.strokeRect(left, top, right - left, bottom - top);
  }
}

// How much of a place is redrawn: 0 outside, rising to 1 inside. The picture's own edge is no rim.
export function redrawn(x, y, [left, top, right, bottom]) {
  const rim = Math.min(FEATHER, (right - left) / 2, (bottom - top) / 2);
  const inside = [left > 0 ? x - left : 1, right < 1 ? right - x : 1, top > 0 ? y - top : 1, bottom < 1 ? bottom - y : 1];
  const rise = Math.min(1, Math.max(0, Math.min(...inside) / rim));
  return rise * rise * (3 - 2 * rise);
}

// Two faces, data addresses of PNGs, as one: the second inside the region, with its notes.
export async function blended(outside, inside, region) {
  const [below, above] = await Promise.all([outside, inside].map(decoded)), side = below.naturalWidth;
  const [canvas, pixels] = [document.createElement("canvas"), []];
  canvas.width = canvas.height = side;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  for (const one of [above, below]) {
    pen.drawImage(one, 0, 0, side, side);
    pixels.push(pen.getImageData(0, 0, side, side));
  }
  const [made, kept] = pixels;
  for (let n = 0; n < kept.data.length; n++) {
    const at = n >> 2, share = redrawn(((at % side) + 0.5) / side, (Math.floor(at / side) + 0.5) / side, region);
    kept.data[n] += share * (made.data[n] - kept.data[n]);
  }
  pen.putImageData(kept, 0, 0);
  return dataUri(await pngOf(canvas, inside));
}
