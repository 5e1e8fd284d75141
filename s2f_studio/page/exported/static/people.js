// Who could be meant by a drawing, one person for each seed: as in Python (s2f_studio/faces/people.py
// and posterior.py), number by number. Matrices are arrays of rows.

import { FACTS } from "./facts.js";
import { coordinates, eyeDistance, solved } from "./shapes.js";

const { attributes, mesh, people } = FACTS;
const { careful, centre, crude, middle, slope } = people;
const { eight: EIGHT, least_effective: LEAST_EFFECTIVE, num_weighted: NUM_WEIGHTED } = people;
const { streams } = people;
const STRANGERS = people.strangers.map((one) => one.map((value) => people.step * value));
const COLOURS = people.like_picks.map((at) => people.rows[at]);
const WORDS = 2 ** 32;
const STREAM = 0x9e3779b9;

function hashed(x) {
  let made = x ^ (x >>> 16);
  made = Math.imul(made, 0x21f0aaad);
  made ^= made >>> 15;
  made = Math.imul(made, 0x735a2d97);
  return (made ^ (made >>> 15)) >>> 0;
}

// So many numbers of a standard normal distribution for a seed.
export function normal(seed, num, stream) {
  const half = Math.ceil(num / 2);
  const key = hashed((seed + people.first + STREAM * (stream + 1)) % WORDS);
  const share = (n) => (hashed((key + STREAM * n) % WORDS) + 1) / WORDS;
  const made = Array(2 * half);
  for (let at = 0; at < half; at++) {
    const away = Math.sqrt(-2 * Math.log(share(2 * at)));
    const turn = 2 * Math.PI * share(2 * at + 1);
    made[at] = away * Math.cos(turn);
    made[half + at] = away * Math.sin(turn);
  }
  return made.slice(0, num);
}

function dot(a, b) {
  let sum = 0;
  for (let n = 0; n < a.length; n++) sum += a[n] * b[n];
  return sum;
}

function clamp(value) {
  return Math.min(1, Math.max(0, value));
}

// a times the transpose of b.
function timesTransposed(a, b) {
  return a.map((row) => b.map((other) => dot(row, other)));
}

function transposed(a) {
  return Array.from(a[0], (_, n) => a.map((row) => row[n]));
}

function trace(a) {
  return a.reduce((sum, row, n) => sum + row[n], 0);
}

// The lower triangular root of a symmetric matrix with something added to its diagonal.
function cholesky(a, added) {
  const root = a.map((row) => Array(row.length).fill(0));
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j <= i; j++) {
      const left = a[i][j] + (i === j ? added : 0) - dot(root[i], root[j]);
      root[i][j] = i === j ? Math.sqrt(left) : left / root[j][j];
    }
  }
  return root;
}

// A posterior {mean, root, lean, wanted} whose readouts `rows` have these means, and this root of their scale
// matrix, and nothing else changed but what goes with them; the readouts `kept` stay.
function held(posterior, rows, values, rootOfRows, kept = []) {
  if (!rows.length) return posterior;
  const { mean, root } = posterior;
  const columns = transposed(root);
  const across = [...rows, ...kept].map((row) => columns.map((column) => dot(row, column)));
  const variance = timesTransposed(across, across);
  variance.forEach((row, n) => {
    row[n] += people.jitter * (row[n] + people.jitter);
  });
  const sides = timesTransposed(across, root).map((row) => Float64Array.from(row));
  const gains = transposed(solved(variance.map((row) => Float64Array.from(row)), sides));
  const gain = gains.map((row) => row.slice(0, rows.length)); // (J, R)
  const by = rows.map((row, n) => values[n] - dot(row, mean));
  const acrossColumns = transposed(across.slice(0, rows.length));
  const added = transposed(rootOfRows);
  return {
    ...posterior,
    mean: mean.map((value, j) => value + dot(gain[j], by)),
    root: root.map((row, j) => [
      ...row.map((value, c) => value - dot(gain[j], acrossColumns[c])),
      ...added.map((column) => dot(gain[j], column)),
    ]),
  };
}

// The logarithm of each stranger's likelihood.
function likelihoodOf({ lean, wanted }) {
  return STRANGERS.map((one) => {
    const misfits = wanted.map(({ across, value }) => (dot(across, one) - value) ** 2);
    return dot(lean, one) - (people.pull / 2) * misfits.reduce((a, b) => a + b, 0);
  });
}

// Where an eighth of all begins; the first ones are larger by one where eight does not divide num.
function eighthFrom(place, num) {
  return place * Math.floor(num / EIGHT) + Math.min(place, num % EIGHT);
}

