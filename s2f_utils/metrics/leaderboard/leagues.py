"""Which league a model plays in: as its files prove it, never as somebody says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from s2f_utils.data import Row
from s2f_utils.metrics.past import Past, num_others, past_of

OPEN, UNKNOWN = "open", "unknown"


@dataclass(frozen=True)
class Standing:
    """A league, and what puts a model there: for "open" what else it learned from, for "unknown" what is missing."""

    league: str
    why: str = ""


def own_league(train: Sequence[Row]) -> str:
    """The league of models that learned from these training pairs alone: "88-only"."""
    return f"{len(train)}-only"


def judge(files: Sequence[Path], train: Sequence[Row], unknown: str = "") -> Standing:
    """The league of a model that answers by these files, on a data set with these training pairs.

    unknown: why it is not known which model it is, "" where it is. Raises CheckpointError for a damaged file.
    """
    if unknown:
        return Standing(UNKNOWN, unknown)
    return judge_past(past_of(files), train)


def judge_past(past: Past, train: Sequence[Row]) -> Standing:
    """As `judge`, of a past that is known."""
    if past.published:
        return Standing(OPEN, ", ".join([*sorted(past.published), *sorted(past.data)]))
    if others := num_others(past, train):
        return Standing(OPEN, f"{', '.join(sorted(past.data))}: {others:,} other pictures")
    if past.gaps:
        return Standing(UNKNOWN, past.gaps[0])
    return Standing(own_league(train))
