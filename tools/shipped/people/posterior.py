"""What a drawing says about who is meant, as the studio's file of people.

`python -m tools.shipped.people.posterior DATA APPEARANCE FILE`, DATA with the files of `prepare`,
`hats` and `drawings`, APPEARANCE the components. Writes FILE, which `s2f_studio.faces.people`
reads. `benchmarks/drawn_people.py` measures it.

The mean is linear (ridge regression) in `people.linear_in`: the code of the average face, the
drawn shape, both also times how crude the drawing is, and what is worn. The rest is a multivariate
Student-t, whose scale matrix is a blend of two by crudeness. Heavy tails say that some drawings
mislead more than most. Rare looks weigh more, as among training people: a drawing that says nothing
of skin means people of all skins.

Shapes: M drawings, J coordinates, the code's and the shape's, V values that the mean is linear in.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s2f_studio.faces import people
from tools.shipped.people import readouts, strangers
from tools.shipped.people.known import Known, read

FOLDS, SIZE_FOLDS = 5, 3
COORDINATES = 96  # of the codes, that are drawn
RIDGE = 400.0  # likelier for people left out than 1000 or 3000
FREEDOM = 12.0  # ellipsoids for people left out hold too much with 7, too little with 15
SIZES = np.arange(0.8, 1.61, 0.02)  # factors of the scale matrices' roots
CAREFUL, CRUDE = 0.35, 0.5  # crudeness below, above: what the two scale matrices are fitted on
SHRUNK = 0.2  # of the scale matrices, towards the diagonal
COVERAGES = (0.5, 0.8, 0.95)
NUM_DRAWN = 1_000_000  # of an F distribution, whose cumulative share is counted


@dataclass
class Fitted:
    """As the fields of `people.People` of the same names."""

    slope: np.ndarray
    centre: np.ndarray
    middle: np.ndarray
    careful: np.ndarray
    crude: np.ndarray
    freedom: float

    def expectation(self, data: Known) -> np.ndarray:
        """The mean of each drawing: (M, J)."""
        return self.middle + (data.values - self.centre) @ self.slope


def fit(data: Known, ridge: float = RIDGE) -> Fitted:
    """The posterior of some drawings.

    Residuals are of people whom the regression did not see; the scale matrices' size is
    the likeliest for codes of people whom those matrices did not see.
    """
    centre = np.average(data.values, axis=0, weights=data.weight)
    middle = np.average(data.true, axis=0, weights=data.weight)
    residuals = np.zeros_like(data.true)
    for fold in range(FOLDS):
        out = data.person % FOLDS == fold
        slope = _ridge(data.some(~out), centre, middle, ridge)
        residuals[out] = data.true[out] - middle - (data.values[out] - centre) @ slope
    slope = _ridge(data, centre, middle, ridge)
    size = _likeliest_size(data, residuals)
    roots = [size * root for root in _roots(residuals, data)]
    return Fitted(slope, centre, middle, *roots, FREEDOM)


def _roots(residuals: np.ndarray, data: Known) -> list[np.ndarray]:
    """Roots of the scale matrices of careful and of crude drawings."""
    return [
        _scale_root(residuals[chosen], data.weight[chosen])
        for chosen in groups(data.crude).values()
    ]


def _likeliest_size(data: Known, residuals: np.ndarray) -> float:
    """The factor of the roots that has the highest log likelihood of people left out."""
    squared, log_det = np.zeros(len(residuals)), np.zeros(len(residuals))
    for fold in range(SIZE_FOLDS):
        out = (data.person // 2) % SIZE_FOLDS == fold
        roots = _roots(residuals[~out], data.some(~out))
        of_codes = [root[:COORDINATES, :COORDINATES] for root in roots]
        codes = residuals[out, :COORDINATES]
        squared[out], log_det[out] = distances(*of_codes, codes, data.crude[out])
    num = COORDINATES
    found = []
    for size in SIZES:
        fits = student_t(squared / size**2, log_det + num * math.log(size), num, FREEDOM)
        found.append((float(fits.mean()), float(size)))
    return max(found)[1]


def _ridge(data: Known, centre: np.ndarray, middle: np.ndarray, ridge: float) -> np.ndarray:
    """Ridge regression of what is true on what is seen, weighted: (V, J)."""
    values = data.values - centre
    weighted = (values * data.weight[:, None]).T
    square = weighted @ values + ridge * np.eye(values.shape[1])
    return np.linalg.solve(square, weighted @ (data.true - middle))


def _scale_root(residuals: np.ndarray, often: np.ndarray, rounds: int = 7) -> np.ndarray:
    """The lower root of a Student-t's scale matrix, by expectation maximisation: (J, J). often:
    (M,), how much each residual counts.
    """
    size = residuals.shape[1]
    weight = np.ones(len(residuals))
    for _ in range(rounds):
        scale = ((often * weight)[:, None] * residuals).T @ residuals / often.sum()
        scale = (1 - SHRUNK) * scale + SHRUNK * np.diag(np.diag(scale))
        root = np.linalg.cholesky(scale + 1e-4 * np.eye(size))
        weight = (FREEDOM + size) / (FREEDOM + _squared(root, residuals))
    return root


def _squared(root: np.ndarray, residuals: np.ndarray) -> np.ndarray:
    """Squared Mahalanobis distances: (M,)."""
    return (np.linalg.solve(root, residuals.T) ** 2).sum(axis=0)


def distances(
    careful: np.ndarray, crude: np.ndarray, residuals: np.ndarray, how: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances of residuals (M, J), each by the scale of its drawing, and the logarithms
    of that scale's root's determinant: (M,) each. how: (M,), how crude the drawings are.
    """
    squared, log_det = np.empty(len(residuals)), np.empty(len(residuals))
    for number, residual in enumerate(residuals):
        root = people.blended(careful, crude, how[number])
        squared[number] = _squared(root, residual[None])[0]
        log_det[number] = np.log(np.diag(root)).sum()
    return squared, log_det


