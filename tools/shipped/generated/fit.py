"""Fit who could be meant to painted people and drawings of them:
`python -m tools.shipped.generated.fit POOL READER`.

POOL has the files of `tools.shipped.generated.paint` and `tools.shipped.generated.read`; READER is
`reader.pt` of `tools.shipped.looks.reader`. A tenth of the people is kept apart: what the drawings
explain of their codes, and what codes explain of what they show, is printed; then all are fitted.
Writes s2f_studio/shipped/sketch-to-photo-people.safetensors.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from s2f_studio import shipped
from s2f_studio.codes import NUM_DIRECTIONS
from s2f_studio.faces import fitting
from s2f_studio.faces.looks import TRAITS
from s2f_studio.faces.networks.people import (
    HAIR_PX,
    NUM_HAIR,
    NUM_HIDDEN,
    NUM_MASKS,
    NUM_SHAPE,
    NUM_SHOWN,
    People,
)
from s2f_studio.faces.people_stages import Read
from s2f_utils import networks, weights
from s2f_utils.networks import checkpoints
from tools.shipped.generated import flow
from tools.shipped.generated.pool import Pool, directions_of_w, learned_from

LABELLED = (  # generated pictures whose looks people labelled
    "sfhq-t2i, sfhq: MIT, (c) 2022, 2024 David Beniaguev",
    "faker-portraits: CC0",
)
HELD_OUT = 10
PENALTIES = (300.0, 1000.0, 3000.0, 10_000.0)  # of the regression from drawings to codes
PENALTY_OF_SHOWN = 100.0
# Weights of what a person shows in training the hidden layer; hair's is 1.
WEIGHT_OF_TRAITS, WEIGHT_OF_SHAPE = 0.3, 0.15
HIDDEN_PASSES, HIDDEN_BATCH, HIDDEN_LR, HIDDEN_DECAY = 60, 64, 1e-3, 0.3
HIDDEN_DROPPED, HIDDEN_NOISE = 0.5, 0.1
SHRUNK = 0.1  # share of the residuals' covariance that only its diagonal has
# Of the curvature by which a gradient is divided: overlap of hair is no square.
HAIR_CURVATURE = fitting.OF_HAIR / 60
NUM_FOR_CURVATURE = 250
CURVATURE_TIMES, MORE = 2.0, 0.33
KEPT_SHAPE = 12  # components that are reported


def ridge(x: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """The linear map from x (N, I) to y (N, O) with this penalty on its square: (I, O)."""
    return np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)


def explained(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """The share of variance of each column that a guess explains: (O,)."""
    return 1 - np.square(truth - guess).sum(axis=0) / np.square(truth - truth.mean(0)).sum(axis=0)


def with_one(x: np.ndarray) -> np.ndarray:
    """A further column of ones."""
    return np.column_stack([x, np.ones(len(x), x.dtype)])


def set_directions(net: People, pool: Pool) -> np.ndarray:
    """Set the directions of W; the people's codes (N, K)."""
    for name, values in directions_of_w().items():
        getattr(net, name).copy_(torch.from_numpy(values))
    return net.to_code(torch.from_numpy(pool.w)).numpy()


def set_features(net: People, pool: Pool, learned: np.ndarray) -> np.ndarray:
    """Set how drawings become features; those of all drawings, (N, M, F)."""
    masks = pool.drawn_masks()  # (N, M, 2, H, H)
    flat = masks[learned].reshape(-1, 2 * HAIR_PX**2)
    mean = flat.mean(axis=0)
    _, scale, components = np.linalg.svd(flat[::7] - mean, full_matrices=False)
    deviations = scale[:NUM_MASKS] / len(flat[::7]) ** 0.5
    net.masks_mean.copy_(torch.from_numpy(mean))
    net.masks.copy_(torch.from_numpy(components[:NUM_MASKS] / deviations[:, None]))
    net.features_deviation.fill_(1.0)
    read = Read(net)
    looks = pool.drawn_looks(read)
    raw = []
    for start in range(0, len(masks), 500):
        part = slice(start, start + 500)
        given = (looks[part], masks[part], pool.drawn_shape[part], pool.drawn_lips[part])
        flattened = [torch.from_numpy(one).flatten(0, 1) for one in given]
        crude = torch.from_numpy(pool.crude[part]).flatten()
        # Not clamped yet: the scale comes from these.
        raw.append(unscaled(net, *flattened, crude).numpy())
    features = np.concatenate(raw)
    people = np.repeat(learned, masks.shape[1])
    net.features_mean.copy_(torch.from_numpy(features[people].mean(axis=0)))
    net.features_deviation.copy_(torch.from_numpy(features[people].std(axis=0) + 1e-3))
    scaled = (torch.from_numpy(features) - net.features_mean) / net.features_deviation
    made = F.pad(scaled.clamp(-4, 4), (0, 1), value=1.0).numpy()
    return made.reshape(*masks.shape[:2], -1)


