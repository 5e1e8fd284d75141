"""What a drawing says about who is meant, as the studio's file of people.

`python -m tools.shipped.people.posterior DATA APPEARANCE FILE`, DATA with the files of `prepare`
and `drawings`, APPEARANCE the components. Writes FILE, which `s2f_studio.faces.people` reads, and
beside it a CSV file with what was measured.

The mean is linear (ridge regression) in `people.linear_in`: the code of the average face, the
likely shape, both also times how crude the drawing is, and what is worn. The rest is a multivariate
Student-t: its scale matrix is a blend of two by crudeness, its degrees of freedom are chosen by
likelihood. Heavy tails say that some drawings mislead more than most.

Shapes: M drawings, J coordinates (codes, then how far the true shape is from the drawn likely one),
V values that the mean is linear in.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.linalg import solve_triangular

from s2f_studio.faces import people
from tools.shipped.people import readouts
from tools.shipped.people.known import Known, read

FOLDS = 5
RIDGES = (100.0, 300.0, 1000.0, 3000.0)
FREEDOMS = (4.0, 6.0, 9.0, 14.0, 22.0, 40.0, 100.0, 1e4)  # the last is as good as Gaussian
CAREFUL, CRUDE = 0.35, 0.5  # crudeness below, above: what the two scale matrices are fitted on
SHRUNK = 0.15  # of the scale matrices, towards the diagonal
COVERAGES = (0.5, 0.8, 0.95)


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


def fit(data: Known, ridge: float, freedom: float | None = None) -> Fitted:
    """The posterior of some drawings; residuals are of people whom the regression did not see.

    freedom: None: the likeliest of `FREEDOMS`.
    """
    centre, middle = data.values.mean(axis=0), data.true.mean(axis=0)
    residuals = np.zeros_like(data.true)
    for fold in range(FOLDS):
        out = data.person % FOLDS == fold
        slope = _ridge(data.values[~out] - centre, data.true[~out] - middle, ridge)
        residuals[out] = data.true[out] - middle - (data.values[out] - centre) @ slope
    slope = _ridge(data.values - centre, data.true - middle, ridge)
    best = None
    for choice in FREEDOMS if freedom is None else (freedom,):
        careful = _scale_root(residuals[data.crude < CAREFUL], choice)
        crude = _scale_root(residuals[data.crude > CRUDE], choice)
        fitted = Fitted(slope, centre, middle, careful, crude, choice)
        likelihood = float(log_likelihood(fitted, residuals, data.crude).mean())
        if best is None or likelihood > best[0]:
            best = likelihood, fitted
    return best[1]


def _ridge(values: np.ndarray, wanted: np.ndarray, ridge: float) -> np.ndarray:
    """Ridge regression: (V, J)."""
    square = values.T @ values + ridge * np.eye(values.shape[1])
    return np.linalg.solve(square, values.T @ wanted)


def _scale_root(residuals: np.ndarray, freedom: float, rounds: int = 12) -> np.ndarray:
    """The lower root of a Student-t's scale matrix, by expectation maximisation: (J, J)."""
    num, size = residuals.shape
    weight = np.ones(num)
    for _ in range(rounds):
        scale = (weight[:, None] * residuals).T @ residuals / num
        scale = (1 - SHRUNK) * scale + SHRUNK * np.diag(np.diag(scale))
        root = np.linalg.cholesky(scale + 1e-4 * np.eye(size))
        weight = (freedom + size) / (freedom + _squared(root, residuals))
    return root


def _squared(root: np.ndarray, residuals: np.ndarray) -> np.ndarray:
    """Squared Mahalanobis distances: (M,)."""
    return (solve_triangular(root, residuals.T, lower=True) ** 2).sum(axis=0)


def distances(fitted: Fitted, residuals: np.ndarray, crude: np.ndarray) -> np.ndarray:
    """Squared distances of residuals (M, J), each by the scale of its drawing: (M,)."""
    found = np.empty(len(residuals))
    for number, (residual, how) in enumerate(zip(residuals, crude, strict=True)):
        root = people.blended(fitted.careful, fitted.crude, how)
        found[number] = _squared(root, residual[None])[0]
    return found


