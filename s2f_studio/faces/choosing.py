"""Who answers a drawing: entries of the bank by their weights, one for each seed.

A weight is in nats: an entry is chosen in proportion to exp(weight / temperature), by Gumbel's
numbers (Maddison, Tarlow and Minka 2014). They belong to a seed and an entry, so that a stroke
more, or an entry less, leaves most seeds their person. The exported page does the same
(page/exported/static/choose.js).

Shapes: E entries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from s2f_studio.request import PER_ROUND, Round

BITS = 0xFFFFFFFF
STREAM = 0x9E3779B9  # streams, and a stream's numbers, are apart by the golden ratio
NOISE, EIGHTH = 1, 2  # streams
OUTSIDE = 12.0  # nats that an entry loses where another of the eight seeds has it for its own
ALIKE = 40.0  # nats that an entry loses at the mean distance from who was picked
SEEN = 30.0  # nats that those lose who were shown and not picked
NARROWER = 0.8  # each round's temperature, of the one before


@dataclass(frozen=True)
class Chosen:
    """One entry: its place in the bank, and whether its mirror image fits better."""

    entry: int
    mirrored: bool


def usual_temperature(crude: float) -> float:
    """The default temperature for a drawing so crude, from 0 to 1."""
    return 0.75 + 0.15 * min(1.0, max(0.0, crude))


def choose(
    weights: np.ndarray,
    numbers: np.ndarray,
    seeds: Sequence[int],
    temperature: float,
    rounds: Sequence[Round] = (),
    off: Callable[[np.ndarray], np.ndarray] | None = None,
) -> list[Chosen]:
    """An entry for each seed, after rounds of choosing.

    The eight seeds of a round, those with the same `seed // 8`, have different entries; at
    temperature 0 every seed has the likeliest.

    weights: (2 E,), in nats, of all entries and then of their mirror images. numbers: (E,), what an
    entry is known by for good. temperature: ≥ 0. rounds: who was picked and passed over before.
    off: how far each entry is from the nearest of picked ones, bool (E,) → (E,), squared and 1 in
    the mean; only needed with rounds.
    """
    num = len(numbers)
    mirrored = weights[num:] > weights[:num]
    best = np.maximum(weights[:num], weights[num:]).astype(np.float64)
    for one in rounds:
        best = best - SEEN * np.isin(numbers, one.passed)
        picked = np.isin(numbers, one.picked)
        if picked.any():  # who left the bank since then counts no more
            best = best - ALIKE * off(picked)
            temperature = NARROWER * temperature
    eights = {seed // PER_ROUND for seed in seeds}
    shown = {block: eight_of(best, numbers, block, temperature) for block in eights}
    entries = [shown[seed // PER_ROUND][seed % PER_ROUND] for seed in seeds]
    return [Chosen(entry, bool(mirrored[entry])) for entry in entries]


def kept(weights: np.ndarray, numbers: np.ndarray, keep: int) -> Chosen:
    """The entry that is kept, known by its number, whatever is drawn and asked for.

    weights, numbers: as for `choose`.
    """
    num = len(numbers)
    (entry,) = np.flatnonzero(numbers == keep)
    return Chosen(int(entry), bool(weights[num + entry] > weights[entry]))


def eight_of(weights: np.ndarray, numbers: np.ndarray, block: int, temperature: float) -> list[int]:
    """The entries of the eight seeds of a round, the first seed's first.

    Each seed has about an eighth of all entries for its own, and leaves the others' alone unless
    they fit much better: so the eight differ, and little depends on who else is chosen.
    """
    if temperature == 0:
        return [int(np.argmax(weights))] * PER_ROUND
    owner = (hashed(block, numbers, EIGHTH) % PER_ROUND).astype(int)
    left, entries = weights.astype(np.float64), []
    for place in range(PER_ROUND):
        share = (hashed(PER_ROUND * block + place, numbers, NOISE) + 1.0) / (BITS + 2.0)
        gumbel = -np.log(-np.log(share))
        score = left + temperature * gumbel - OUTSIDE * (owner != place)
        entries.append(int(np.argmax(score)))
        left[entries[-1]] = -np.inf  # nobody is shown twice in a round
    return entries


def hashed(seed: int, numbers: np.ndarray, stream: int) -> np.ndarray:
    """Whole numbers of 32 bits, uint64 (E,), by chance for each seed, number and stream."""
    key = _hashed(np.array([(seed + STREAM * stream) & BITS], np.uint64))
    places = (key + np.uint64(STREAM) * numbers.astype(np.uint64)) & np.uint64(BITS)
    return _hashed(places)


def _hashed(x: np.ndarray) -> np.ndarray:
    """Whole numbers of 32 bits, uint64, each to another one (lowbias32, constants of 2022)."""
    x = x ^ (x >> np.uint64(16))
    x = (x * np.uint64(0x21F0AAAD)) & np.uint64(BITS)
    x = x ^ (x >> np.uint64(15))
    x = (x * np.uint64(0x735A2D97)) & np.uint64(BITS)
    return x ^ (x >> np.uint64(15))
