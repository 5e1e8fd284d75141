"""From what was seen in each picture to findings."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from data_prep.check.findings import ALL_PAIRS, Diagnosis, Finding
from data_prep.check.fit import are_most, check_fit
from data_prep.check.sides import MIN_TO_COMPARE, are_exchanged, on_wrong_side
from data_prep.make.split import crossing_identities, likely_people
from s2f_utils.data import DataError, read_manifest
from s2f_utils.pictures.duplicates import find_duplicates

DARK_PAPER = 90  # grey value of the rim
LIGHT_PAPER = 128
SIZE_OFF = 0.03  # of a sketch's shape from its photo's


def find_faults(diagnosis: Diagnosis) -> None:
    """Add the findings of all tests to the diagnosis, and what could not be tested."""
    for test in (_files, _shapes, _blank, _inverted, _identities, _names, _copies, _sides):
        test(diagnosis)
    check_fit(diagnosis)


def find_refusals(diagnosis: Diagnosis) -> None:
    """Add why training would refuse a data set in which nothing else keeps it from starting."""
    for n, facts in enumerate(diagnosis.facts):
        odd = tuple(side for side, seen in facts.items() if seen.whole[0] != seen.whole[1])
        if odd:
            shown = " and ".join(f"{side} {_size(facts[side].whole)}" for side in odd)
            diagnosis.add("not_square", n, odd, shown, drop=False)
    try:
        if diagnosis.may_train:
            read_manifest(diagnosis.source)
    except DataError as error:
        diagnosis.findings.append(Finding("manifest", ALL_PAIRS, (), str(error)))


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _files(diagnosis: Diagnosis) -> None:
    for n, facts in enumerate(diagnosis.facts):
        for side, seen in facts.items():
            if seen.error:
                path = getattr(diagnosis.subjects[n], side) or diagnosis.subjects[n].photo
                diagnosis.add("unreadable", n, (side,), seen.error.removeprefix(f"{path}: "))


def _shapes(diagnosis: Diagnosis) -> None:
    """Sketches of another shape than their photo."""
    different = {}
    for n, facts in enumerate(diagnosis.facts):
        sizes = [seen.size for seen in facts.values() if not seen.error]
        if len(sizes) == 2:
            sketch, photo = (width / height for width, height in sizes)
            if abs(np.log(sketch / photo)) > SIZE_OFF:
                different[n] = f"sketch {_size(sizes[0])} and photo {_size(sizes[1])}"
    num = len(diagnosis.facts)
    if are_most(len(different), num):
        example = next(iter(different.values()))
        diagnosis.add_to_all(
            "unaligned", f"{len(different)} of {num} have another shape ({example})"
        )
        return
    for n, shown in different.items():
        diagnosis.add("sizes", n, ("sketch", "photo"), shown)


def _blank(diagnosis: Diagnosis) -> None:
    for n, facts in enumerate(diagnosis.facts):
        for side, seen in facts.items():
            if not seen.error and seen.is_blank:
                detail = f"grey values spread by {seen.spread:.1f} of 255"
                diagnosis.add("blank", n, (side,), detail)


def _inverted(diagnosis: Diagnosis) -> None:
    """Sketches with light lines on dark paper, where not most of a set have it."""
    sketches = diagnosis.usable("sketch")
    papers = [seen.paper for seen in sketches.values()]
    if len(papers) >= MIN_TO_COMPARE and np.median(papers) <= LIGHT_PAPER:
        if np.median(papers) < DARK_PAPER:
            diagnosis.not_tested.append(
                "inverted sketches: most have light lines on dark paper; invert all, if that is not"
                " meant"
            )
        return
    for n, seen in sketches.items():
        if seen.paper < DARK_PAPER and seen.light_lines:
            detail = f"the rim's grey value is {seen.paper:.0f} of 255"
            diagnosis.add("inverted", n, ("sketch",), detail, drop=False)


def _identities(diagnosis: Diagnosis) -> None:
    rows = [{"identity": s.identity, "split": s.split} for s in diagnosis.subjects]
    for person, splits in crossing_identities(rows).items():
        pictures = [subject for subject in diagnosis.subjects if subject.identity == person]
        drop = tuple(subject.id for subject in pictures if subject.split != splits[-1])
        shown = tuple(diagnosis.shown(subject.photo) for subject in pictures)
        diagnosis.findings.append(
            Finding("identity", person, shown, f"in {' and '.join(splits)}", drop)
        )


def _names(diagnosis: Diagnosis) -> None:
    """Pictures that count as different people, and whose names are those of one."""
    rows = [{"identity": s.identity, "split": s.split} for s in diagnosis.subjects]
    for start, people in likely_people(rows).items():
        pictures = [subject for subject in diagnosis.subjects if subject.identity in people]
        shown = tuple(diagnosis.shown(subject.photo) for subject in pictures)
        splits = sorted({subject.split for subject in pictures if subject.split})
        where = f"in {' and '.join(splits)}" if splits else "not divided yet"
        diagnosis.findings.append(Finding("names", start, shown, where))


def _copies(diagnosis: Diagnosis) -> None:
    """The same picture twice, photos before sketches. One photo of two sketches, in one split, is
    no copy of a pair.
    """
    copies = {side: _copies_of(diagnosis, side) for side in ("photo", "sketch")}
    drawn_alike = {frozenset(places) for places in copies["sketch"]}
    reported: set[frozenset[int]] = set()
    for side, pairs in copies.items():
        for (first, second), (detail, sure) in pairs.items():
            places = frozenset((first, second))
            if places in reported or not _is_copy(diagnosis, side, first, second, detail):
                continue
            reported.add(places)
            one, other = diagnosis.subjects[first], diagnosis.subjects[second]
            crosses = bool(one.split and other.split and one.split != other.split)
            kind = "alike"
            if sure:
                kind = "leak" if crosses else "duplicate"
            has_sketches = all("sketch" in diagnosis.facts[n] for n in places)
            is_redrawn = side == "photo" and has_sketches and places not in drawn_alike
            if kind == "duplicate" and is_redrawn:
                kind, detail = "alike", f"{detail}, but drawn twice, or framed otherwise"
            drop = one if crosses and one.split == "train" else other
            shown = tuple(diagnosis.shown(getattr(s, side)) for s in (one, other))
            diagnosis.findings.append(Finding(kind, drop.id, shown, detail, (drop.id,)))


def _is_copy(diagnosis: Diagnosis, side: str, first: int, second: int, detail: str) -> bool:
    one, other = diagnosis.subjects[first], diagnosis.subjects[second]
    if one.identity == other.identity and detail != SAME_FILE:
        return False  # one photo with several sketches, or shots of one person
    crosses = one.split != other.split and one.split and other.split
    is_one_file = getattr(one, side) == getattr(other, side)  # in two rows
    return bool(crosses) or not is_one_file


SAME_FILE = "the same file"


def _copies_of(diagnosis: Diagnosis, side: str) -> dict[tuple[int, int], tuple[str, bool]]:
    """The places of one side's pictures that are the same by content, or nearly by their hashes →
    what was seen, and whether it is sure.
    """
    seen = diagnosis.usable(side)
    same: dict[str, list[int]] = defaultdict(list)
    for n, facts in seen.items():
        if not diagnosis.subjects[n].half:
            same[facts.digest].append(n)
    copies = {}
    for first, *others in same.values():
        for other in others:
            copies[first, other] = SAME_FILE, True
    places = list(seen)
    for pair in find_duplicates([facts.hashes for facts in seen.values()]):
        detail = f"nearly the same picture (correlation {pair.correlation:.3f})"
        copies.setdefault((places[pair.first], places[pair.second]), (detail, pair.sure))
    return copies


def _sides(diagnosis: Diagnosis) -> None:
    """Drawings among the photos and photos among the sketches: a linear discriminant of `features`,
    each picture compared with the others (leave one out).
    """
    inverted = {finding.id for finding in diagnosis.findings if finding.kind == "inverted"}
    sketches, photos = diagnosis.usable("sketch"), diagnosis.usable("photo")
    sketches = {n: f for n, f in sketches.items() if diagnosis.subjects[n].id not in inverted}
    if min(len(sketches), len(photos)) < MIN_TO_COMPARE:
        if sketches and photos:
            diagnosis.not_tested.append(f"sketches among photos: {MIN_TO_COMPARE} pairs are needed")
        return
    a, b = (np.stack([f.features for f in side.values()]) for side in (sketches, photos))
    if are_exchanged(a, b):
        diagnosis.add_to_all("exchanged", "the sketches are colourful and the photos are not")
        return
    wrong_sketches, wrong_photos = on_wrong_side(a, b)
    wrong: dict[int, list[str]] = defaultdict(list)
    for side, seen, flags in (
        ("sketch", sketches, wrong_sketches),
        ("photo", photos, wrong_photos),
    ):
        for n, is_wrong in zip(seen, flags, strict=True):
            if is_wrong:
                wrong[n].append(side)
    for n, sides in wrong.items():
        if len(sides) == 2:
            detail = "the sketch looks like a photo, the photo like a sketch"
            diagnosis.add("swapped", n, ("sketch", "photo"), detail, drop=False)
        else:
            other = "photo" if sides[0] == "sketch" else "sketch"
            detail = f"looks like a {other}, not like a {sides[0]}"
            diagnosis.add("wrong_side", n, tuple(sides), detail)
