// Paper made white and even, lines made dark: as s2f_studio/drawings/cleanup.py does for soft shadows. No sheet is cut out,
// and what stands along the edges stays.

import { FACTS } from "./facts.js";
import { cubicAt } from "./crop.js";
import { percentile, rounded } from "./pixels.js";
import { solved } from "./shapes.js";

const { cleaning } = FACTS;
const FITS = 12;
const POWERS = [0, 1, 2, 3].flatMap((i) => Array.from({ length: 4 - i }, (_, j) => [i, j]));

// Grey values as Pillow has them: {width, height, data}.
export function luminance({ width, height, data }) {
  const grey = new Uint8Array(width * height);
  for (let n = 0; n < grey.length; n++) grey[n] = (data[3 * n] * 19595 + data[3 * n + 1] * 38470 + data[3 * n + 2] * 7471 + 0x8000) >> 16;
  return { width, height, data: grey };
}

const steps = (from, to, num) => Array.from({ length: num }, (_, n) => from + ((to - from) * n) / Math.max(1, num - 1));

// The 90th percentile of each block.
function ninetieths({ width, height, data }) {
  const [rows, columns] = [height, width].map((side) => steps(0, side, Math.min(cleaning.grid, side) + 1).map(Math.trunc));
  return rows.slice(1).map((bottom, j) => columns.slice(1).map((right, i) => {
    const block = [];
    for (let y = rows[j]; y < bottom; y++) for (let x = columns[i]; x < right; x++) block.push(data[y * width + x]);
    return percentile(block, 90);
  }));
}

// A cubic surface through the brightest parts of blocks; what lies far below, drawn hair and shading, counts less and less.
function surfaceOf(blocks) {
  const [down, across] = [blocks, blocks[0]].map((one) => steps(-1, 1, one.length));
  const values = blocks.flat(), terms = down.flatMap((y) => across.map((x) => POWERS.map(([i, j]) => x ** i * y ** j)));
  const num = POWERS.length;
  let share = values.map(() => 1), made = values;
  for (let fit = 0; fit < FITS; fit++) {
    const rows = POWERS.map((_, i) => Float64Array.from(POWERS, (_one, j) => (i === j ? 1e-6 : 0))), sides = POWERS.map(() => [0]);
    terms.forEach((term, n) => {
      for (let i = 0; i < num; i++) {
        const own = share[n] * term[i];
        for (let j = 0; j < num; j++) rows[i][j] += own * term[j];
        sides[i][0] += own * values[n];
      }
    });
    const found = solved(rows, sides);
    made = terms.map((term) => term.reduce((sum, value, i) => sum + value * found[i][0], 0));
    const under = made.map((value, n) => value - values[n]), spread = Math.max(2, 1.5 * percentile(under.map(Math.abs), 50));
    share = under.map((value) => 1 / (1 + (Math.max(value, 0) / spread) ** 4));
  }
  return blocks.map((row, j) => row.map((_, i) => made[j * row.length + i]));
}

// For each pixel of a line, four places of a coarse one and their weights.
function tapsOf(from, to) {
  return Array.from({ length: to }, (_, n) => {
    const at = ((n + 0.5) * from) / to - 0.5, first = Math.floor(at), x = at - first;
    return cubicAt(x).map((weight, k) => [Math.min(from - 1, Math.max(0, first - 1 + k)), weight]);
  });
}

function enlarged(blocks, width, height) {
  const across = tapsOf(blocks[0].length, width), down = tapsOf(blocks.length, height), made = new Float32Array(width * height);
  const rows = blocks.map((row) => across.map((taps) => taps.reduce((sum, [at, weight]) => sum + weight * row[at], 0)));
  down.forEach((taps, y) => {
    const [a, b, c, d] = taps.map(([at]) => rows[at]), [p, q, r, s] = taps.map(([, weight]) => weight);
    for (let x = 0; x < width; x++) made[y * width + x] = Math.min(255, Math.max(8, p * a[x] + q * b[x] + r * c[x] + s * d[x]));
  });
  return made;
}

// Greys divided by their paper's brightness: {flat, ratio}, the second of brightest to darkest paper.
export function flattened(grey) {
  const { width, height, data } = grey, paper = enlarged(surfaceOf(ninetieths(grey)), width, height);
  const flat = data.map((value, n) => rounded((value / paper[n]) * 255));
  return { flat: { width, height, data: flat }, ratio: percentile(paper, 99) / percentile(paper, 1) };
}

// Whether this is photographed or scanned paper, not white or not even.
export function needsCleaning(given) {
  const means = Float64Array.from({ length: given.width * given.height }, (_, n) =>
    (given.data[3 * n] + given.data[3 * n + 1] + given.data[3 * n + 2]) / 3);
  return percentile(means, 80) < cleaning.white_paper || flattened(luminance(given)).ratio > cleaning.even_paper;
}

// Whether lines are there, but hardly darker than their paper.
export function isFaint(given) {
  const { data } = luminance(given), light = percentile(data, 98);
  return data.filter((value) => value < light - cleaning.faint_below).length < cleaning.lines_share * data.length;
}

// The paper white, and the darkest lines nearly black.
function stretched({ width, height, data }) {
  const paper = percentile(data, 75), near = data.filter((value) => value >= paper - 25);
  const noise = 1.4826 * percentile(Float64Array.from(near, (value) => Math.abs(value - paper)), 50);
  const white = paper - Math.max(3, 2 * noise), ink = data.filter((value) => value < paper - Math.max(24, 6 * noise));
  if (ink.length < Math.max(16, 1e-4 * data.length)) return { width, height, data: new Uint8Array(data.length).fill(255) };
  const black = percentile(ink, 10);
  return { width, height, data: data.map((value) => rounded(15 + 240 * Math.min(1, Math.max(0, (value - black) / (white - black))))) };
}

// A drawing with its paper cleaned, as a picture in greys.
export function cleaned(given) {
  const { width, height, data } = stretched(flattened(luminance(given)).flat), made = new Uint8Array(3 * data.length);
  data.forEach((value, n) => made.fill(value, 3 * n, 3 * n + 3));
  return { width, height, data: made };
}
