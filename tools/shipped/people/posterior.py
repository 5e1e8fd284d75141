"""What a drawing says about who is meant: a distribution of codes; a seed draws one person.

`python -m tools.shipped.people.posterior DATA APPEARANCE OUT`, DATA with the files of `prepare`
and `drawings`, APPEARANCE the components. Writes OUT/posterior.npz and OUT/posterior.csv.

The mean is linear (ridge regression) in the code of the average face that is expected of the
drawing, by itself and times how crude the drawing is, and in what is worn. The rest is a
multivariate Student-t: its scale matrix is a blend of two by crudeness, its degrees of freedom
are chosen by likelihood. Heavy tails say that some drawings mislead more than most: one length
for all coordinates of a person.

It is fitted on four fifths of the validation and test people in turn, whom the average face never
saw, and measured on those left out: coverage of ellipsoids, and log likelihood above the prior's.
Shapes: M drawings, K coordinates, V values that the mean is linear in.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tools.shipped.people import running
from tools.shipped.people.appearance import Appearance, is_whole

NUM_SAMPLED = 64  # coordinates; the finer ones say little, and are drawn from the prior or left out
FOLDS = 5
RIDGES = (30.0, 100.0, 300.0, 1000.0, 3000.0)
FREEDOMS = (4.0, 6.0, 9.0, 14.0, 22.0, 40.0, 100.0, 1e4)  # the last is as good as Gaussian
CAREFUL, CRUDE = 0.35, 0.5  # crudeness below, above: what the two scale matrices are fitted on
SHRUNK = (0.05, 0.15, 0.3, 0.5)  # towards the diagonal
WORN_WEIGHT = 3.0  # of what is worn among what the mean is linear in: ridge shrinks it less
COVERAGES = (0.5, 0.8, 0.95)
COVERAGE_OFF = 0.05  # at most, of what is chosen


@dataclass
class Drawings:
    """Drawings of people whose true code is known.

    expected: (M, K'), codes of the average faces. crude: (M,), 0 to 1. worn: (M, W), 0 or 1. true:
    (M, K). person: (M,), int. Mirrored drawings are in it, with the same person.
    """

    expected: Tensor
    crude: Tensor
    worn: Tensor
    true: Tensor
    person: Tensor

    def some(self, chosen: Tensor) -> Drawings:
        """Those chosen, bool (M,)."""
        columns = (self.expected, self.crude, self.worn, self.true, self.person)
        return Drawings(*(column[chosen] for column in columns))


@dataclass
class Posterior:
    """The distribution of codes given a drawing: Student-t around a linear mean.

    slope (V, K), centre (V,), mean (K,): of the regression. careful, crude: (K, K), lower
    triangular roots of the scale matrices. freedom: degrees of freedom.
    """

    slope: Tensor
    centre: Tensor
    mean: Tensor
    careful: Tensor
    crude: Tensor
    freedom: float

    def expectation(self, expected: Tensor, crude: Tensor, worn: Tensor) -> Tensor:
        """The mean code of each drawing: (M, K)."""
        return self.mean + (linear_in(expected, crude, worn) - self.centre) @ self.slope

    def root(self, crude: float) -> Tensor:
        """A root of the scale matrix for a drawing so crude: (K, K)."""
        return _blended(self.careful, self.crude, crude)

    def sample(
        self,
        expected: Tensor,
        crude: float,
        worn: Tensor,
        num: int,
        temperature: float = 1.0,
        chance: torch.Generator | None = None,
    ) -> Tensor:
        """Codes of people who could be meant by one drawing, (num, K).

        expected: (K',), worn: (W,). temperature: of the deviations from the mean; at 0 all are
        the same.
        """
        mean = self.expectation(expected[None], torch.tensor([crude]), worn[None])
        normal = torch.randn(num, len(self.mean), generator=chance)
        return mean + temperature * normal @ self.root(crude).T * self._lengths(num, chance)

    def _lengths(self, num: int, chance: torch.Generator | None) -> Tensor:
        """√(ν / χ²), what makes a Gaussian a Student-t: (num, 1); Wilson and Hilferty 1931."""
        ninth = 2 / (9 * self.freedom)
        normal = torch.randn(num, 1, generator=chance)
        return (1 - ninth + normal * math.sqrt(ninth)).clamp_min(0.3).pow(-1.5)

    def save(self, path: Path) -> None:
        """Write all as one file."""
        arrays = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        np.savez_compressed(
            path,
            freedom=self.freedom,
            **{n: v.numpy().astype(np.float32) for n, v in arrays.items()},
        )

    @classmethod
    def load(cls, path: Path) -> Posterior:
        """Read what `save` wrote."""
        with np.load(path) as file:
            kept = {name: torch.from_numpy(file[name]) for name in file.files}
        return cls(**kept | {"freedom": float(kept["freedom"])})


def linear_in(expected: Tensor, crude: Tensor, worn: Tensor) -> Tensor:
    """What the mean is linear in: (M, V)."""
    crude = crude[:, None]
    return torch.cat([expected, expected * crude, crude, WORN_WEIGHT * worn], dim=1)


def _blended(careful: Tensor, crude: Tensor, share: float) -> Tensor:
    weight = min(1.0, max(0.0, (share - 0.2) / 0.5))
    return (1 - weight) * careful + weight * crude


def fit(data: Drawings, ridge: float, shrunk: float, freedom: float | None = None) -> Posterior:
    """The posterior of some drawings; residuals are of people whom the regression did not see.

    freedom: None: the likeliest of `FREEDOMS`.
    """
    values = linear_in(data.expected, data.crude, data.worn)
    centre, mean = values.mean(dim=0), data.true.mean(dim=0)
    residuals = torch.zeros_like(data.true)
    for fold in range(FOLDS):
        left_out = data.person % FOLDS == fold
        slope = _ridge(values[~left_out] - centre, data.true[~left_out] - mean, ridge)
        residuals[left_out] = data.true[left_out] - mean - (values[left_out] - centre) @ slope
    slope = _ridge(values - centre, data.true - mean, ridge)
    best = None
    for choice in FREEDOMS if freedom is None else (freedom,):
        careful = _scale_root(residuals[data.crude < CAREFUL], choice, shrunk)
        crude = _scale_root(residuals[data.crude > CRUDE], choice, shrunk)
        posterior = Posterior(slope, centre, mean, careful, crude, choice)
        likelihood = float(log_likelihood(posterior, residuals, data.crude).mean())
        if best is None or likelihood > best[0]:
            best = likelihood, posterior
    return best[1]


def _ridge(values: Tensor, codes: Tensor, ridge: float) -> Tensor:
    """Ridge regression: (V, K)."""
    square = values.T @ values + ridge * torch.eye(values.shape[1])
    return torch.linalg.solve(square, values.T @ codes)


def _scale_root(residuals: Tensor, freedom: float, shrunk: float, rounds: int = 12) -> Tensor:
    """The lower root of a Student-t's scale matrix, by expectation maximisation: (K, K)."""
    num, size = residuals.shape
    weight = torch.ones(num)
    for _ in range(rounds):
        scale = (weight[:, None] * residuals).T @ residuals / num
        scale = (1 - shrunk) * scale + shrunk * torch.diag(torch.diag(scale))
        root = torch.linalg.cholesky(scale + 1e-4 * torch.eye(size))
        weight = (freedom + size) / (freedom + _distances(root, residuals))
    return root


def _distances(root: Tensor, residuals: Tensor) -> Tensor:
    """Squared Mahalanobis distances: (M,)."""
    return torch.linalg.solve_triangular(root, residuals.T, upper=False).square().sum(dim=0)


def distances(posterior: Posterior, residuals: Tensor, crude: Tensor) -> Tensor:
    """Squared distances of residuals (M, K), each by the scale of its drawing: (M,)."""
    found = [
        _distances(posterior.root(float(how)), residual[None])[0]
        for residual, how in zip(residuals, crude, strict=True)
    ]
    return torch.stack(found)


def log_likelihood(posterior: Posterior, residuals: Tensor, crude: Tensor) -> Tensor:
    """Log density of a Student-t at residuals (M, K): (M,)."""
    size, freedom = residuals.shape[1], posterior.freedom
    roots = torch.stack([posterior.root(float(how)) for how in crude])
    log_det = torch.diagonal(roots, dim1=1, dim2=2).log().sum(dim=1)
    squared = distances(posterior, residuals, crude)
    constant = math.lgamma((freedom + size) / 2) - math.lgamma(freedom / 2)
    constant -= size / 2 * math.log(freedom * math.pi)
    return constant - log_det - (freedom + size) / 2 * torch.log1p(squared / freedom)


def gaussian_log_likelihood(codes: Tensor, mean: Tensor, root: Tensor) -> Tensor:
    """Log density of a Gaussian at codes (M, K): (M,)."""
    constant = -codes.shape[1] / 2 * math.log(2 * math.pi)
    return constant - torch.diagonal(root).log().sum() - _distances(root, codes - mean) / 2


def measure(data: Drawings, prior: Tensor, ridge: float, shrunk: float) -> dict[str, float]:
    """Coverage, what is left open, and log likelihood above the prior's, on people left out.

    prior: (N, K), codes of training people, whose Gaussian is compared.
    """
    found: dict[str, list[Tensor]] = {"gain": [], "share": [], "left": [], "crude": []}
    centre = prior.mean(dim=0)
    root = torch.linalg.cholesky(torch.cov(prior.T) + 1e-4 * torch.eye(prior.shape[1]))
    for fold in range(FOLDS):
        left_out = (data.person // FOLDS) % FOLDS == fold
        posterior = fit(data.some(~left_out), ridge, shrunk)
        test = data.some(left_out)
        residuals = test.true - posterior.expectation(test.expected, test.crude, test.worn)
        gain = log_likelihood(posterior, residuals, test.crude)
        found["gain"].append(gain - gaussian_log_likelihood(test.true, centre, root))
        squared = distances(posterior, residuals, test.crude)
        found["share"].append(_cumulative(squared, posterior))
        found["left"].append(residuals.square().mean(dim=1) / (test.true - centre).square().mean())
        found["crude"].append(test.crude)
    joined = {name: torch.cat(values) for name, values in found.items()}
    row = {"ridge": ridge, "shrunk": shrunk, "freedom": posterior.freedom}
    groups = {"careful": joined["crude"] < CAREFUL, "crude": joined["crude"] > CRUDE}
    for name, chosen in groups.items():
        row[f"left_{name}"] = float(joined["left"][chosen].mean())
        row[f"gain_{name}"] = float(joined["gain"][chosen].mean())
        for level in COVERAGES:
            inside = (joined["share"][chosen] <= level).float().mean()
            row[f"inside_{level}_{name}"] = float(inside)
    row["gain"] = float(joined["gain"].mean())
    return row


def is_calibrated(row: Mapping[str, float]) -> bool:
    """Whether each ellipsoid holds about as many true codes as it should."""
    return all(
        abs(row[f"inside_{level}_{name}"] - level) <= COVERAGE_OFF
        for level in COVERAGES
        for name in ("careful", "crude")
    )


def _cumulative(squared: Tensor, posterior: Posterior, num: int = 20_000) -> Tensor:
    """The share of a posterior's samples that lie nearer to its mean than these: (M,)."""
    chance = torch.Generator().manual_seed(0)
    size = len(posterior.mean)
    lengths = posterior._lengths(num, chance)[:, 0]
    drawn = torch.randn(num, size, generator=chance).square().sum(dim=1) * lengths.square()
    return torch.searchsorted(drawn.sort().values, squared) / num


def read(folder: Path, appearance: Appearance, num: int) -> tuple[Drawings, Tensor]:
    """The drawings of held-out people, and the codes of training people, in `num` coordinates."""
    people = running.read_people(folder)
    whole = is_whole(people)
    with np.load(folder / "drawings.npz") as file:
        drawn = {name: file[name] for name in file.files}
    place = {name: n for n, name in enumerate(people["name"])}
    who = np.array([place[name] for name in drawn["name"]])
    chosen = whole[who]
    who, drawn = who[chosen], {name: values[chosen] for name, values in drawn.items()}
    expected = torch.from_numpy(drawn["expected"]).float() / 127.5 - 1
    photo = running.pixels(people["photo"][who])
    worn = torch.tensor([worn_of(labels) for labels in people["labels"][who]])
    persons = torch.from_numpy(people["person"][who].astype(np.int64))
    sides = []
    for mirrored in (False, True):
        dims = (3,) if mirrored else ()
        codes = [appearance.code(one.flip(dims)) for one in (expected, photo)]
        sides.append(
            (codes[0], torch.from_numpy(drawn["crude"]).float(), worn, codes[1][:, :num], persons)
        )
    data = Drawings(*(torch.cat(pair) for pair in zip(*sides, strict=True)))
    training = running.pixels(people["photo"][whole & (people["split"] == "train")])
    prior = [appearance.code(training.flip(dims))[:, :num] for dims in ((), (3,))]
    return data, torch.cat(prior)


def worn_of(labels: Mapping[str, str]) -> list[float]:
    """Whether a person has glasses, a beard, and a hat: 0 or 1 each."""
    has_beard = labels.get("beard") in ("full", "goatee", "moustache")
    has_hat = labels.get("hat", "none") != "none"
    return [float(labels.get("glasses") == "1"), float(has_beard), float(has_hat)]


def main() -> None:
    """Choose by likelihood on people left out, among calibrated ones; fit on all; write both."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("appearance", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--coordinates", type=int, default=NUM_SAMPLED)
    args = parser.parse_args()
    torch.set_num_threads(1)
    data, prior = read(args.data, Appearance.load(args.appearance), args.coordinates)
    rows = [measure(data, prior, ridge, 0.15) for ridge in RIDGES]
    best = max(rows, key=lambda row: row["gain"])
    rows += [measure(data, prior, best["ridge"], shrunk) for shrunk in SHRUNK if shrunk != 0.15]
    calibrated = [row for row in rows if is_calibrated(row)]
    best = max(calibrated or rows, key=lambda row: row["gain"])
    args.out.mkdir(parents=True, exist_ok=True)
    with open(args.out / "posterior.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(best))
        writer.writeheader()
        for row in rows:
            writer.writerow({name: round(value, 4) for name, value in row.items()})
    fit(data, best["ridge"], best["shrunk"]).save(args.out / "posterior.npz")
    print(best)


if __name__ == "__main__":
    main()
