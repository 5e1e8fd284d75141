// A part of the face that is redrawn: from its outline to how much of each pixel is new.

import { dataUri } from "./files.js";
import { decoded, pngOf } from "./png.js";

const FEATHER = 0.05; // width of the soft rim, a share of the side; it lies inside the region

// How far a place is from a line between two others.
function distance(x, y, [ax, ay], [bx, by]) {
  const [u, v] = [bx - ax, by - ay], share = ((x - ax) * u + (y - ay) * v) / (u * u + v * v || 1);
  const along = Math.min(1, Math.max(0, share));
  return Math.hypot(x - ax - along * u, y - ay - along * v);
}

// Whether a line lies on the picture's own edge, which is no rim.
const isEdge = (a, b) => [0, 1].some((n) => a[n] === b[n] && (a[n] === 0 || a[n] === 1));

// How much of each pixel is redrawn, Float32Array, 0 outside, rising inside; in a region that is narrower than two rims
// to 1 in the middle. outline: corners in shares of the side.
export function feathered(outline, side) {
  const lines = outline.map((point, n) => [point, outline[(n + 1) % outline.length]]);
  const rims = lines.filter(([a, b]) => !isEdge(a, b));
  const isCut = (x, y) => ([[ax, ay], [bx, by]]) =>
    (ay > y) !== (by > y) && x < ax + ((y - ay) / (by - ay)) * (bx - ax);
  const depth = Float32Array.from({ length: side * side }, (_, n) => {
    const x = ((n % side) + 0.5) / side, y = (Math.floor(n / side) + 0.5) / side;
    const isInside = lines.filter(isCut(x, y)).length % 2 === 1;
    return isInside ? Math.min(1, ...rims.map(([a, b]) => distance(x, y, a, b))) : 0;
  });
  const most = depth.reduce((a, b) => Math.max(a, b)), rim = Math.min(FEATHER, most);
  if (!most) throw new Error("the region is too small: draw a larger one");
  return depth.map((own) => Math.min(1, own / rim)).map((rise) => rise * rise * (3 - 2 * rise));
}

// Two faces, data addresses of PNGs, as one: the second inside the outline, with its notes.
export async function blended(outside, inside, outline) {
  const [below, above] = await Promise.all([outside, inside].map(decoded)), side = below.naturalWidth;
  const [canvas, pixels] = [document.createElement("canvas"), []];
  canvas.width = canvas.height = side;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  for (const one of [above, below]) {
    pen.drawImage(one, 0, 0, side, side);
    pixels.push(pen.getImageData(0, 0, side, side));
  }
  const [made, kept] = pixels, share = feathered(outline, side);
  for (let n = 0; n < kept.data.length; n++) kept.data[n] += share[n >> 2] * (made.data[n] - kept.data[n]);
  pen.putImageData(kept, 0, 0);
  return dataUri(await pngOf(canvas, inside));
}
