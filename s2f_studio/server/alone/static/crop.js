// Faces cut out: low-pass filtered, warped by a cubic, as s2f_utils/pictures/faces/geometry.py does with OpenCV.

import { median, paperColour, resized, rounded } from "./pixels.js";
import { inverse, scaleOf } from "./shapes.js";

const A = -0.75; // of OpenCV's cubic
const SHRUNK_FROM = 0.95, LEAST_PX = 8;
const BLUR = 0.02, FADES = 0.3, RIM = 0.05; // beyond a photo's edge: shares of the side

// The weights of four pixels for a place this far from the second to the third.
export function cubicAt(x) {
  const first = ((A * (x + 1) - 5 * A) * (x + 1) + 8 * A) * (x + 1) - 4 * A;
  const second = ((A + 2) * x - (A + 3)) * x * x + 1, third = ((A + 2) * (1 - x) - (A + 3)) * (1 - x) * (1 - x) + 1;
  return [first, second, third, 1 - first - second - third];
}

const mirrored = (at, size) => {
  if (size === 1) return 0;
  const round = 2 * size - 2, place = ((at % round) + round) % round;
  return place < size ? place : round - place;
};

// Smaller pixels first, so that nothing is aliased: the picture and the map from its pixels.
function lowPassed(given, matrix) {
  const scale = scaleOf(matrix), small = [given.width, given.height].map((side) => Math.max(1, Math.round(side * scale)));
  if (scale >= SHRUNK_FROM || Math.min(...small) < LEAST_PX) return [given, matrix];
  const ratio = [given.width / small[0], given.height / small[1]];
  const rows = matrix.map(([a, b, c]) => [a * ratio[0], b * ratio[1], a * (0.5 * ratio[0] - 0.5) + b * (0.5 * ratio[1] - 0.5) + c]);
  return [resized(given, ...small, "lanczos"), rows];
}

// The square that a map from a picture's pixels cuts out. beyond: "paper", for drawings, or "reflect", for photos.
export function warped(whole, map, sizePx, beyond = "paper") {
  const [given, matrix] = lowPassed(whole, map), { width, height, data } = given, back = inverse(matrix);
  const paper = paperColour(given), made = new Uint8Array(3 * sizePx * sizePx), sums = [0, 0, 0];
  for (let y = 0, to = 0; y < sizePx; y++) {
    for (let x = 0; x < sizePx; x++) {
      const u = back[0][0] * x + back[0][1] * y + back[0][2], v = back[1][0] * x + back[1][1] * y + back[1][2];
      const left = Math.floor(u) - 1, top = Math.floor(v) - 1;
      const across = cubicAt(u - left - 1), down = cubicAt(v - top - 1);
      sums.fill(0);
      for (let j = 0; j < 4; j++) {
        for (let i = 0; i < 4; i++) {
          let [column, row] = [left + i, top + j];
          const isInside = column >= 0 && row >= 0 && column < width && row < height, share = across[i] * down[j];
          if (!isInside && beyond === "reflect") [column, row] = [mirrored(column, width), mirrored(row, height)];
          const at = 3 * (row * width + column), fills = !isInside && beyond === "paper";
          for (let c = 0; c < 3; c++) sums[c] += share * (fills ? paper[c] : data[at + c]);
        }
      }
      for (const sum of sums) made[to++] = rounded(sum);
    }
  }
  const crop = { width: sizePx, height: sizePx, data: made };
  return beyond === "paper" ? crop : softened(crop, given, back);
}

// The weights of a Gaussian blur, as many as OpenCV takes.
function bell(sigma) {
  const wide = Math.round(6 * sigma + 1) | 1, reach = (wide - 1) / 2;
  const own = Float64Array.from({ length: wide }, (_, n) => Math.exp(-0.5 * ((n - reach) / sigma) ** 2)), total = own.reduce((a, b) => a + b, 0);
  return own.map((value) => value / total);
}

// The same in 256ths, whose errors are handed on to the next, and to the middle.
function inBytes(kernel) {
  const made = kernel.map(() => 0), reach = (kernel.length - 1) / 2;
  let over = 0, total = 0;
  for (let n = 0; n < reach; n++) {
    const wanted = kernel[n] * 256 + over, own = Math.round(wanted);
    over = wanted - own;
    made[n] = made[kernel.length - 1 - n] = own;
    total += own;
  }
  made[reach] = 256 - 2 * total;
  return made;
}

// Rows of pixels, weighed along rows and columns; edges are mirrored.
function weighed(values, width, height, kernel) {
  const wide = kernel.length, reach = (wide - 1) / 2;
  function pass(from, num, long, lines, step) {
    const made = new Float64Array(from.length), line = new Float64Array(long + 2 * reach);
    for (let at = 0; at < 3 * num; at++) {
      const start = Math.floor(at / 3) * lines + (at % 3);
      for (let n = -reach; n < long + reach; n++) line[n + reach] = from[start + mirrored(n, long) * step];
      for (let n = 0; n < long; n++) {
        let sum = 0;
        for (let k = 0; k < wide; k++) sum += kernel[k] * line[n + k];
        made[start + n * step] = sum;
      }
    }
    return made;
  }
  return pass(pass(values, height, width, 3 * width, 3), width, height, 3, 3 * width);
}

// A picture, blurred, as OpenCV blurs bytes.
export function blurred({ width, height, data }, sigma) {
  const sums = weighed(data, width, height, inBytes(bell(sigma)));
  return { width, height, data: Uint8Array.from(sums, (sum) => Math.floor(sum / 65536 + 0.5)) };
}

// What lies beyond a photo's edge fades into blur, and into the photo's median colour.
function softened(crop, { width, height, data }, back) {
  const size = crop.width, side = size * scaleOf(back), far = new Float32Array(size * size);
  let most = 0;
  for (let n = 0; n < far.length; n++) {
    const [x, y] = back.map(([a, b, c]) => a * (n % size) + b * Math.floor(n / size) + c);
    far[n] = Math.max(-x, x - (width - 1), -y, y - (height - 1)) / (FADES * side);
    most = Math.max(most, far[n]);
  }
  if (most <= 0) return crop;
  const soft = blurred(crop, BLUR * size).data, step = Math.max(1, Math.floor((3 * width * height) / 30000));
  const middle = [0, 1, 2].map((c) => {
    const seen = [];
    for (let n = 0; n < width * height; n += step) seen.push(data[3 * n + c]);
    return median(seen);
  });
  const share = (value) => Math.min(1, Math.max(0, value));
  return { ...crop, data: crop.data.map((value, n) => {
    const own = far[Math.floor(n / 3)], near = value + (soft[n] - value) * share(1 + own / RIM);
    return rounded(near + (middle[n % 3] - near) * share(own));
  }) };
}