def log_likelihood(fitted: Fitted, residuals: np.ndarray, crude: np.ndarray) -> np.ndarray:
    """Log density of a Student-t at residuals (M, J): (M,)."""
    size, freedom = residuals.shape[1], fitted.freedom
    diagonal = [np.diag(people.blended(fitted.careful, fitted.crude, how)) for how in crude]
    squared = distances(fitted, residuals, crude)
    constant = math.lgamma((freedom + size) / 2) - math.lgamma(freedom / 2)
    constant -= size / 2 * math.log(freedom * math.pi)
    log_det = np.log(diagonal).sum(axis=1)
    return constant - log_det - (freedom + size) / 2 * np.log1p(squared / freedom)


def gaussian_log_likelihood(codes: np.ndarray, mean: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Log density of a Gaussian at codes (M, J): (M,)."""
    constant = -codes.shape[1] / 2 * math.log(2 * math.pi)
    return constant - np.log(np.diag(root)).sum() - _squared(root, codes - mean) / 2


def cumulative(squared: np.ndarray, size: int, freedom: float) -> np.ndarray:
    """The share of a Student-t's mass that lies nearer to its mean than these: (M,)."""
    from scipy.stats import f

    return f.cdf(squared / size, size, freedom)


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
    gain = log_likelihood(marginal, residuals, test.crude)
    squared = distances(marginal, residuals, test.crude)
    return {
        "crude": test.crude,
        "gain": gain - gaussian_log_likelihood(true, centre, root),
        "share": cumulative(squared, num_codes, fitted.freedom),
        "left": (residuals**2).mean(axis=1) / ((true - centre) ** 2).mean(),
    }


def summary(found: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Means of `evaluate`, for careful and crude drawings."""
    row = {}
    groups = {"careful": found["crude"] < CAREFUL, "crude": found["crude"] > CRUDE}
    for name, chosen in groups.items():
        row[f"left_{name}"] = float(found["left"][chosen].mean())
        row[f"gain_{name}"] = float(found["gain"][chosen].mean())
        for level in COVERAGES:
            row[f"inside_{level}_{name}"] = float((found["share"][chosen] <= level).mean())
    row["gain"] = float(found["gain"].mean())
    return row


def measure(data: Known, prior: np.ndarray, ridge: float) -> dict[str, float]:
    """`summary` for people left out, in folds."""
    parts = []
    for fold in range(FOLDS):
        out = (data.person // FOLDS) % FOLDS == fold
        fitted = fit(data.some(~out), ridge)
        parts.append(evaluate(fitted, data.some(out), prior, prior.shape[1]))
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return {"ridge": ridge, "freedom": fitted.freedom} | summary(joined)


def main() -> None:
    """Choose the ridge by likelihood on people left out; fit on all; write both."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("appearance", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--coordinates", type=int, default=64, help="of the codes, that are drawn")
    args = parser.parse_args()
    data, everybody = read(args.data, args.appearance, args.coordinates)
    prior = everybody.codes[everybody.training][:, : args.coordinates]
    rows = [measure(data, prior, ridge) for ridge in RIDGES]
    best = max(rows, key=lambda row: row["gain"])
    with open(args.file.with_suffix(".csv"), "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(best))
        writer.writeheader()
        for row in rows:
            writer.writerow({name: round(value, 4) for name, value in row.items()})
    print(best)
    fitted = fit(data, best["ridge"])
    write(args.file, args.appearance, fitted, readouts.fit(everybody, args.coordinates))


def write(file: Path, appearance: Path, fitted: Fitted, found: Mapping[str, np.ndarray]) -> None:
    """Write the studio's file: components as they are, all else in float16."""
    with np.load(appearance) as kept:
        arrays = {name: kept[name] for name in kept.files}
    arrays |= {name: np.asarray(value, np.float16) for name, value in vars(fitted).items()}
    arrays |= {name: np.asarray(value, np.float16) for name, value in found.items()}
    partial = file.with_suffix(".partial.npz")
    np.savez_compressed(partial, **arrays)
    partial.replace(file)
    print(f"{file.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
