"""Whether sketches fit their photos: lines and edges run alike in both."""

from __future__ import annotations

import numpy as np

from data_prep.check.findings import Diagnosis
from data_prep.check.sides import MIN_TO_COMPARE

# CUFS's own pairs have a z of 2.8 and more, exchanged ones 0.5 and less; of 6,000 drawn faces at 64
# px, 13 have 0.9 to 1.5; FS2K's 2,104 have 0.7 and more, aligned -0.5 and more, for its artists are
# free and its walls busy. A pair below 1.5 is looked at; it is wrong where the photo of another
# such pair fits better, or none of this set is so low.
MISMATCH_Z, SURE_MISMATCH_Z, MISMATCH_OWN = 1.5, 0.5, 0.25
# Where most do not fit: of mixed-up pairs, nearly every sketch has a photo that has no better
# sketch (CUFS 1.00, drawn faces .92); of pairs framed otherwise hardly half (.36 to .42).
MIXED_UP = 0.67
# Of faces alike, neither of two exchanged sketches may be odd, but each fits the other's photo
# better, by so much at least. None of CUFS's and FS2K's pairs, in sets of 20 to 250, does that.
EXCHANGED_BY = 0.05
NUM_IMPOSTORS = 400
KNOWN_OTHERWISE = ("swapped", "wrong_side", "inverted")


def are_most(num: int, of: int) -> bool:
    """Whether so many are no matter of single pairs, but of how the set was made."""
    return num >= MIN_TO_COMPARE and 2 * num > of


def check_fit(diagnosis: Diagnosis) -> None:
    """Find pairs whose lines and edges do not run alike: each sketch's structure against its own
    photo's, compared with other people's photos. Where most do not fit, and no other photos do,
    that is one finding: they were framed otherwise.
    """
    if any(finding.kind == "unaligned" for finding in diagnosis.findings):
        diagnosis.not_tested.append("pairs that do not fit: most have another shape")
        return
    sketches, photos = diagnosis.usable("sketch"), diagnosis.usable("photo")
    places = [n for n in sketches if n in photos]
    if len(places) < MIN_TO_COMPARE:
        if places:
            diagnosis.not_tested.append(f"pairs that do not fit: {MIN_TO_COMPARE} pairs are needed")
        return
    a = _normalised(np.stack([sketches[n].structure for n in places]))
    b = _normalised(np.stack([photos[n].structure for n in places]))
    own, moments = (a * b).sum(axis=1), _moments(a, b)
    z = (own - moments[:, 0]) / moments[:, 1]
    known = {f.id for f in diagnosis.findings if f.kind in KNOWN_OTHERWISE}
    asked = np.array([diagnosis.subjects[place].id not in known for place in places])
    odd = np.flatnonzero((z < MISMATCH_Z) & (own < MISMATCH_OWN) & asked).tolist()
    if are_most(len(odd), len(places)):
        partners = _partners(a, b, moments)
        if np.mean(partners >= 0) < MIXED_UP:
            diagnosis.add_to_all(
                "unaligned",
                f"in {len(odd)} of {len(places)} lines run differently, and no other photos fit"
                " better",
            )
            return
    else:
        partners = _partners_among(odd, a, b, moments)
        exchanged = _exchanged(a, b, asked)
        partners[list(exchanged)] = list(exchanged.values())
        odd = sorted({*odd, *exchanged})
    threshold = min(SURE_MISMATCH_Z, _lowest_of_good(z))
    sketch_of = {int(partners[row]): row for row in odd if partners[row] not in (-1, row)}
    for row in odd:
        hint = _hint(diagnosis, places, row, int(partners[row]), sketch_of)
        kind = "mismatch" if hint or z[row] < threshold else "doubtful"
        detail = f"their lines run differently ({own[row]:.2f}, z {z[row]:.1f}){hint}"
        diagnosis.add(kind, places[row], ("sketch", "photo"), detail)


