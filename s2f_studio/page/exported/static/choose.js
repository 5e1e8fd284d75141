// Who answers a drawing: entries of the bank by their weights, one for each seed; as in Python
// (s2f_studio/faces/choosing.py), number by number.

import { FACTS } from "./facts.js";

const { bank } = FACTS;
const { alike, eight: EIGHT, narrower, numbers, outside, seen, stream: STREAM } = bank;
const WORDS = 2 ** 32;

function hashedOnce(x) {
  let made = x >>> 0;
  made = Math.imul(made ^ (made >>> 16), 0x21f0aaad);
  made = Math.imul(made ^ (made >>> 15), 0x735a2d97);
  return (made ^ (made >>> 15)) >>> 0;
}

// A whole number of 32 bits for each entry, by chance for each seed and stream.
export function hashed(seed, stream) {
  const key = hashedOnce((seed + STREAM * stream) % WORDS);
  return numbers.map((number) => hashedOnce((key + STREAM * number) % WORDS));
}

// How freely people are chosen for a drawing so crude, unless it is asked for.
export function usualTemperature(degree) {
  const [least, more] = bank.temperature;
  return least + more * Math.min(1, Math.max(0, degree));
}

function largest(values) {
  let best = 0;
  values.forEach((value, n) => {
    if (value > values[best]) best = n;
  });
  return best;
}

// The entries of the eight seeds of a round, the first seed's first.
export function eightOf(weights, block, temperature) {
  if (temperature === 0) return Array(EIGHT).fill(largest(weights));
  const owner = hashed(block, bank.eighth).map((one) => one % EIGHT);
  const left = [...weights];
  const entries = [];
  for (let place = 0; place < EIGHT; place++) {
    const noise = hashed(EIGHT * block + place, bank.noise);
    const score = left.map((weight, n) => {
      const gumbel = -Math.log(-Math.log((noise[n] + 1) / (WORDS + 1)));
      return weight + temperature * gumbel - (owner[n] === place ? 0 : outside);
    });
    entries.push(largest(score));
    left[entries.at(-1)] = -Infinity;
  }
  return entries;
}

// The entry of a person who is kept: {entry, mirrored}. Throws an Error with a refusal's code.
export function kept(weights, number) {
  const entry = numbers.indexOf(number);
  if (entry < 0) {
    const gone = new Error(`nobody in the bank has the number ${number}`);
    throw Object.assign(gone, { code: "unknown-person" });
  }
  return { entry, mirrored: weights[numbers.length + entry] > weights[entry] };
}

// The entry of a seed: {entry, mirrored}. weights: of all entries and then of their mirror images.
// rounds: of [the numbers of who was picked, of who was passed over]. off(picked) is how far each
// entry is from the nearest of those who were picked, an array of 0 and 1.
export async function choose(weights, seed, temperature, rounds, off) {
  const num = numbers.length;
  const mirrored = numbers.map((_, n) => weights[num + n] > weights[n]);
  let best = numbers.map((_, n) => Math.max(weights[n], weights[num + n]));
  let free = temperature;
  for (const [picked, passed] of rounds) {
    best = best.map((weight, n) => weight - (passed.includes(numbers[n]) ? seen : 0));
    const near = numbers.map((number) => Number(picked.includes(number)));
    if (!near.includes(1)) continue; // who left the bank since then counts no more
    const away = await off(near);
    best = best.map((weight, n) => weight - alike * away[n]);
    free *= narrower;
  }
  const entry = eightOf(best, Math.floor(seed / EIGHT), free)[seed % EIGHT];
  return { entry, mirrored: mirrored[entry] };
}
