// What lies over the drawing: the guide, which shows where the model expects the face; and the part of the face that is
// redrawn, a rectangle, [left, top, right, bottom] in shares of the side.

import { make } from "./dom.js";
import { dataUri, decoded, pngOf } from "./files.js";

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

// landmarks: both eyes, the nose, the corners of the mouth, in shares of the side.
export function drawGuide(pen, size, landmarks) {
  const [l, r, nose, ml, mr] = landmarks.map(([x, y]) => [x * size, y * size]);
  const apart = r[0] - l[0], middle = [(l[0] + r[0]) / 2, (l[1] + r[1]) / 2];
  pen.strokeStyle = "#1a8cff"; pen.lineWidth = 2; pen.setLineDash([7, 5]); pen.globalAlpha = 0.4;
  for (const eye of [l, r]) { pen.beginPath(); pen.ellipse(eye[0], eye[1], apart * 0.23, apart * 0.12, 0, 0, 7); pen.stroke(); }
  pen.beginPath(); pen.arc(nose[0], nose[1], apart * 0.12, 0.3, 2.84); pen.stroke();
  pen.beginPath(); pen.moveTo(...ml); pen.quadraticCurveTo((ml[0] + mr[0]) / 2, ml[1] + apart * 0.1, ...mr); pen.stroke();
  pen.beginPath(); pen.ellipse(middle[0], middle[1] + apart * 0.35, apart * 1.05, apart * 1.5, 0, 0, 7); pen.stroke();
  pen.globalAlpha = 1;
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
  const canvas = make("canvas", { width: side, height: side }), pixels = [];
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
