"""Reads looks and age in pictures of people: a small reader on features of a pretrained network.

`python -m tools.shipped.generated.pictures FACES LABELLED` learns: the open portraits in FACES, and
generated people, whose looks somebody has labelled, become features of EfficientNet-lite0 (pooled
to 4 × 4 places at two strides), 600 principal components of these, and on them a logistic
regression for each look and a linear one for the logarithm of years. A sixth is kept apart to
measure. LABELLED is written as .npz.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from data_prep.files import TABLES
from s2f_studio.faces.looks import LOOKS, UNKNOWN
from s2f_utils.networks.pretrained import features_of
from s2f_utils.pictures import faces, images
from s2f_utils.pictures.mesh import FACE_PX
from tools.shipped.looks.drawings import HAT_NAMES, LIPS
from tools.shipped.looks.labels import looks_of, read_labels

NUM_COMPONENTS, NUM_FOR_COMPONENTS = 600, 2000
PLACES = 4  # a side, to which features are pooled
HELD_OUT = 6
DECAYS = (3e-4, 1e-3, 3e-3)  # of the logistic regressions
PENALTY_OF_AGE = 15.0
YEARS = {"child": 10.0, "young": 26.0, "middle": 46.0, "old": 66.0}  # of labels that are groups
BATCH = 16


@torch.inference_mode()
def features(pictures: np.ndarray) -> np.ndarray:
    """Features of aligned faces, uint8 (N, 256, 256, 3): float32 (N, F)."""
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    strides = features_of(x)
    pooled = [F.adaptive_avg_pool2d(strides[n], PLACES).flatten(1) for n in (3, 2)]
    return torch.cat(pooled, dim=1).float().numpy()


class PictureReader:
    """The reader that a LABELLED file holds."""

    def __init__(self, labelled: Path) -> None:
        with np.load(labelled) as file:
            self.weights = {name: file[name] for name in file.files}

    def components(self, pictures: np.ndarray) -> np.ndarray:
        """Principal components of the features: (N, 600)."""
        blocks = [features(pictures[n : n + BATCH]) for n in range(0, len(pictures), BATCH)]
        return (np.concatenate(blocks) - self.weights["mu"]) @ self.weights["P"].T

    def read(self, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The probabilities of all looks' values (N, V), and the logarithm of years (N,), of
        aligned faces, uint8 (N, 256, 256, 3).
        """
        given = self.components(pictures)
        shown = []
        for name in LOOKS:
            logits = given @ self.weights[f"W_{name}"] + self.weights[f"b_{name}"]
            odds = np.exp(logits - logits.max(axis=1, keepdims=True))
            shown.append(odds / odds.sum(axis=1, keepdims=True))
        age = given @ self.weights["age"][:-1] + self.weights["age"][-1]
        return np.concatenate(shown, axis=1), age


def labelled(folder: Path) -> Iterator[tuple[Path, np.ndarray, float]]:
    """Pictures with their looks, int8 (L,), and the logarithm of their years, NaN if unknown."""
    for row in read_labels():
        path = folder / f"{row.key}.webp"
        if path.is_file():
            yield path, row.looks, float(np.log(float(row.labels["age"])))
    with (TABLES / "open_portraits.csv").open(newline="", encoding="utf-8") as file:
        listed = list(csv.DictReader(file))
    paths = {row["sha256"][:16]: folder / row["set"] / row["name"] for row in listed}
    with (TABLES / "open_portrait_labels.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            path = paths.get(row["sha256"])
            if path is not None and path.is_file() and row["colour"] == "rgb":
                years = YEARS.get(row["age"], np.nan)
                yield path, looks_of(_in_words_of_looks(row)), float(np.log(years))


def _in_words_of_looks(row: dict[str, str]) -> dict[str, str]:
    """A portrait's labels in the words of `LOOKS`."""
    yes_no = {"0": "no", "1": "yes"}
    return {
        "age": row["age"],
        "presents": row["presents"],
        "glasses": yes_no.get(row["glasses"], ""),
        "hat": HAT_NAMES.get(row["hat"], row["hat"]),
        "beard": row["beard"].replace("stubble", "none"),
        "length": row["hair_length"],
        "texture": row["hair_texture"],
        "fringe": yes_no.get(row["fringe"], ""),
        "lips": LIPS.get(row["mouth"], row["mouth"]),
    }


def logistic(x: torch.Tensor, y: torch.Tensor, num: int, decay: float) -> list[torch.Tensor]:
    """Weights (I, num) and biases (num,) of a logistic regression."""
    weights = torch.zeros(x.shape[1], num, requires_grad=True)
    bias = torch.zeros(num, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(x @ weights + bias, y) + decay * weights.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return [weights.detach(), bias.detach()]


def learn(x: np.ndarray, looks: np.ndarray, age: np.ndarray) -> dict[str, np.ndarray]:
    """All weights, from features (N, F), looks (N, L) and log years (N,)."""
    mean = x.mean(axis=0)
    some = np.random.default_rng(0).permutation(len(x))[:NUM_FOR_COMPONENTS]
    _, scale, rows = np.linalg.svd(x[some] - mean, full_matrices=False)
    rows = rows[:NUM_COMPONENTS] / (scale[:NUM_COMPONENTS, None] / len(some) ** 0.5)
    given = torch.from_numpy((x - mean) @ rows.T).float()
    held = torch.arange(len(x)) % HELD_OUT == 0
    learned = {"mu": mean, "P": rows}
    for n, (name, values) in enumerate(LOOKS.items()):
        truth = torch.from_numpy(looks[:, n]).long()
        known = truth != UNKNOWN
        scores = {}
        for decay in DECAYS:
            own, apart = known & ~held, known & held
            weights, bias = logistic(given[own], truth[own], len(values), decay)
            guess = given[apart] @ weights + bias
            scores[decay] = float(F.cross_entropy(guess, truth[apart]))
        decay = min(scores, key=scores.get)
        print(f"{name}: {scores[decay]:.3f} nats on pictures kept apart", flush=True)
        weights, bias = logistic(given[known], truth[known], len(values), decay)
        learned |= {f"W_{name}": weights.numpy(), f"b_{name}": bias.numpy()}
    known = ~np.isnan(age)
    design = np.column_stack([given.numpy(), np.ones(len(x))])[known]
    system = design.T @ design + PENALTY_OF_AGE * np.eye(design.shape[1])
    return learned | {"age": np.linalg.solve(system, design.T @ age[known])}


def main() -> None:
    """Learn from labelled pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("labelled", type=Path)
    args = parser.parse_args()
    found, looks, ages = [], [], []
    for path, own, age in labelled(args.faces):
        picture = images.load_rgb(path)
        try:
            matrix = faces.alignment(faces.find_face(picture).landmarks, FACE_PX)
        except faces.FaceError:
            continue
        found.append(features(faces.warp(picture, matrix, FACE_PX)[None])[0])
        looks.append(own)
        ages.append(age)
    np.savez(args.labelled, **learn(np.stack(found), np.stack(looks), np.array(ages)))


if __name__ == "__main__":
    main()
