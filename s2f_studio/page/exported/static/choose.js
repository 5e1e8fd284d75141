// People's codes as text, and who is shown next after rounds of choosing; as in Python
// (s2f_studio/codes.py).

import { FACTS } from "./facts.js";

const { people } = FACTS;
const MOST = 127; // of a byte
const LACKING = `a person is a code of ${people.num_chars} characters: copy all of it`;
const OTHER = "this person's code is of another version of this page: use the one that made it";

// A code as text.
export function textOf(code) {
  const steps = Int8Array.from(code, (value) => {
    return Math.max(-MOST, Math.min(MOST, Math.round(value * people.steps)));
  });
  const bytes = [people.version, ...new Uint8Array(steps.buffer)];
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// The code of a text, numbers in standard deviations. Throws an Error for anything else.
export function codeOf(text) {
  const isWhole = text.length === people.num_chars && /^[\w-]*$/.test(text);
  if (!isWhole) throw new Error(LACKING);
  const content = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const [version, ...bytes] = Uint8Array.from(content, (one) => one.charCodeAt(0));
  if (version !== people.version) throw new Error(OTHER);
  return Array.from(Int8Array.from(bytes), (value) => value / people.steps);
}

function meanOf(texts) {
  const codes = texts.map(codeOf);
  return codes[0].map((_, n) => codes.reduce((sum, code) => sum + code[n], 0) / codes.length);
}

// How far people may be from the likeliest one for a drawing so crude, unless it is asked for.
export function usualTemperature(degree) {
  const [least, more] = people.temperature;
  return least + more * Math.min(1, Math.max(0, degree));
}

// The code around which the next people lie, and their spread, as a share of the usual one: {centre,
// spread}; null where nobody was picked yet. rounds: of [who was picked, who was passed over], texts.
export function centreOf(rounds) {
  let centre = null;
  let weight = 0;
  let spread = 1;
  for (const [picked, passed] of rounds) {
    if (!picked.length) continue;
    let aim = meanOf(picked);
    if (passed.length) {
      const others = meanOf(passed);
      aim = aim.map((value, n) => value + people.push * (value - others[n]));
    }
    weight *= people.older;
    const before = centre ?? aim;
    centre = aim.map((value, n) => (weight * before[n] + value) / (weight + 1));
    weight += 1;
    spread = spread === 1 ? people.first : people.narrower * spread;
  }
  return centre && { centre, spread };
}
