// All that the page knows, {reads, settings, drawings, face, seconds, problem, progress}, and how
// each action changes it; nothing else does.
//
// reads: "sketch", "photo" or "map". drawings: of each of these, {uri, isEmpty, start, warnings,
// codes}, and who came up for it, {model, seed, chosen, keep, rounds}. face: the answer in sight.

import { NO_ROUNDS, roundOf, withChanges, withFaces, withRound } from "./rounds.js";

const BLANK = { uri: "", isEmpty: true, start: "", warnings: [], codes: [] };
const NOBODY = { seed: 0, chosen: "", keep: null, rounds: NO_ROUNDS };
const NO_FACE = { png: "", person: "", warnings: [] };

export function drawingOf({ reads, drawings }) {
  return drawings[reads] ?? { ...BLANK, ...NOBODY };
}

function withDrawing(now, changes) {
  const drawing = { ...drawingOf(now), ...changes };
  return { ...now, drawings: { ...now.drawings, [now.reads]: drawing } };
}

function withRounds(now, rounds) {
  return withDrawing(now, { rounds });
}

// A drawing's changes where this model answers: for another one than before others come up.
function forModel(now, model) {
  const before = drawingOf(now).model ?? model;
  return before === model ? { model } : { ...NOBODY, model };
}

const CHANGES = {
  // settings: of a notebook's pad also who answers its drawing. round: of eight faces that are to be
  // in sight.
  begin(_, { reads, settings: { seed, keep, ...settings }, drawings, face, round }) {
    const filled = Object.entries(drawings).map(([name, drawing]) => {
      return [name, { ...BLANK, ...NOBODY, ...drawing }];
    });
    const begun = { reads, settings, drawings: Object.fromEntries(filled), seconds: 0 };
    const now = { ...begun, face: { ...NO_FACE, png: face }, problem: "", progress: "" };
    const rounds = round ? { rounds: withRound(NO_ROUNDS, round) } : {};
    const who = seed === undefined ? rounds : { seed, keep, ...rounds };
    return withDrawing(now, { ...forModel(now, settings.model), ...who });
  },

  // isAnother: another picture, which is somebody else.
  draw(now, { drawing, isAnother }) {
    const drawn = withDrawing(now, { ...BLANK, ...drawing, ...(isAnother ? NOBODY : {}) });
    return drawing.isEmpty ? { ...drawn, face: NO_FACE } : drawn;
  },

  set: (now, { settings }) => ({ ...now, settings: { ...now.settings, ...settings } }),

  // Another direction, or another model, for which others come up.
  choose(now, { model }) {
    const chosen = { ...now, reads: model.reads, settings: { ...now.settings, model: model.id } };
    return withDrawing({ ...chosen, face: NO_FACE }, forModel(chosen, model.id));
  },

  // {seed, chosen, keep}: who answers.
  who: (now, { who }) => withDrawing(now, who),

  face: (now, { face, seconds }) => ({ ...now, face, seconds: seconds ?? now.seconds }),

  round: (now, { round }) => withRounds(now, withRound(drawingOf(now).rounds, round)),

  // To the round before or after, with what was set there.
  go(now, { by }) {
    const { list, at } = drawingOf(now).rounds;
    const gone = withRounds(now, { list, at: at + by });
    return { ...gone, settings: { ...now.settings, ...list[at + by].settings } };
  },

  // Of the round in sight.
  change: (now, { changes }) => withRounds(now, withChanges(drawingOf(now).rounds, changes)),

  faces: (now, { faces }) => withRounds(now, withFaces(drawingOf(now).rounds, faces)),

  // One of the eight; picked again, one is no longer picked, and of more than most the last are.
  pick(now, { seed, most }) {
    const { rounds } = drawingOf(now);
    const { picks } = roundOf(rounds);
    const others = picks.filter((one) => one !== seed);
    const isPicked = others.length < picks.length;
    const wanted = isPicked ? others : [...others, seed].slice(-most);
    return withRounds(now, withChanges(rounds, { picks: wanted }));
  },

  say: (now, words) => ({ ...now, ...words }), // {problem, progress}
};

export function reduce(now, { type, ...action }) {
  return CHANGES[type](now, action);
}
