"""Train, val and test, divided by people: nobody is in two of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

from s2f_utils.data import SPLITS, DataError

DEFAULT_TEST_SHARE = 0.2
MIN_PEOPLE = 5  # fewer names with several pictures are taken for batches, not for people
# A name and, after a separator, the number or the letter of one of its pictures.
_SHOT = re.compile(r"(.+?)[-_ ]+\(?(?:\d{1,2}|[a-zA-Z])\)?")


def crossing_identities(rows: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    """The identities that are in more than one split → their splits;
    rows with an empty split do not count.
    """
    where: dict[str, set[str]] = {}
    for row in rows:
        if row["split"]:
            where.setdefault(row["identity"], set()).add(row["split"])
    crossing = {}
    for name, splits in sorted(where.items()):
        if len(splits) > 1:
            crossing[name] = sorted(splits, key=SPLITS.index)
    return crossing


def likely_people(rows: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    """Identities that are told apart by a last number or letter alone, as p01_1 and p01_2 are, and
    that are not all in one split: they may be pictures of one person. The start of their names →
    the identities.

    {} where fewer than `MIN_PEOPLE` starts have several: then they are names of batches.
    """
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        if matched := _SHOT.fullmatch(row["identity"]):
            found.setdefault(matched[1], {})[row["identity"]] = row["split"]
    several = {start: splits for start, splits in found.items() if len(splits) > 1}
    if len(several) < MIN_PEOPLE:
        return {}
    crossing = {}
    for start, splits in sorted(several.items()):
        if len(set(splits.values())) > 1 or "" in splits.values():
            crossing[start] = sorted(splits)
    return crossing


def split_by_identity(
    rows: Sequence[Mapping[str, str]],
    shares: Mapping[str, float | None] | None = None,
    seed: int = 0,
) -> list[str]:
    """Give each row a split so that all rows of an identity share one.

    `rows` have "identity" and "split"; a split that is there already ("train", "val", "test": the
    official one) is kept, and an identity's rows without a split follow its others. The rest is
    divided at random, the same way for the same `seed` whatever the order of the rows. `shares` are
    the wanted shares, "test" and "val", in [0, 1], of the identities without a split; where every
    identity has one, they are taken from the training identities. None means
    the default: a test share of 0.2 of the identities without a split, and no val.

    Returns the splits, one per row. Raises DataError when given splits share an identity or
    cannot be kept.
    """
    wanted = _checked_shares(shares or {})
    crossing = crossing_identities(rows)
    if crossing:
        shown = "; ".join(
            f"{name} in {' and '.join(splits)}" for name, splits in list(crossing.items())[:5]
        )
        raise DataError(
            f"{len(crossing)} identities are in more than one split ({shown}): put all pictures of"
            " a person into one, or name the people differently; where 'doctor --fix' divided them,"
            " give it --identity"
        )
    given = {row["identity"]: row["split"] for row in rows if row["split"]}
    unknown = sorted(set(given.values()) - set(SPLITS))
    if unknown:
        raise DataError(f"a split must be one of {', '.join(SPLITS)}, got {', '.join(unknown)}")
    free = {row["identity"] for row in rows} - set(given)
    pool = free or {name for name, split in given.items() if split == "train"}
    drawn = {"test": wanted["test"], "val": wanted["val"] or 0.0}
    if drawn["test"] is None:
        drawn["test"] = DEFAULT_TEST_SHARE if free else 0.0
    if not free:
        _keep_own(given, drawn)
    split_of = given | dict.fromkeys(pool, "train") | _draw(pool, drawn, seed)
    return [split_of[row["identity"]] for row in rows]


def with_splits(
    rows: Sequence[dict[str, str]], shares: Mapping[str, float | None] | None = None, seed: int = 0
) -> list[dict[str, str]]:
    """The rows, each with the split that `split_by_identity` gives it."""
    splits = split_by_identity(rows, shares, seed)
    return [row | {"split": split} for row, split in zip(rows, splits, strict=True)]


def _checked_shares(shares: Mapping[str, float | None]) -> dict[str, float | None]:
    unknown = set(shares) - {"test", "val"}
    if unknown:
        raise DataError(f"shares are given for test and val, got {', '.join(sorted(unknown))}")
    wanted = {name: shares.get(name) for name in ("test", "val")}
    for name, share in wanted.items():
        if share is not None and not 0.0 <= share < 1.0:
            raise DataError(f"--{name}-share must be at least 0 and less than 1, got {share:g}")
    if sum(share or 0.0 for share in wanted.values()) >= 1.0:
        raise DataError(
            "--test-share and --val-share together must be less than 1: training needs pictures"
        )
    return wanted


def _keep_own(given: Mapping[str, str], shares: Mapping[str, float]) -> None:
    for name, share in shares.items():
        number = sum(split == name for split in given.values())
        if share and number:
            raise DataError(
                f"the source has its own {name} split ({number} identities), which is kept: leave"
                f" --{name}-share away"
            )


def _draw(pool: set[str], shares: Mapping[str, float], seed: int) -> dict[str, str]:
    """Draw test and val from `pool`:
    at least one identity each, and at least one stays for training.
    """
    order = sorted(pool, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    chosen: dict[str, str] = {}
    for name in ("test", "val"):
        left = len(order) - len(chosen)
        number = min(max(1, round(shares[name] * len(order))), left - 1) if shares[name] else 0
        for identity in order[len(chosen) : len(chosen) + max(0, number)]:
            chosen[identity] = name
    return chosen