def student_t(squared: np.ndarray, log_det: np.ndarray, num: int, freedom: float) -> np.ndarray:
    """Log density of a Student-t of `num` dimensions: (M,)."""
    constant = math.lgamma((freedom + num) / 2) - math.lgamma(freedom / 2)
    constant -= num / 2 * math.log(freedom * math.pi)
    return constant - log_det - (freedom + num) / 2 * np.log1p(squared / freedom)


def gaussian_log_likelihood(codes: np.ndarray, mean: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Log density of a Gaussian at codes (M, J): (M,)."""
    constant = -codes.shape[1] / 2 * math.log(2 * math.pi)
    return constant - np.log(np.diag(root)).sum() - _squared(root, codes - mean) / 2


def cumulative(squared: np.ndarray, size: int, freedom: float) -> np.ndarray:
    """The share of a Student-t's mass that lies nearer to its mean than these: (M,)."""
    drawn = np.sort(np.random.default_rng(0).f(size, freedom, NUM_DRAWN))
    return np.searchsorted(drawn, squared / size) / NUM_DRAWN


def evaluate(fitted: Fitted, test: Known, prior: np.ndarray, num_codes: int) -> dict[str, list]:
    """Of each drawing, for codes alone: crudeness, gain over the prior, cumulative share, what is
    left of the variance.

    prior: (N, num_codes), codes of training people, whose Gaussian is compared.
    """
    codes = slice(num_codes)
    marginal = Fitted(
        fitted.slope[:, codes],
        fitted.centre,
        fitted.middle[codes],
        fitted.careful[codes, codes],
        fitted.crude[codes, codes],
        fitted.freedom,
    )
    true = test.true[:, codes]
    residuals = true - marginal.expectation(test)
    centre = prior.mean(axis=0)
    root = np.linalg.cholesky(np.cov(prior.T) + 1e-4 * np.eye(num_codes))
    squared, log_det = distances(marginal.careful, marginal.crude, residuals, test.crude)
    gain = student_t(squared, log_det, num_codes, fitted.freedom)
    return {
        "crude": test.crude,
        "gain": gain - gaussian_log_likelihood(true, centre, root),
        "share": cumulative(squared, num_codes, fitted.freedom),
        "left": (residuals**2).mean(axis=1) / ((true - centre) ** 2).mean(),
    }


def groups(crude: np.ndarray) -> dict[str, np.ndarray]:
    """Which drawings count as careful, and which as crude: bool (M,) each."""
    return {"careful": crude < CAREFUL, "crude": crude > CRUDE}


def summary(found: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Means of `evaluate`, for careful and crude drawings."""
    row = {}
    for name, chosen in groups(found["crude"]).items():
        row[f"left_{name}"] = float(found["left"][chosen].mean())
        row[f"gain_{name}"] = float(found["gain"][chosen].mean())
        for level in COVERAGES:
            row[f"inside_{level}_{name}"] = float((found["share"][chosen] <= level).mean())
    row["gain"] = float(found["gain"].mean())
    return row


def main() -> None:
    """Fit to all people whom the average face did not see, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("appearance", type=Path)
    parser.add_argument("file", type=Path)
    args = parser.parse_args()
    data, everybody = read(args.data, args.appearance, COORDINATES)
    deviations, root = strangers.shipped(everybody, COORDINATES)
    found = readouts.fit(everybody, COORDINATES) | drawing_by(fit(data), root)
    write(args.file, args.appearance, found, deviations)


def drawing_by(fitted: Fitted, people_root: np.ndarray) -> dict[str, np.ndarray]:
    """What people are drawn by: the regression, and roots of covariances that move strangers as
    little as can be. people_root: as `strangers.shipped` has it.
    """
    wider = fitted.freedom / (fitted.freedom - 2)  # a Student-t's covariance than its scale
    kept = {name: getattr(fitted, name) for name in ("slope", "centre", "middle")}
    for name in ("careful", "crude"):
        root = getattr(fitted, name)
        kept[name] = strangers.nearest_root(wider * root @ root.T, people_root)
    return kept


def write(
    file: Path, appearance: Path, found: Mapping[str, np.ndarray], deviations: np.ndarray
) -> None:
    """Write the studio's file: components and strangers as they are, all else in float16."""
    with np.load(appearance) as kept:
        arrays = {name: kept[name] for name in kept.files}
    arrays["num_components"] = np.array(len(arrays["deviation"]))
    arrays |= {name: np.asarray(value, np.float16) for name, value in found.items()}
    arrays["strangers"] = deviations
    partial = file.with_suffix(".partial.npz")
    np.savez_compressed(partial, **arrays)
    partial.replace(file)
    print(f"{file.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