def _hint(
    diagnosis: Diagnosis, places: list[int], row: int, partner: int, sketch_of: dict[int, int]
) -> str:
    """Which photo fits the sketch better, or which sketch the photo."""
    if partner not in (-1, row):
        photo = diagnosis.subjects[places[partner]].photo
        return f"; {diagnosis.shown(photo)} fits better"
    if row in sketch_of:
        sketch = diagnosis.subjects[places[sketch_of[row]]].sketch
        return f"; {diagnosis.shown(sketch)} fits this photo better"
    return ""


def _normalised(structures: np.ndarray) -> np.ndarray:
    """Structures (N, F) without their mean, of length 1, so that products are correlations."""
    x = structures.astype(np.float32)
    x = x - x.mean(axis=0)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)


def _moments(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean and deviation of each sketch's correlation with other people's photos: (N, 2)."""
    sample = np.arange(0, len(a), max(1, len(a) // NUM_IMPOSTORS))
    moments = np.empty((len(a), 2))
    for row in range(len(a)):
        scores = b[sample[sample != row]] @ a[row]
        moments[row] = scores.mean(), max(float(scores.std()), 1e-9)
    return moments


def _partners(a: np.ndarray, b: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """For each sketch the photo that fits it best, where no other sketch fits that photo better;
    else -1: int (N,).

    a, b: structures of sketches and photos, (N, F). moments: of each sketch with other people's
    photos, (N, 2).
    """
    best_photo = np.empty(len(a), int)
    best_fit, best_sketch = np.full(len(a), -np.inf), np.full(len(a), -1)  # of each photo
    for row in range(len(a)):
        fits = (b @ a[row] - moments[row, 0]) / moments[row, 1]
        best_photo[row] = fits.argmax()
        higher = fits > best_fit
        best_fit[higher] = fits[higher]
        best_sketch[higher] = row
    return np.where(best_sketch[best_photo] == np.arange(len(a)), best_photo, -1)


def _partners_among(
    odd: list[int], a: np.ndarray, b: np.ndarray, moments: np.ndarray
) -> np.ndarray:
    """For each sketch the photo of an odd pair that fits it much better than a stranger's;
    else -1: int (N,).
    """
    partners = np.full(len(a), -1)
    # the best of so many strangers reaches about this
    chance = np.sqrt(2 * np.log(max(2, len(odd) ** 2))) + 0.5
    for row in odd:
        fits = (b[odd] @ a[row] - moments[row, 0]) / moments[row, 1]
        if fits.max() > chance:
            partners[row] = odd[int(np.argmax(fits))]
    return partners


def _exchanged(a: np.ndarray, b: np.ndarray, asked: np.ndarray) -> dict[int, int]:
    """Rows whose sketches fit each other's photos best, and better than their own by
    `EXCHANGED_BY`: each row → the other one.

    a, b: structures of sketches and photos, (N, F). asked: which rows are looked at, bool (N,).
    """
    best, gain = np.empty(len(a), int), np.empty(len(a))
    for rows in np.array_split(np.arange(len(a)), -(-len(a) // NUM_IMPOSTORS)):
        fits = a[rows] @ b.T
        best[rows] = fits.argmax(axis=1)
        gain[rows] = fits.max(axis=1) - (a[rows] * b[rows]).sum(axis=1)
    swapped = {}
    for row in np.flatnonzero(asked).tolist():
        other = int(best[row])
        is_mutual = best[other] == row and asked[other]
        if is_mutual and min(gain[row], gain[other]) > EXCHANGED_BY:
            swapped[row] = other
    return swapped


def _lowest_of_good(z: np.ndarray) -> float:
    """What a pair that fits hardly falls below, by the better half of the set: artists differ in
    how closely they follow a photo. z: (N,). Infinite where most pairs do not fit.
    """
    middle, high = np.percentile(z, [50, 84])
    if middle <= MISMATCH_Z:
        return np.inf
    return middle - (high - middle) * (np.sqrt(2 * np.log(len(z))) + 1)
