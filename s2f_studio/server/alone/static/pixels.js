// Pixels without a canvas: resized as Pillow does, rims, papers. A picture is {width, height, data: RGB, Uint8Array}.

import { FACTS } from "./facts.js";

const BITS = 22; // of Pillow's fixed-point weights
const cubic = (x, a = -0.5) => {
  const t = Math.abs(x);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
};
const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
const FILTERS = {
  box: { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bicubic: { support: 2, at: cubic },
  lanczos: { support: 3, at: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

export const picture = (width, height, fill = 0) => ({ width, height, data: new Uint8Array(3 * width * height).fill(fill) });

// For each pixel of a line that is made: where the line that it is taken from begins to count, and the weights.
function weightsOf(from, to, { support, at }) {
  const scale = from / to, wide = Math.max(1, scale), reach = support * wide;
  return Array.from({ length: to }, (_, n) => {
    const centre = (n + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5)), last = Math.min(from, Math.trunc(centre + reach + 0.5));
    const own = Array.from({ length: last - first }, (_one, k) => at((k + first - centre + 0.5) / wide));
    const total = own.reduce((a, b) => a + b, 0);
    return { first, own: own.map((one) => Math.trunc((one / total) * (1 << BITS) + (one / total < 0 ? -0.5 : 0.5))) };
  });
}

export const clipped = (value) => (value < 0 ? 0 : value > 255 ? 255 : value);

// One pass: lines of `width` pixels, each `step` apart, made as long as there are weights.
function passed(data, num, along, weights, [lineIn, stepIn], [lineOut, stepOut]) {
  const made = new Uint8Array(num * weights.length * 3);
  for (let line = 0; line < num; line++) {
    for (let n = 0; n < weights.length; n++) {
      const { first, own } = weights[n];
      for (let c = 0; c < 3; c++) {
        let sum = 1 << (BITS - 1);
        for (let k = 0, at = line * lineIn + first * stepIn + c; k < own.length; k++, at += stepIn) sum += data[at] * own[k];
        made[line * lineOut + n * stepOut + c] = clipped(sum >> BITS);
      }
    }
  }
  return made;
}

// A picture in another size, by Pillow's filters: box, bicubic, lanczos.
export function resized({ width, height, data }, toWidth, toHeight, filter = "bicubic") {
  const kind = FILTERS[filter];
  let now = data;
  if (toWidth !== width) now = passed(now, height, width, weightsOf(width, toWidth, kind), [3 * width, 3], [3 * toWidth, 3]);
  if (toHeight !== height) now = passed(now, toWidth, height, weightsOf(height, toHeight, kind), [3, 3 * toWidth], [3, 3 * toWidth]);
  return { width: toWidth, height: toHeight, data: now === data ? data.slice() : now };
}

export const square = (given, sizePx) => resized(given, sizePx, sizePx);

// The value at a place of numbers in their order (Hoare's selection); they are moved about.
function nth(values, place) {
  for (let low = 0, high = values.length - 1; low < high;) {
    const pivot = values[(low + high) >> 1];
    let left = low, right = high;
    while (left <= right) {
      while (values[left] < pivot) left++;
      while (values[right] > pivot) right--;
      if (left <= right) {
        [values[left], values[right]] = [values[right], values[left]];
        left++; right--;
      }
    }
    if (place <= right) high = right; else if (place >= left) low = left; else break;
  }
  return values[place];
}

// The share-th percentile of numbers, as NumPy's.
export function percentile(values, share) {
  const own = new Float64Array(values), at = (share / 100) * (own.length - 1), low = Math.floor(at);
  const first = nth(own, low), next = Math.min(low + 1, own.length - 1);
  return at === low ? first : first + (at - low) * (nth(own, next) - first);
}

export const median = (values) => percentile(values, 50);

// The median colour of the outermost pixels; where drawn hair fills them, the lightest tenth.
export function paperColour({ width, height, data }) {
  const rim = [[], [], []];
  const take = (x, y) => { for (let c = 0; c < 3; c++) rim[c].push(data[3 * (y * width + x) + c]); };
  for (const y of [0, height - 1]) for (let x = 0; x < width; x++) take(x, y);
  for (const x of [0, width - 1]) for (let y = 0; y < height; y++) take(x, y);
  const isHair = median(rim.flat()) < median(data) - FACTS.hair_at_rim;
  return rim.map((one) => Math.trunc(percentile(one, isHair ? 90 : 50)));
}

// Rounded to the nearest level, halves to the even one, as NumPy does.
export function rounded(value) {
  const low = Math.floor(value), over = value - low;
  return clipped(over > 0.5 || (over === 0.5 && low % 2 !== 0) ? low + 1 : low);
}

// Whether anything is drawn on a picture.
export const hasLines = ({ data }) => data.some((value) => value <= FACTS.looking.lines_below);

// What goes into graphs and comes out: {type, data, dims}.
export const tensor = {
  floats: (values, dims) => ({ type: "float32", data: Float32Array.from(values), dims }),
  whole: (...values) => ({ type: "int64", data: BigInt64Array.from(values, BigInt), dims: [values.length] }),
  pictures: ({ width, height, data }) => ({ type: "uint8", data, dims: [1, height, width, 3] }),
};

// The picture that a graph made.
export const pictureOf = ({ data, dims: [, height, width] }) => ({ width, height, data: new Uint8Array(data) });
