// The rounds of eight faces that were shown, as a history: one is in sight, and one can go back and
// forward, as in a browser.

export const NUM_FACES = 8;
const MAX_ROUNDS = 20; // as the hosts take them; of more, the first are left out
const NONE = { first: 0, chosen: [], picked: [], faces: [], picks: [] };

// The first of the eight among whom a seed is.
export function firstOf(seed) {
  return seed - (seed % NUM_FACES);
}

// Rounds of choosing as a host reads them, "CODE,CODE/CODE;/CODE": who was picked, and who was passed
// over.
export function roundsText(chosen) {
  const rounds = chosen.filter((round) => round.flat().length);
  const texts = rounds.slice(-MAX_ROUNDS).map((round) => round.map((people) => people.join()).join("/"));
  return texts.join(";");
}

export class Rounds {
  constructor() {
    this.list = [];
    this.at = -1;
  }

  // The round in sight. first: its first seed. chosen: of each round before, [the people who were
  // picked, those who were passed over], by their codes. picked: the faces picked in
  // the last of them. faces: {seed, person, png, basis, warnings}, in the order of seeds; basis:
  // what they were made of. picks: the seeds picked. said: what was set when they were asked
  // for.
  get now() {
    return this.list[this.at] ?? NONE;
  }

  get isEmpty() {
    return !this.list.length;
  }

  get canGoBack() {
    return this.at > 0 || this.now.chosen.length > 0;
  }

  get canGoForward() {
    return this.at + 1 < this.list.length;
  }

  // Another round follows the one in sight, in place of those that followed it.
  add(round) {
    this.list = [...this.list.slice(0, this.at + 1), { ...NONE, ...round, faces: [] }];
    this.at = this.list.length - 1;
  }

  // To the round before; it is new here, without faces, if the page was opened in a later one.
  back() {
    if (this.at > 0) {
      this.at -= 1;
      return;
    }
    const first = Math.max(0, this.now.first - NUM_FACES);
    const chosen = this.now.chosen.slice(0, -1);
    this.list.unshift({ ...NONE, first, chosen, picks: [], faces: [] });
  }

  forward() {
    this.at += 1;
  }
}