def unscaled(
    net: People,
    looks: torch.Tensor,
    masks: torch.Tensor,
    shape: torch.Tensor,
    lips: torch.Tensor,
    crude: torch.Tensor,
) -> torch.Tensor:
    """As `People.features`, neither scaled nor clamped, without the last column."""
    components = (masks.flatten(1) - net.masks_mean) @ net.masks.T
    mouth = (10 * lips).clamp(-3, 5)
    read = torch.cat([components, shape, looks.exp(), mouth, crude[:, None]], dim=1)
    return torch.cat([read, read * (1 - crude[:, None])], dim=1)


def set_regression(
    net: People, features: np.ndarray, codes: np.ndarray, learned: np.ndarray
) -> None:
    """Set how features lead to codes, and how far others may be; prints what is explained."""
    num_drawings = features.shape[1]
    x = features[learned].reshape(-1, features.shape[2]).astype(np.float64)
    y = np.repeat(codes[learned], num_drawings, axis=0).astype(np.float64)
    held_x = features[~learned].reshape(-1, features.shape[2])
    held_y = np.repeat(codes[~learned], num_drawings, axis=0)
    penalty = PENALTIES[2]
    if len(held_x):
        scores = []
        for one in PENALTIES:
            found = explained(held_y, held_x @ ridge(x, y, one))
            scores.append(found.mean())
            print(
                f"penalty {one:g}: explained {found.mean():.3f}, first 16 {found[:16].mean():.3f}"
            )
        penalty = PENALTIES[int(np.argmax(scores))]
    regression = ridge(x, y, penalty)
    residuals = cross_residuals(x, y, penalty, num_drawings)
    covariance = np.cov(residuals.T)
    covariance = (1 - SHRUNK) * covariance + SHRUNK * np.diag(np.diag(covariance))
    net.regression.copy_(torch.from_numpy(regression))
    variances, axes = np.linalg.eigh(covariance)
    net.spread.copy_(torch.from_numpy(axes * np.sqrt(variances)))
    if len(held_x):
        gained = log_likelihood(held_y - held_x @ regression, covariance)
        prior = log_likelihood(held_y - y.mean(axis=0), np.cov(y.T))
        print(f"log likelihood of a drawing's person above the prior: {gained - prior:.1f} nats")


