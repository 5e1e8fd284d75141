"""Which league a model plays in: as its files prove it, never as somebody says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from s2f_utils.data import Row
from s2f_utils.metrics.past import Past, Pictures, num_others

OPEN, UNKNOWN = "open", "unknown"


@dataclass(frozen=True)
class Standing:
    """A league, and what puts a model there: for "open" what else it learned from, for "unknown" what is missing."""

    league: str
    why: str = ""


def own_league(train: Sequence[Row]) -> str:
    """The league of models that learned from these training pairs alone: "88-only"."""
    return f"{len(train)}-only"


def judge(past: Past, train: Pictures) -> Standing:
    """The league of a model with this past, on a data set with these training pictures."""
    if past.published:
        own = f", and from {', '.join(sorted(past.data))}" if past.data else ""
        return Standing(OPEN, f"it learned from what is in {', '.join(sorted(past.published))}{own}")
    if others := num_others(past, train):
        sets = ", ".join(sorted(past.data))
        return Standing(OPEN, f"{others:,} pictures that it learned from ({sets}) are not among these training pairs")
    if past.gaps:
        return Standing(UNKNOWN, past.gaps[0])
    return Standing(own_league(train.rows))