// The number of the stranger whom a seed draws: the likeliest of its eighth, by Gumbel's numbers.
function who(likelihood, seed) {
  const num = STRANGERS.length;
  const drawn = normal(Math.floor(seed / EIGHT), 2 * num, streams.who);
  const late = likelihood.map((one, n) => {
    return Math.log((drawn[n] ** 2 + drawn[num + n] ** 2) / 2) - one;
  });
  const from = eighthFrom(seed % EIGHT, num);
  const eighth = late.slice(from, eighthFrom((seed % EIGHT) + 1, num));
  return from + eighth.indexOf(Math.min(...eighth));
}

// A stranger's deviations, less where those who are drawn lean.
function deviations(posterior, seed) {
  return STRANGERS[who(likelihoodOf(posterior), seed)].map((value, j) => value - posterior.lean[j]);
}

function sample(posterior, seed, temperature) {
  const { mean, root } = posterior;
  const drawn = deviations(posterior, seed);
  const more = root[0].length - mean.length;
  if (more) drawn.push(...normal(seed, more, streams.held));
  return mean.map((value, j) => value + temperature * dot(root[j], drawn));
}

// A posterior whose strangers lean further by a vector, in the first coordinates.
function leaning(posterior, by) {
  const lean = posterior.lean.map((value, j) => value + (j < people.num_leaning ? by[j] : 0));
  const most = Math.min(1, people.most_lean / Math.max(Math.sqrt(dot(lean, lean)), 1e-9));
  return { ...posterior, lean: lean.map((value) => most * value) };
}

// A posterior whose strangers have readouts near to values.
function wanting(posterior, rows, values) {
  const { mean, root } = posterior;
  const columns = transposed(root).slice(0, mean.length);
  const wanted = rows.map((row, n) => {
    const across = columns.map((column) => dot(row, column));
    const spread = Math.sqrt(dot(across, across)) + people.jitter;
    const value = (values[n] - dot(row, mean)) / spread;
    return { across: across.map((one) => one / spread), value };
  });
  return { ...posterior, wanted: [...posterior.wanted, ...wanted] };
}

// Whether the drawn mouth is closed (-1) or open (1); null if it is in between.
function lips(points) {
  const [upper, lower] = [15, 5].map((n) => points[mesh.parts.mouth[n]]);
  const gap = Math.hypot(upper[0] - lower[0], upper[1] - lower[1]) / eyeDistance(points);
  if (gap < people.closed) return -1;
  return gap > people.open ? 1 : null;
}

// The distribution of people who could be meant by a drawing.
function given({ average, crude: degree, worn, points }) {
  const offPx = (people.drawn_off_px * eyeDistance(points)) / eyeDistance(mesh.mean);
  const shape = coordinates(points, points.map(() => offPx));
  const how = degree - people.half_crude;
  const times = (values, by) => values.map((value) => value * by);
  const seen = average.slice(0, people.num_seen);
  const coarse = times(seen.slice(0, people.num_seen / 2), how ** 2);
  const ofLooks = [...seen, ...times(seen, how), ...coarse];
  const all = [...ofLooks, ...shape, ...times(shape, how), how, how ** 2];
  const isWorn = Object.fromEntries(attributes.worn.map((name, n) => [name, worn[n]]));
  const { hat, ...others } = isWorn; // everybody is drawn without a hat; it is put on afterwards
  const without = attributes.worn.map((name) => others[name] ?? 0);
  all.push(...times(without, people.worn_weight));
  const away = all.map((value, n) => value - centre[n]);
  const mean = middle.map((value, j) => {
    let sum = value;
    for (let n = 0; n < away.length; n++) sum += away[n] * slope[n][j];
    return sum;
  });
  const [low, high] = people.careful_to_crude;
  const share = clamp((degree - low) / (high - low));
  const root = careful.map((row, i) => {
    return row.map((value, j) => (1 - share) * value + share * crude[i][j]);
  });
  const levels = Object.entries(others).map(([name, value]) => [name, 2 * value - 1]);
  levels.push(["hat", -1]);
  const rows = [];
  const values = [];
  const decide = ([name, level]) => {
    const at = people.levels.indexOf(name);
    rows.push(people.rows[at]);
    values.push(people.at_zero[at] + level * people.per_level[at]);
  };
  levels.forEach(decide);
  for (const name of degree < people.scribble ? people.drawn : []) {
    const row = people.rows[people.levels.indexOf(name)];
    rows.push(row);
    values.push(dot(row, mean));
  }
  const lean = mean.map(() => 0);
  const free = leaning({ mean, root, lean, wanted: [] }, mean.map((one, j) => one - middle[j]));
  const fitting = wanting(free, rows, values); // whatever the lips of those who are drawn
  const mouth = lips(points);
  if (mouth !== null) decide(["smile", mouth]);
  const still = rows.map(() => Array(rows.length).fill(0)); // nobody varies around them
  const kept = people.kept.map((at) => people.rows[at]);
  const bare = held(fitting, rows, values, still, kept);
  if (!hat) return bare;
  return {
    ...bare,
    mean: bare.mean.map((value, j) => value + people.hat_mean[j]),
    root: bare.root.map((row, j) => [...row, ...people.hat_root[j]]),
  };
}

