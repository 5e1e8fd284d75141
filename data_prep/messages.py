"""What data_prep tells the person at the terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from s2f_utils.data import SPLITS
from s2f_utils.runtime import counted

NUM_SHOWN = 5  # of a kind of remark; of the rest, how many there are


def say(text: str, wanted: bool = True) -> None:
    """A line about what is being done, for the user's eyes."""
    if wanted:
        encoding = sys.stdout.encoding or "utf-8"  # a Windows console may lack a name's letters
        print(f"data_prep: {text}".encode(encoding, "replace").decode(encoding), flush=True)


def indented(text: str, spaces: int = 4) -> str:
    """The text with so many spaces before each line."""
    return "\n".join(" " * spaces + line for line in text.splitlines())


def warn_some(reasons: Sequence[str], start: str = "", rest: str = "") -> None:
    """A warning for each of the first reasons, and how many more there are; start: of each line,
    rest: of the last.
    """
    for reason in reasons[:NUM_SHOWN]:
        warn(f"{start}{reason}")
    if len(reasons) > NUM_SHOWN:
        warn(f"{start}{len(reasons) - NUM_SHOWN} more{rest}")


def warn(text: str) -> None:
    """A line on stderr about something the user should know."""
    print(f"data_prep: warning: {text}", file=sys.stderr, flush=True)


def describe_counts(counts: Mapping[str, int], noun: str = "pair") -> str:
    """ "188 pairs (train 88, test 100)", with the number left out where there is one."""
    splits = [f"{split} {counts[split]}" for split in SPLITS if counts.get(split)]
    left_out = f", {counts['left_out']} left out" if counts.get("left_out") else ""
    return f"{counted(counts['pairs'], noun)} ({', '.join(splits)}){left_out}"


def printable(name: object) -> str:
    """A path or name as text that any terminal can show; bytes that are not Unicode become `?`."""
    return str(name).encode("utf-8", "replace").decode("utf-8")
