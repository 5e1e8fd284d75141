// The rounds of eight faces that were shown, {list, at}, as a history: one is in sight, and one can
// go back and forward, as in a browser. Nothing here changes what it is given.

export const NUM_FACES = 8;
export const NO_ROUNDS = { list: [], at: -1 };
const MAX_ROUNDS = 20; // as the hosts take them; of more, the first are left out
const NONE = { first: 0, chosen: [], picked: [], faces: [], picks: [] };

// The round in sight. first: its first seed. chosen: of each round before, [the people who were
// picked, those who were passed over], by their codes. picked: the faces picked in the last of them.
// faces: {seed, person, png, basis, warnings, asked}, in the order of seeds; basis: what they were
// made of; asked: how. picks: the seeds picked. settings: those when they were asked for.
export function roundOf({ list, at }) {
  return list[at] ?? NONE;
}

// The codes of those who are on faces, each once.
function peopleOf(faces) {
  return [...new Set(faces.map(({ person }) => person).filter(Boolean))];
}

// Rounds of choosing as a host reads them, "CODE,CODE/CODE;/CODE": who was picked, and who was passed
// over.
export function roundsText(chosen) {
  const rounds = chosen.filter((round) => round.flat().length);
  const texts = rounds.slice(-MAX_ROUNDS).map((round) => round.map((people) => people.join()).join("/"));
  return texts.join(";");
}

// Another round: the eight among whom a seed is; then the next eight.
export function nextRound(rounds, seed, chooses) {
  if (!rounds.list.length) return { first: seed - (seed % NUM_FACES) };
  const { first, chosen, picked, faces } = roundOf(rounds);
  const others = chooses ? [...chosen, [[], peopleOf(faces)]] : chosen;
  return { first: first + NUM_FACES, chosen: others, picked };
}

// The next eight, around those who are picked.
export function roundAlike(rounds) {
  const { first, chosen, faces, picks } = roundOf(rounds);
  const picked = faces.filter(({ seed }) => picks.includes(seed));
  const people = peopleOf(picked);
  const passed = peopleOf(faces).filter((one) => !people.includes(one));
  return { first: first + NUM_FACES, chosen: [...chosen, [people, passed]], picked };
}

// Another round follows the one in sight, in place of those that followed it.
export function withRound({ list, at }, round) {
  return { list: [...list.slice(0, at + 1), { ...NONE, ...round }], at: at + 1 };
}

// With changes of the round in sight.
export function withChanges({ list, at }, changes) {
  return { list: list.map((round, n) => (n === at ? { ...round, ...changes } : round)), at };
}

// With faces in the round in sight; whoever is replaced by another person is no longer picked.
export function withFaces(rounds, made) {
  const { first, faces, picks } = roundOf(rounds);
  const all = [...faces];
  for (const face of made) all[face.seed - first] = face;
  const isSame = (seed) => {
    const before = faces[seed - first];
    return !before || before.person === all[seed - first].person;
  };
  return withChanges(rounds, { faces: all, picks: picks.filter(isSame) });
}

// What a browser keeps of them: pictures are made again.
export function withoutPictures({ list, at }) {
  const bare = ({ seed, person, asked }) => ({ seed, person, asked });
  const kept = list.map((round) => ({ ...round, faces: [], picked: round.picked.map(bare) }));
  return { list: kept, at };
}