def cross_residuals(x: np.ndarray, y: np.ndarray, penalty: float, times: int) -> np.ndarray:
    """What a regression leaves of people whom it has not seen, by two folds: (N, K)."""
    is_first = (np.arange(len(x)) // times) % 2 == 0
    left = np.empty_like(y)
    for fold in (is_first, ~is_first):
        left[~fold] = y[~fold] - x[~fold] @ ridge(x[fold], y[fold], penalty)
    return left


def log_likelihood(away: np.ndarray, covariance: np.ndarray) -> float:
    """The mean logarithm of a normal density, but for a constant, in nats."""
    _, size = np.linalg.slogdet(covariance)
    squares = np.einsum("ni,ij,nj->n", away, np.linalg.inv(covariance), away)
    return float(-0.5 * (squares.mean() + size))


def shown_in(net: People, pool: Pool, learned: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What all people show, (N, O), and how much each number matters, (N, O): 0 where a trait is
    not seen. Sets the scales.
    """
    traits = pool.traits()
    net.traits_mean.copy_(torch.from_numpy(np.nanmean(traits, axis=0)))
    net.traits_deviation.copy_(torch.from_numpy(np.nanstd(traits, axis=0)))
    scaled = (traits - net.traits_mean.numpy()) / net.traits_deviation.numpy()
    hair = pool.hair()
    mean = hair[learned].mean(axis=0)
    _, _, components = np.linalg.svd(hair[learned] - mean, full_matrices=False)
    net.hair_mean.copy_(torch.from_numpy(mean))
    net.hair_components.copy_(torch.from_numpy(components[:NUM_HAIR]))
    parts = (hair - mean) @ components[:NUM_HAIR].T
    shape = pool.shape[:, :NUM_SHAPE]
    of_hair = np.full_like(parts, 1 / parts[:, 0].var())
    matters = [
        WEIGHT_OF_TRAITS * ~np.isnan(scaled),
        np.full_like(shape, WEIGHT_OF_SHAPE),
        of_hair,
    ]
    shown = np.concatenate([np.nan_to_num(scaled), shape, parts], axis=1)
    return shown.astype(np.float32), np.concatenate(matters, axis=1).astype(np.float32)


def set_linear(net: People, codes: np.ndarray, shown: np.ndarray, matters: np.ndarray) -> None:
    """Set the linear part of what codes (N, K) show."""
    given = with_one(codes).astype(np.float64)
    for n in range(NUM_SHOWN):
        known = matters[:, n] > 0
        weights = ridge(given[known], shown[known, n : n + 1], PENALTY_OF_SHOWN)
        net.shown[:, n].copy_(torch.from_numpy(weights[:, 0]))


def train_hidden(
    net: People, codes: torch.Tensor, shown: torch.Tensor, matters: torch.Tensor
) -> None:
    """Train the hidden layer on what the linear map leaves."""
    torch.manual_seed(0)
    weights = torch.nn.Linear(NUM_DIRECTIONS, NUM_HIDDEN)
    net.hidden.copy_(torch.cat([weights.weight.T, weights.bias[None]]).detach())
    trained = [net.hidden, net.shown_by_hidden]
    optimizer = torch.optim.AdamW(trained, lr=HIDDEN_LR, weight_decay=HIDDEN_DECAY)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, HIDDEN_PASSES)
    for one in trained:
        one.requires_grad_(True)
    with torch.enable_grad():
        for _ in range(HIDDEN_PASSES):
            for part in torch.randperm(len(codes)).split(HIDDEN_BATCH):
                near = codes[part] + HIDDEN_NOISE * torch.randn(len(part), NUM_DIRECTIONS)
                hidden = F.silu(near @ net.hidden[:-1] + net.hidden[-1])
                hidden = F.dropout(hidden, HIDDEN_DROPPED)
                guess = near @ net.shown[:-1] + net.shown[-1] + hidden @ net.shown_by_hidden
                loss = (matters[part] * (guess - shown[part]).square()).sum(dim=1).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            schedule.step()
    for one in trained:
        one.requires_grad_(False)


def report(
    net: People,
    codes: np.ndarray,
    shown: np.ndarray,
    matters: np.ndarray,
    apart: np.ndarray,
    title: str,
) -> None:
    """Print what is explained of people apart, by trait, of shape, and of hair."""
    if not apart.any():
        return
    guess = torch.cat(net.shown_by(torch.from_numpy(codes))[:3], dim=1).numpy()
    shares = []
    for n, name in enumerate(TRAITS):
        own = apart & (matters[:, n] > 0)
        shares.append(f"{name} {explained(shown[own, n : n + 1], guess[own, n : n + 1])[0]:.2f}")
    first = len(TRAITS)
    shape = explained(shown[apart], guess[apart])[first : first + KEPT_SHAPE].mean()
    hair = shown[apart, -NUM_HAIR:]
    left = np.square(hair - guess[apart, -NUM_HAIR:]).sum() / np.square(hair - hair.mean(0)).sum()
    shares += [f"first {KEPT_SHAPE} of shape {shape:.2f}", f"hair {1 - left:.2f}"]
    print(f"explained, {title}: {', '.join(shares)}")


def set_identity(net: People, codes: np.ndarray, ids: np.ndarray) -> None:
    """Set how far the recogniser's descriptors, ids (N, 128), move with codes (N, K)."""
    who = ridge(with_one(codes), ids - ids.mean(axis=0), PENALTY_OF_SHOWN)[:-1]
    same = who @ who.T
    net.identity.copy_(torch.from_numpy(same * (len(same) / np.trace(same))))


def set_descent(net: People, codes: np.ndarray) -> None:
    """Set what the gradients of the fit and of an edit are multiplied by, so that both converge
    from all codes.
    """
    of_traits = np.full(len(TRAITS), 0.5)
    of_traits[TRAITS.index("busy")] = fitting.OF_BUSY
    of_traits[TRAITS.index("wall")] = 1.0
    of_shape = np.zeros(NUM_SHAPE)
    of_shape[: fitting.NUM_SHAPE_FITTED] = 3 * fitting.OF_SHAPE
    weights = np.concatenate([of_traits, of_shape, np.full(NUM_HAIR, HAIR_CURVATURE)])
    net.descent.copy_(inverse_curvature(net, codes, weights, torch.eye(NUM_DIRECTIONS), MORE))
    parts = {
        len(TRAITS): fitting.OF_ASKED,
        NUM_SHAPE: fitting.OF_SHAPE_KEPT,
        NUM_HAIR: fitting.OF_HAIR_KEPT,
    }
    weights = np.concatenate([np.full(num, weight) for num, weight in parts.items()])
    weights[: len(TRAITS)] *= 2  # by either map
    way = fitting.OF_WAY * (torch.eye(NUM_DIRECTIONS) + net.identity)
    net.edit_descent.copy_(inverse_curvature(net, codes, weights, way, 2.0))


def inverse_curvature(
    net: People,
    codes: np.ndarray,
    weights: np.ndarray,
    way: torch.Tensor,
    of_way: float,
) -> torch.Tensor:
    """Half of the inverse of a sum of squares' curvature by Gauss and Newton, on average over codes
    (N, K): (K, K). weights: (O,), of the squares of what a person shows. way: (K, K), the curvature
    of the way itself, times of_way.
    """

    def shown_by(code: torch.Tensor) -> torch.Tensor:
        return torch.cat(net.shown_by(code[None])[:3], dim=1)[0]

    weights = torch.from_numpy(2 * weights).float()
    some = torch.from_numpy(codes[:: max(1, len(codes) // NUM_FOR_CURVATURE)])
    slopes = torch.func.vmap(torch.func.jacrev(shown_by))(some)  # (N, O, K)
    curvature = torch.einsum("nok,o,nol->kl", slopes, weights, slopes) / len(some)
    return 0.5 * torch.linalg.inv(CURVATURE_TIMES * curvature + of_way * way)


def fitted(pool: Pool, reader: dict[str, torch.Tensor], learned: np.ndarray) -> People:
    """The network, fitted on these people, bool (N,)."""
    net = networks.build("people")
    net.reader.load_state_dict(reader)
    net.eval().requires_grad_(False)
    codes = set_directions(net, pool)
    features = set_features(net, pool, learned)
    set_regression(net, features, codes, learned)
    shown, matters = shown_in(net, pool, learned)
    set_linear(net, codes[learned], shown[learned], matters[learned])
    report(net, codes, shown, matters, ~learned, "linear")
    train_hidden(net, *(torch.from_numpy(one[learned]) for one in (codes, shown, matters)))
    report(net, codes, shown, matters, ~learned, "with a hidden layer")
    set_identity(net, codes, pool.ids)
    set_descent(net, codes[learned])
    flow.train_flow(net, codes[learned], features[learned])
    flow.report(net, codes[~learned], features[~learned])
    return net


def main() -> None:
    """Measure on people kept apart, then fit on all, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("pool", type=Path)
    parser.add_argument("reader", type=Path)
    args = parser.parse_args()
    pool = Pool(args.pool)
    reader = torch.load(args.reader, weights_only=True)["reader"]
    apart = np.arange(len(pool.w)) % HELD_OUT == 0
    print(f"{len(apart)} people, {apart.sum()} of them kept apart")
    fitted(pool, reader, ~apart)
    net = fitted(pool, reader, np.ones(len(apart), bool))
    target = shipped.file_of(shipped.PEOPLE)
    # The reader, and the reader of pictures, learned from these.
    portraits = checkpoints.info_of(weights.shipped(weights.FINDER)).terms
    info = learned_from(*portraits, *LABELLED)
    checkpoints.save_generator(target, net, {}, info, compact=True)
    print(target)


if __name__ == "__main__":
    main()
