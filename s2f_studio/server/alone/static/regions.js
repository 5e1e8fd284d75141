// A part of the face that is redrawn: from its outline to how much of each pixel is new.

import { FACTS } from "./facts.js";
import { rounded } from "./pixels.js";

const NEAR = [[0, 1, 1], [1, 1, 1.4], [1, 2, 2.1969], [2, 1, 2.1969]]; // steps of a distance: across, down, how far

// A polygon in shares of the side as a mask of FACTS.pad.region_px a side.
function maskOf(outline, side = FACTS.pad.region_px) {
  const points = outline.map((point) => point.map((share) => Math.trunc(share * side))), mask = new Uint8Array(side * side);
  for (let y = 0; y < side; y++) {
    const cuts = [];
    points.forEach(([ax, ay], n) => {
      const [bx, by] = points[(n + 1) % points.length];
      if (ay === y && by === y) cuts.push(ax, bx); // an edge along the row belongs to it
      if ((ay <= y) !== (by <= y)) cuts.push(ax + ((y - ay) / (by - ay)) * (bx - ax));
    });
    cuts.sort((a, b) => a - b);
    for (let n = 0; n + 1 < cuts.length; n += 2) {
      const first = Math.max(0, Math.ceil(cuts[n])), last = Math.min(side - 1, Math.floor(cuts[n + 1]));
      if (last >= first) mask.fill(1, y * side + first, y * side + last + 1);
    }
  }
  return mask;
}

// How far each pixel inside is from the nearest one outside, as OpenCV reckons it; the picture's own edge is no rim.
function depthOf(mask, side) {
  const wide = side + 4, far = new Float64Array(wide * wide).fill(1e6);
  const place = (x, y) => (y + 2) * wide + x + 2;
  const steps = NEAR.flatMap(([across, down, length]) => (across === 0 ? [[0, -down, length], [-down, 0, length]]
    : [[across, -down, length], [-across, -down, length]]));
  for (let y = 0; y < side; y++) for (let x = 0; x < side; x++) if (!mask[y * side + x]) far[place(x, y)] = 0;
  for (const sign of [1, -1]) {
    for (let n = 0; n < side * side; n++) {
      const at = sign > 0 ? n : side * side - 1 - n, here = place(at % side, Math.floor(at / side));
      for (const [x, y, length] of steps) far[here] = Math.min(far[here], far[here + sign * (y * wide + x)] + length);
    }
  }
  return Float64Array.from(mask, (_, n) => Math.min(1e6, far[place(n % side, Math.floor(n / side))]));
}

// How much of each pixel is redrawn, Float32Array, 0 outside, rising inside. side: of the face.
export function feathered(outline, side) {
  const small = FACTS.pad.region_px, mask = maskOf(outline);
  if (!mask.some(Boolean)) throw new Error("the region is too small: draw a larger one");
  const inside = Uint8Array.from({ length: side * side }, (_, n) =>
    mask[Math.floor(((Math.floor(n / side) + 0.5) * small) / side) * small + Math.floor((((n % side) + 0.5) * small) / side)]);
  const depth = depthOf(inside, side), rim = Math.min(Math.max(1, FACTS.pad.feather * side), depth.reduce((a, b) => Math.max(a, b)));
  return Float32Array.from(depth, (own) => {
    const rise = Math.min(1, own / rim);
    return rise * rise * (3 - 2 * rise);
  });
}

// Two pictures: 0 keeps the first one's pixels, 1 those of the second.
export function blended(outside, inside, share) {
  const data = outside.data.map((value, n) => rounded(Math.fround(value + Math.fround(share[Math.floor(n / 3)] * (inside.data[n] - value)))));
  return { ...outside, data };
}
