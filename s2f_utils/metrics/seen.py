"""Whether a model has seen what it is scored on: a score of what it knows by heart says nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from s2f_utils.data import DataError
from s2f_utils.metrics.past import Past, Pictures, is_seen

SHOWN = 3  # ids in a message


@dataclass(frozen=True)
class Seen:
    """What a model has seen of `num` scored pairs: the ids of these pairs, and of others of the same people.

    unknown: why it may have seen more, "" where all that it learned from is known.
    """

    num: int
    pairs: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    unknown: str = ""

    @property
    def ids(self) -> tuple[str, ...]:
        """The pairs that were seen, and those of people that were seen."""
        return self.pairs + self.people

    @property
    def text(self) -> str:
        """In words; "" where nothing is known to have been seen."""
        return f"has seen {len(self.ids)} of {self.num}" if self.ids else ""

    def as_json(self) -> dict[str, object]:
        """For a file: the number is that of what is known to have been seen."""
        return {
            "num": len(self.ids),
            "of": self.num,
            "pairs": self.pairs,
            "people": self.people,
            "unknown": self.unknown,
        }


def look(past: Past, split: Pictures, ids: Sequence[str]) -> Seen:
    """What a model with this past has seen of a split's pairs with these ids.

    split: all pictures of the split: where one of them was seen, the other pairs of its person count as seen, too.
    """
    scored = set(ids)
    hit = [row for row, seen in zip(split.rows, is_seen(past, split), strict=True) if seen]
    people, pairs = {row.identity for row in hit}, {row.id for row in hit}
    of_them = [row.id for row in split.rows if row.identity in people and row.id in scored]
    return Seen(
        len(ids),
        tuple(name for name in of_them if name in pairs),
        tuple(name for name in of_them if name not in pairs),
        past.gaps[0] if past.gaps else "",
    )


def refuse(seen: Seen, name: str, split: str) -> None:
    """DataError where a model has seen something of the split that it is to be scored on."""
    if not seen.ids:
        return
    few = ", ".join(seen.ids[:SHOWN]) + (", …" if len(seen.ids) > SHOWN else "")
    people = f", {len(seen.people)} of these by another picture of the same person" if seen.people else ""
    raise DataError(
        f"{name} {seen.text} pairs of the split {split!r} in its training{people} ({few}): its scores would be too"
        " good. Train anew without them, or score it on others; --seen (in Python allow_seen=True) scores it all the"
        " same, and marks it"
    )