// Weights of samples, which sum to 1. logits: a row for each sample. A choice that rests on few of
// them counts for less.
function weightsOf(logits, picked) {
  let likelihood = logits.map((row) => {
    const most = Math.max(...row);
    const every = most + Math.log(row.reduce((sum, one) => sum + Math.exp(one - most), 0));
    return picked.reduce((sum, n) => sum + row[n] - every, 0) / picked.length;
  });
  let weights = [];
  for (let round = 0; round < people.rounds; round++) {
    const most = likelihood.reduce((a, b) => Math.max(a, b));
    const raw = likelihood.map((one) => Math.exp(one - most));
    const total = raw.reduce((a, b) => a + b);
    weights = raw.map((one) => one / total);
    if (1 / dot(weights, weights) >= LEAST_EFFECTIVE) break;
    likelihood = likelihood.map((one) => people.softer * one);
  }
  return weights;
}

// A root of how much skin and hair may vary after a choice.
function spreadOfColours(posterior) {
  const columns = transposed(posterior.root);
  const across = COLOURS.map((row) => columns.map((column) => dot(row, column)));
  const scale = timesTransposed(across, across);
  const { alike_after: share, jitter } = people;
  const root = cholesky(scale, jitter * (trace(scale) / scale.length + jitter));
  return root.map((row) => row.map((value) => share * value));
}

// The posterior after some of the people shown were picked as the nearest; skin and hair have the
// picks' mean.
function nearer(posterior, shown, picked, spread) {
  const { alike, jitter } = people;
  const last = shown.at(-1);
  const rows = shown.slice(0, -1).map((one) => {
    return one.map((value, j) => 2 * (value - last[j]) * alike[j]);
  });
  const columns = transposed(posterior.root);
  const across = rows.map((row) => columns.map((column) => dot(row, column)));
  const scale = timesTransposed(across, across);
  const size = scale.length;
  const root = cholesky(scale, jitter * (trace(scale) / size + jitter));
  const centres = rows.map((row) => dot(row, posterior.mean));
  const lengths = shown.map((one) => one.reduce((sum, value, j) => sum + alike[j] * value ** 2, 0));
  const samples = Array.from({ length: NUM_WEIGHTED }, (_, seed) => {
    const drawn = normal(seed, size, streams.choice);
    return root.map((row, n) => centres[n] + dot(row, drawn));
  });
  const logits = samples.map((one) => [...one, 0].map((value, n) => value - lengths[n]));
  const weights = weightsOf(logits, picked);
  const means = centres.map((_, n) => dot(weights, samples.map((one) => one[n])));
  const off = means.map((mean, n) => {
    return samples.map((one, k) => (one[n] - mean) * Math.sqrt(weights[k]));
  });
  const found = cholesky(timesTransposed(off, off), (jitter * trace(scale)) / size);
  const moved = held(posterior, rows, means, found);
  const leant = leaning(moved, moved.mean.map((value, j) => value - posterior.mean[j]));
  const colours = COLOURS.map((row) => {
    return picked.reduce((sum, n) => sum + dot(row, shown[n]), 0) / picked.length;
  });
  return held(leant, COLOURS, colours, spread, people.wall.map((at) => people.rows[at]));
}

// How freely people are drawn for a drawing so crude, unless it is asked for.
export function usualTemperature(degree) {
  const [least, more] = people.temperature;
  return least + more * clamp(degree);
}

// The person of a seed: {code, shape}. rounds: of the rounds before, the seeds that were picked.
export function drawPerson(drawing, seed, temperature, rounds) {
  let posterior = given(drawing);
  const spread = spreadOfColours(posterior);
  let free = temperature;
  for (const picks of rounds) {
    const first = picks[0] - (picks[0] % EIGHT);
    const shown = Array.from({ length: EIGHT }, (_, n) => sample(posterior, first + n, free));
    posterior = nearer(posterior, shown, picks.map((one) => one - first), spread);
    free *= people.narrower;
  }
  const person = sample(posterior, seed, free);
  const num = person.length - people.num_shape;
  const code = Array(people.num_components).fill(0);
  for (let n = 0; n < num; n++) code[n] = person[n];
  return { code, shape: person.slice(num) };
}
