"""The doctor's judgement: from what was seen in each picture to findings."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from data_prep.check.examine import PictureFacts
from data_prep.check.findings import KINDS, Diagnosis, Finding
from data_prep.check.sides import MIN_TO_COMPARE, are_exchanged, on_wrong_side
from data_prep.make.split import crossing_identities
from s2f_utils.data import DataError, read_manifest
from s2f_utils.pictures.duplicates import find_duplicates

DARK_PAPER = 90  # grey value of the rim
BLANK_SPREAD = 4.0  # grey levels; the palest pencil drawings have 8 and more
SMALL_PX = 64
ASPECT_OFF, SIZE_OFF = 0.10, 0.03
TINY_FACE = 0.22  # of the picture's width; FFHQ-like crops have 0.45 to 0.6
# CUFS's own pairs have a z of 2.8 and more, exchanged ones 0.5 and less; of 6,000 drawn faces at 64
# px, 13 have 0.9 to 1.5; FS2K's 2,104 have 0.7 and more, aligned -0.5 and more, for its artists are
# free and its walls busy. A pair below 1.5 is looked at; it is wrong where the photo of another
# such pair fits better, or none of this set is so low.
MISMATCH_Z, SURE_MISMATCH_Z, MISMATCH_OWN = 1.5, 0.5, 0.25
# Where most do not fit: of mixed-up pairs, nearly every sketch has a photo that has no better
# sketch (CUFS 1.00, drawn faces .92); of pairs framed otherwise hardly half (.36 to .42).
MIXED_UP = 0.67
NUM_IMPOSTORS = 400
ALL = "all pairs"


def judge_all(diagnosis: Diagnosis) -> None:
    """Add the findings of all tests to the diagnosis, and what could not be tested."""
    for test in (_files, _shapes, _faces, _blank, _identities, _twins, _sides, _fit, _maps):
        test(diagnosis)


def judge_for_training(diagnosis: Diagnosis) -> None:
    """Add why training would refuse a data set in which nothing else keeps it from starting."""
    for n, facts in enumerate(diagnosis.facts):
        odd = [side for side, seen in facts.items() if seen.whole[0] != seen.whole[1]]
        if odd:
            shown = " and ".join(f"{side} {'x'.join(map(str, facts[side].whole))}" for side in odd)
            _add(diagnosis, "not_square", n, tuple(odd), shown, drop=False)
    try:
        if diagnosis.may_train:
            read_manifest(diagnosis.source)
    except DataError as error:
        diagnosis.findings.append(Finding("manifest", ALL, (), str(error)))


def _add(
    diagnosis: Diagnosis,
    kind: str,
    place: int,
    sides: tuple[str, ...],
    detail: str,
    drop: bool = True,
) -> None:
    subject = diagnosis.subjects[place]
    shown = tuple(_shown(diagnosis, getattr(subject, side) or subject.photo) for side in sides)
    diagnosis.findings.append(
        Finding(kind, subject.id, shown, detail, (subject.id,) if drop else ())
    )


def _shown(diagnosis: Diagnosis, path: str) -> str:
    try:
        return Path(path).relative_to(diagnosis.root).as_posix()
    except ValueError:
        return path


def _usable(diagnosis: Diagnosis, side: str) -> list[tuple[int, PictureFacts]]:
    """Places and facts of the pictures of one side that could be read and are not blank."""
    return [
        (n, facts[side])
        for n, facts in enumerate(diagnosis.facts)
        if side in facts and not facts[side].error and facts[side].spread >= BLANK_SPREAD
    ]


def _files(diagnosis: Diagnosis) -> None:
    for n, facts in enumerate(diagnosis.facts):
        for side, seen in facts.items():
            if seen.error:
                path = getattr(diagnosis.subjects[n], side) or diagnosis.subjects[n].photo
                _add(diagnosis, "unreadable", n, (side,), seen.error.removeprefix(f"{path}: "))
            elif seen.remarks:
                _add(diagnosis, "kind", n, (side,), ", ".join(seen.remarks), drop=False)


def _shapes(diagnosis: Diagnosis) -> None:
    for side in ("sketch", "photo"):
        seen = _usable(diagnosis, side)
        sizes = np.array([facts.size for _, facts in seen], dtype=float).reshape(-1, 2)
        if not len(sizes):
            continue
        aspects, shorter = sizes[:, 0] / sizes[:, 1], sizes.min(axis=1)
        usual, usual_size = np.median(aspects), np.median(shorter)
        for (n, facts), aspect, short in zip(seen, aspects, shorter, strict=True):
            width, height = facts.size
            if len(seen) >= MIN_TO_COMPARE and abs(np.log(aspect / usual)) > ASPECT_OFF:
                detail = f"{width}x{height}, the others are {usual:.2f} times as wide as high"
                _add(diagnosis, "aspect", n, (side,), detail)
            if short < max(SMALL_PX, usual_size / 4):
                _add(diagnosis, "small", n, (side,), f"{width}x{height} pixels")
    apart = []
    for n, facts in enumerate(diagnosis.facts):
        if len(facts) == 2 and all(seen.size[0] for seen in facts.values()):
            a, b = (seen.size[0] / seen.size[1] for seen in facts.values())
            if abs(np.log(a / b)) > SIZE_OFF:
                apart.append(
                    (
                        n,
                        " and ".join(
                            f"{k} {seen.size[0]}x{seen.size[1]}" for k, seen in facts.items()
                        ),
                    )
                )
    num = len(diagnosis.facts)
    squeezed = sum("photo" in facts and facts["photo"].squeezed for facts in diagnosis.facts)
    if _are_most(len(apart), num):
        _of_all(diagnosis, "unaligned", f"{len(apart)} of {num} have another shape ({apart[0][1]})")
        return
    if _are_most(squeezed, num):
        _of_all(diagnosis, "squeezed", f"{squeezed} of {num}")
    for n, shown in apart:
        _add(diagnosis, "sizes", n, ("sketch", "photo"), shown)


def _are_most(num: int, of: int) -> bool:
    """Whether so many are no matter of single pairs, but of how the set was made."""
    return num >= MIN_TO_COMPARE and 2 * num > of


def _of_all(diagnosis: Diagnosis, kind: str, detail: str) -> None:
    diagnosis.findings.append(Finding(kind, ALL, (), detail))


def _faces(diagnosis: Diagnosis) -> None:
    seen = _usable(diagnosis, "photo")
    if any(text.startswith("faces:") for text in diagnosis.not_tested):
        return
    for n, facts in seen:
        if facts.turned:
            _add(
                diagnosis,
                "turned",
                n,
                ("photo",),
                f"upright after {facts.turned}° counterclockwise",
                drop=False,
            )
    with_face = [facts.face is not None for _, facts in seen]
    if len(seen) < MIN_TO_COMPARE or np.mean(with_face) < 0.7:
        if seen and not all(with_face):
            diagnosis.not_tested.append(
                f"missing faces: the detector found one in {sum(with_face)} of {len(seen)} photos, too few to say more"
            )
        return
    for n, facts in seen:
        if facts.face is None and not facts.turned:
            _add(diagnosis, "no_face", n, ("photo",), "the detector found none")
        elif facts.face and facts.face[1] < TINY_FACE:
            _add(
                diagnosis,
                "tiny_face",
                n,
                ("photo",),
                f"the face takes {facts.face[1]:.0%} of the width",
            )


def _blank(diagnosis: Diagnosis) -> None:
    papers = [
        facts["sketch"].paper
        for facts in diagnosis.facts
        if "sketch" in facts and not facts["sketch"].error
    ]
    usual_paper = float(np.median(papers)) if papers else 255.0
    if usual_paper < DARK_PAPER and len(papers) >= MIN_TO_COMPARE:
        diagnosis.not_tested.append(
            "inverted sketches: most have light lines on dark paper; invert all, if that is not meant"
        )
    for n, facts in enumerate(diagnosis.facts):
        for side, seen in facts.items():
            if seen.error:
                continue
            if seen.spread < BLANK_SPREAD:
                _add(
                    diagnosis,
                    "blank",
                    n,
                    (side,),
                    f"grey values spread by {seen.spread:.1f} of 255",
                )
            elif side != "sketch" or seen.paper >= DARK_PAPER or not seen.light_lines:
                continue
            elif usual_paper > 128 or len(papers) < MIN_TO_COMPARE:
                _add(
                    diagnosis,
                    "inverted",
                    n,
                    (side,),
                    f"the rim's grey value is {seen.paper:.0f} of 255",
                    drop=False,
                )


def _identities(diagnosis: Diagnosis) -> None:
    rows = [{"identity": s.identity, "split": s.split} for s in diagnosis.subjects]
    for person, splits in crossing_identities(rows).items():
        mine = [n for n, subject in enumerate(diagnosis.subjects) if subject.identity == person]
        training = tuple(
            diagnosis.subjects[n].id for n in mine if diagnosis.subjects[n].split != splits[-1]
        )
        shown = tuple(_shown(diagnosis, diagnosis.subjects[n].photo) for n in mine)
        diagnosis.findings.append(
            Finding("identity", person, shown, f"in {' and '.join(splits)}", training)
        )


def _twins(diagnosis: Diagnosis) -> None:
    """The same picture twice, photos before sketches. One photo of two sketches, in one split, is
    no copy of a pair.
    """
    found = {side: _twins_of(diagnosis, side) for side in ("photo", "sketch")}
    drawn_alike = {frozenset(pair[:2]) for pair in found["sketch"]}
    reported: set[frozenset[int]] = set()
    for side, pairs in found.items():
        for first, second, how, sure in pairs:
            a, b = diagnosis.subjects[first], diagnosis.subjects[second]
            if a.identity == b.identity and "same file" not in how:
                continue  # one photo with several sketches, or shots of one person
            crossing = a.split != b.split and a.split and b.split
            if getattr(a, side) == getattr(b, side) and not crossing:
                continue  # one file in two rows
            places = frozenset((first, second))
            if places in reported:
                continue
            reported.add(places)
            drop = b if not crossing else next((s for s in (a, b) if s.split == "train"), b)
            kind = ("leak" if crossing else "duplicate") if sure else "alike"
            both_drawn = all("sketch" in diagnosis.facts[n] for n in places)
            if kind == "duplicate" and side == "photo" and both_drawn and places not in drawn_alike:
                kind, how = "alike", f"{how}, but {_how_apart(diagnosis, first, second)}"
            shown = tuple(_shown(diagnosis, getattr(s, side)) for s in (a, b))
            diagnosis.findings.append(Finding(kind, drop.id, shown, how, (drop.id,)))


def _how_apart(diagnosis: Diagnosis, first: int, second: int) -> str:
    """Why two pairs of one photo need not be the same: only of photos framed alike can the drawings
    be compared.
    """
    own = [(diagnosis.facts[n]["photo"].prints[0],) * 2 for n in (first, second)]
    return "drawn twice" if find_duplicates(own) else "framed otherwise"


def _twins_of(diagnosis: Diagnosis, side: str) -> list[tuple[int, int, str, bool]]:
    """The places of one side's pictures that are the same by content, or nearly by their prints;
    what was seen, and whether it is sure.
    """
    seen = _usable(diagnosis, side)
    same: dict[str, list[int]] = defaultdict(list)
    for n, facts in seen:
        if not diagnosis.subjects[n].half:
            same[facts.digest].append(n)
    pairs = [
        (group[0], other, "the same file", True) for group in same.values() for other in group[1:]
    ]
    places = [n for n, _ in seen]
    return pairs + [
        (
            places[t.first],
            places[t.second],
            f"nearly the same picture (correlation {t.correlation:.3f})",
            t.sure,
        )
        for t in find_duplicates([facts.prints for _, facts in seen])
    ]


def _sides(diagnosis: Diagnosis) -> None:
    """Drawings among the photos and photos among the sketches: a linear discriminant of `features`,
    each picture judged by what the others say (leave one out).
    """
    inverted = {finding.id for finding in diagnosis.findings if finding.kind == "inverted"}
    drawn = [
        (n, f) for n, f in _usable(diagnosis, "sketch") if diagnosis.subjects[n].id not in inverted
    ]
    photographed = _usable(diagnosis, "photo")
    if min(len(drawn), len(photographed)) < MIN_TO_COMPARE:
        if drawn and photographed:
            diagnosis.not_tested.append(f"sketches among photos: {MIN_TO_COMPARE} pairs are needed")
        return
    a, b = (np.stack([facts.features for _, facts in side]) for side in (drawn, photographed))
    if are_exchanged(a, b):
        share = np.mean([facts.face is not None for _, facts in photographed])
        detail = f"the sketches are colourful and the photos are not; faces were found in {share:.0%} of the photos"
        _of_all(diagnosis, "exchanged", detail)
        return
    wrong: dict[int, set[str]] = defaultdict(set)
    for side, seen, flags in zip(
        ("sketch", "photo"), (drawn, photographed), on_wrong_side(a, b), strict=True
    ):
        for (n, _), is_wrong in zip(seen, flags, strict=True):
            if is_wrong:
                wrong[n].add(side)
    for n, sides in wrong.items():
        if len(sides) == 2:
            detail = "the sketch looks like a photo, the photo like a sketch"
            _add(diagnosis, "swapped", n, ("sketch", "photo"), detail, drop=False)
        else:
            side = next(iter(sides))
            other = "photo" if side == "sketch" else "sketch"
            _add(diagnosis, "wrong_side", n, (side,), f"looks like a {other}, not like a {side}")


def _maps(diagnosis: Diagnosis) -> None:
    seen = {
        n: facts["photo"].map_problem for n, facts in enumerate(diagnosis.facts) if "photo" in facts
    }
    problems = {n: problem for n, problem in seen.items() if problem}
    num_masks = sum(bool(subject.mask) for subject in diagnosis.subjects)
    if len(problems) == num_masks and all(
        "black and white" in detail for _, detail in problems.values()
    ):
        return  # where the person is: no maps, and not meant as such
    for n, (kind, detail) in problems.items():
        _add(diagnosis, kind, n, ("mask",), detail)


def _fit(diagnosis: Diagnosis) -> None:
    """Pairs whose lines and edges do not run alike: each sketch's structure against its own
    photo's, compared with other people's photos. Where most do not fit, and no other photos do,
    that is one finding: they were framed otherwise.
    """
    by_shape = {finding.kind for finding in diagnosis.findings} & {"unaligned", "squeezed"}
    if "unaligned" in by_shape:
        _not_fitted(diagnosis, "unaligned")
        return
    known = {
        f.id
        for f in diagnosis.findings
        if f.kind in ("swapped", "wrong_side", "inverted", "turned")
    }
    sketches, photos = dict(_usable(diagnosis, "sketch")), dict(_usable(diagnosis, "photo"))
    places = [n for n in sketches if n in photos]
    if len(places) < MIN_TO_COMPARE:
        if places:
            diagnosis.not_tested.append(f"pairs that do not fit: {MIN_TO_COMPARE} pairs are needed")
        return
    a, b = (
        np.stack([side[n].structure for n in places]).astype(np.float32)
        for side in (sketches, photos)
    )
    a, b = (x - x.mean(axis=0) for x in (a, b))
    a, b = (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9) for x in (a, b))
    own, z = (a * b).sum(axis=1), np.empty(len(places))
    sample = np.arange(0, len(places), max(1, len(places) // NUM_IMPOSTORS))
    moments = np.empty((len(places), 2))
    for row in range(len(places)):
        scores = b[sample[sample != row]] @ a[row]
        moments[row] = scores.mean(), max(float(scores.std()), 1e-9)
        z[row] = (own[row] - moments[row, 0]) / moments[row, 1]
    odd = [row for row in np.flatnonzero((z < MISMATCH_Z) & (own < MISMATCH_OWN))]
    odd = [row for row in odd if diagnosis.subjects[places[row]].id not in known]
    if _are_most(len(odd), len(places)):
        partners = _partners(a, b, moments)
        if np.mean(partners >= 0) < MIXED_UP:
            detail = f"in {len(odd)} of {len(places)} lines run differently, and no other photos fit better"
            _of_all(diagnosis, "unaligned", detail)
            return
    elif by_shape:
        _not_fitted(diagnosis, "squeezed")
        return
    else:
        partners = _partners_among(odd, a, b, moments)
    drawn_by = {
        int(partners[row]): row for row in odd if partners[row] not in (-1, row)
    }  # photo → the sketch of it
    for row in odd:
        hint = ""
        if partners[row] not in (-1, row):
            hint = f"; {_shown(diagnosis, diagnosis.subjects[places[partners[row]]].photo)} fits better"
        elif row in drawn_by:
            hint = f"; {_shown(diagnosis, diagnosis.subjects[places[drawn_by[row]]].sketch)} fits this photo better"
        sure = hint or z[row] < min(SURE_MISMATCH_Z, _lowest_of_good(z))
        detail = f"their lines run differently ({own[row]:.2f}, z {z[row]:.1f}){hint}"
        _add(
            diagnosis, "mismatch" if sure else "doubtful", places[row], ("sketch", "photo"), detail
        )


def _not_fitted(diagnosis: Diagnosis, why: str) -> None:
    diagnosis.not_tested.append(f"pairs that do not fit: {KINDS[why].title}")


def _partners(a: np.ndarray, b: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """For each sketch the photo that fits it best, where no other sketch fits that photo better;
    else -1: int (N,).

    a, b: structures of sketches and photos, (N, F). moments: of each sketch with other people's
    photos, (N, 2).
    """
    best, of_photos = np.empty(len(a), int), np.full((2, len(a)), -np.inf)  # the highest, and whose
    for row in range(len(a)):
        fits = (b @ a[row] - moments[row, 0]) / moments[row, 1]
        best[row] = fits.argmax()
        higher = fits > of_photos[0]
        of_photos[0, higher], of_photos[1, higher] = fits[higher], row
    return np.where(of_photos[1, best] == np.arange(len(a)), best, -1)


def _partners_among(
    odd: list[int], a: np.ndarray, b: np.ndarray, moments: np.ndarray
) -> np.ndarray:
    """For each sketch the photo of an odd pair that fits it much better than a stranger's; else -1:
    int (N,).
    """
    partners = np.full(len(a), -1)
    chance = (
        np.sqrt(2 * np.log(max(2, len(odd) ** 2))) + 0.5
    )  # the best of so many strangers reaches about this
    for row in odd:
        fits = (b[odd] @ a[row] - moments[row, 0]) / moments[row, 1]
        if fits.max() > chance:
            partners[row] = odd[int(np.argmax(fits))]
    return partners


def _lowest_of_good(z: np.ndarray) -> float:
    """What a pair that fits hardly falls below, by the better half of the set: artists differ in
    how closely they
    follow a photo. z: (N,). Infinite where most pairs do not fit.
    """
    middle, high = np.percentile(z, [50, 84])
    return (
        middle - (high - middle) * (np.sqrt(2 * np.log(len(z))) + 1)
        if middle > MISMATCH_Z
        else np.inf
    )
