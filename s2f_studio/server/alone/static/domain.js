// Is this what the models were trained on? A drawing, or what is the matter; as s2f_studio/drawings/domain.py measures it.

import { FACTS } from "./facts.js";
import { flattened, luminance } from "./cleaning.js";
import { blurredValues } from "./crop.js";
import { percentile, percentileOfBytes, resized } from "./pixels.js";

const { domain } = FACTS;
const remembered = new WeakMap();

function mean(values) {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

// The share of values of which something is true.
function share(values, test) {
  let found = 0;
  for (const value of values) if (test(value)) found++;
  return found / values.length;
}

const mirrored = (at, size) => (at < 0 ? -at : at >= size ? 2 * size - 2 - at : at);

function smaller(given, most, least = 1) {
  const scale = most / Math.max(given.width, given.height);
  return resized(given, ...[given.width, given.height].map((side) => Math.max(least, Math.round(side * scale))), "box");
}

// From the darkest 0.5 % to the lightest 2 %, 0 to 1.
function stretched(bytes) {
  const [dark, light] = [0.5, 98].map((share) => percentileOfBytes(bytes, share)), wide = Math.max(light - dark, domain.faint_below);
  return Float32Array.from(bytes, (value) => 1 - Math.min(1, Math.max(0, (light - value) / wide)));
}

// Sums of five values along a line, for all lines; edges are mirrored.
function fives(from, num, long, lines, step) {
  const made = new Float64Array(from.length);
  for (let line = 0; line < num; line++) {
    for (let n = 0; n < long; n++) {
      let sum = 0;
      for (let k = -2; k <= 2; k++) sum += from[line * lines + mirrored(n + k, long) * step];
      made[line * lines + n * step] = sum;
    }
  }
  return made;
}

// The share of smooth places that are darker than a level.
function smoothBelow({ width, height, data }, level) {
  const means = (values) => fives(fives(values, height, width, width, 1), width, height, 1, width);
  const sums = means(data), squares = means(Float64Array.from(data, (value) => value * value));
  let found = 0;
  for (let n = 0; n < sums.length; n++) {
    const own = sums[n] / 25;
    if (own < level && squares[n] / 25 - own * own < domain.smooth ** 2) found++;
  }
  return found / sums.length;
}

// The largest (or, with sign -1, the smallest) value within three pixels; beyond the edge there is none.
function extreme(values, width, height, sign) {
  const pass = (from, num, long, lines, step) => {
    const made = new Float32Array(from.length);
    for (let line = 0; line < num; line++) {
      for (let n = 0; n < long; n++) {
        let best = -Infinity;
        for (let k = Math.max(0, n - 3); k <= Math.min(long - 1, n + 3); k++) best = Math.max(best, sign * from[line * lines + k * step]);
        made[line * lines + n * step] = sign * best;
      }
    }
    return made;
  };
  return pass(pass(values, height, width, width, 1), width, height, 1, width);
}

function gradients(x, width, height) {
  const soft = blurredValues(x, width, height, 0.7), made = new Float32Array(x.length);
  for (let v = 0, n = 0; v < height; v++) {
    const up = mirrored(v - 1, height) * width, row = v * width, down = mirrored(v + 1, height) * width;
    for (let u = 0; u < width; u++, n++) {
      const left = mirrored(u - 1, width), right = mirrored(u + 1, width);
      const across = soft[up + right] + 2 * soft[row + right] + soft[down + right] - soft[up + left] - 2 * soft[row + left] - soft[down + left];
      const along = soft[down + left] + 2 * soft[down + u] + soft[down + right] - soft[up + left] - 2 * soft[up + u] - soft[up + right];
      made[n] = Math.sqrt(across * across + along * along) / 8;
    }
  }
  return made;
}

function traitsOf(grey) {
  const { width, height } = grey, { flat, ratio } = flattened(grey), x = stretched(flat.data), given = stretched(grey.data);
  const gradient = gradients(x, width, height), paper = percentileOfBytes(flat.data, 80), light = percentileOfBytes(grey.data, 98);
  const closed = extreme(extreme(x, width, height, 1), width, height, -1), opened = extreme(extreme(x, width, height, -1), width, height, 1);
  const [dark, bright] = [mean(closed.map((value, n) => value - x[n])), mean(x.map((value, n) => value - opened[n]))];
  return {
    tones: Math.sqrt(Math.min(smoothBelow(flat, paper - domain.tone), 0.3)),
    pale_tones: Math.sqrt(Math.min(smoothBelow(flat, paper - domain.tone / 2), 0.3)),
    tones_given: Math.sqrt(Math.min(smoothBelow(grey, light - domain.tone), 0.5)),
    white: share(x, (value) => value > 0.93), white_given: share(grey.data, (value) => value >= light - 16),
    middle: share(x, (value) => value > 0.25 && value < 0.85), middle_given: share(given, (value) => value > 0.2 && value < 0.8),
    median: percentile(x, 50), weak_edges: share(gradient, (value) => value > 0.005 && value < 0.03),
    strong_edges: Math.sqrt(share(gradient, (value) => value > 0.08)), dark_lines: Math.sqrt(Math.max(0, dark)),
    light_lines: Math.sqrt(Math.max(0, bright)), lines_ratio: Math.log((dark + 0.003) / (bright + 0.003)), uneven: Math.log(ratio),
  };
}

// The logarithm of the odds that greys are a photo's.
function likeness(grey) {
  const found = traitsOf(grey);
  if (found.white > domain.most_white) return domain.of_paper;
  return domain.bias + Object.entries(domain.traits).reduce((sum, [name, [middle, spread, weight]]) => sum + (weight * (found[name] - middle)) / spread, 0);
}

function tonesOf(grey) {
  const { flat } = flattened(grey);
  return smoothBelow(flat, percentileOfBytes(flat.data, 80) - domain.tone);
}

// The share of pixels with colours, beside the paper's own.
function colouredShare({ data }, paper) {
  const linear = paper.map((white) => Float64Array.from({ length: 256 }, (_, level) => {
    const value = Math.min(1, level / white);
    return value > 0.04045 ? ((value + 0.055) / 1.055) ** 2.4 : value / 12.92;
  }));
  const root = (value) => (value > 0.008856 ? Math.cbrt(value) : 7.787 * value + 16 / 116), [toX, toY, toZ] = domain.to_xyz, [xn, yn, zn] = domain.lab_white;
  let found = 0;
  for (let n = 0; n < data.length; n += 3) {
    const r = linear[0][data[n]], g = linear[1][data[n + 1]], b = linear[2][data[n + 2]];
    const x = root((toX[0] * r + toX[1] * g + toX[2] * b) / xn), y = root((toY[0] * r + toY[1] * g + toY[2] * b) / yn);
    const z = root((toZ[0] * r + toZ[1] * g + toZ[2] * b) / zn);
    if (Math.hypot(500 * (x - y), 200 * (y - z)) >= domain.coloured_chroma) found++;
  }
  return (3 * found) / data.length;
}

function inkContrast(given, light) {
  const near = Math.max(given.width, given.height) > domain.lines_px ? smaller(given, domain.lines_px) : given, { data } = luminance(near);
  const ink = data.filter((value) => value < light - domain.faint_below);
  return ink.length >= domain.lines_share * data.length ? light - percentileOfBytes(ink, 50) : 0;
}

// "drawing", or what is the matter: "inverted", "faint", "photo" or "coloured".
export function kindOf(given) {
  if (!remembered.has(given)) remembered.set(given, measured(given));
  return remembered.get(given);
}

function measured(given) {
  const small = smaller(given, domain.side_px, 8), grey = luminance(small), [dark, middle, light] = [0.5, 50, 98].map((share) => percentileOfBytes(grey.data, share));
  if (Math.max(light - dark, inkContrast(given, light)) < domain.faint_below) return "faint";
  const bright = percentileOfBytes(grey.data, 70), onPaper = [[], [], []];
  grey.data.forEach((value, n) => { if (value >= bright) for (let c = 0; c < 3; c++) onPaper[c].push(small.data[3 * n + c]); });
  const paper = onPaper.map((values) => Math.max(percentileOfBytes(values, 50), 1));
  const coloured = colouredShare(small, paper);
  const lightness = 1 - (light - middle) / Math.max(light - dark, 1), negative = { ...grey, data: grey.data.map((value) => 255 - value) };
  const isNegative = lightness < domain.inverted_below && likeness(negative) <= 0 && tonesOf(negative) < domain.tones_from;
  if (isNegative) return "inverted";
  const photo = likeness(grey), white = share(grey.data, (value) => value >= light - 16), isColoured = coloured >= domain.coloured_from;
  if (photo > 0 || (isColoured && white < domain.white_from)) return "photo";
  if (isColoured) return "coloured";
  return photo > domain.doubtful && tonesOf(grey) >= domain.tones_from ? "photo" : "drawing";
}
