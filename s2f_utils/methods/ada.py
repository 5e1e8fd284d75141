"""Adaptive augmentation of a discriminator's input,
so that it does not memorise a few thousand pictures.

ADA (Karras et al. 2020, arXiv:2006.06676) transforms and recolours each picture with a probability
p that rises as the discriminator becomes too sure of real ones; here without ADA's anti-aliasing
filters. Fakes are changed like real pictures, and gradients pass through. N pictures are (N, 3, S,
S) in [-1, 1]; all draws come from torch's CPU generator.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from s2f_utils.networks.resampling import resample
from s2f_utils.runtime import distributed, start_copy, to_device

EVERY_STEPS = 4  # between adjustments of p


def augmented(x: Tensor, kind: str, p: float = 1.0) -> Tensor:
    """The pictures, each changed at random: "ada" with the probability p for each kind of
    change.
    """
    return x if kind == "none" or p == 0 else transform_colours(transform_places(x, p), p)


class AdaptiveP:
    """ADA's p: up where the discriminator is surer of real pictures than `target` says, else down,
    by 1 / images.
    """

    def __init__(self, images: float) -> None:
        self.p, self.images = 0.0, images
        self._signs: list[Tensor] = []
        self._seen = 0
        self._asked: tuple[Callable[[], Tensor], int] | None = None  # mean sign, of how many

    def look(self, logits_real: Tensor, target: float) -> None:
        """Record a batch's logits; every fourth call adjusts p by the heuristic r_t of eq. 1, on a
        GPU one batch later, so as not to wait.
        """
        device = logits_real.device
        if self._asked is not None:
            self._adjust(target)
        self._signs.append(logits_real.detach().sign().mean())
        self._seen += len(logits_real)
        if len(self._signs) == EVERY_STEPS:
            self._asked = (
                start_copy(torch.stack([to_device(sign, device) for sign in self._signs]).mean()),
                self._seen,
            )
            self._signs, self._seen = [], 0
            if device.type != "cuda":
                self._adjust(target)

    def _adjust(self, target: float) -> None:
        (sureness, seen), self._asked = self._asked, None
        step = math.copysign(seen / self.images, sureness().item() - target)
        self.p = min(1.0, max(0.0, self.p + step))

    def state_dict(self) -> dict[str, object]:
        """p, the logits recorded since its last adjustment, and a pending adjustment."""
        asked = {"asked": (float(self._asked[0]()), self._asked[1])} if self._asked else {}
        return {"p": self.p, "signs": [float(s) for s in self._signs], "seen": self._seen} | asked

    def load_state_dict(self, state: dict) -> None:
        """Restore a `state_dict`."""
        self.p, self._seen = state["p"], state["seen"]
        self._signs = [torch.tensor(s) for s in state["signs"]]
        sureness, seen = state.get("asked", (None, 0))
        self._asked = None if sureness is None else (start_copy(torch.tensor(sureness)), seen)


def _sometimes(p: float, values: Tensor, neutral: float) -> Tensor:
    """A picture's values, of (..., N), with the probability p, else the neutral one."""
    return torch.where(distributed.rand(values.shape[-1]) < p, values, torch.tensor(neutral))


def _matrix(num: int, *rows: list[Tensor | float]) -> Tensor:
    """A batch of matrices (num, 3, 3) from two rows of values or vectors (num,)."""
    values = [
        torch.as_tensor(v, dtype=torch.float32).expand(num)
        for row in (*rows, [0, 0, 1])
        for v in row
    ]
    return torch.stack(values, 1).view(num, 3, 3)


def transform_places(x: Tensor, p: float) -> Tensor:
    """ADA's flips, quarter turns, shifts, scaling, rotation and stretching,
    in one resampling; mirrored edges.
    """
    num, size = len(x), x.shape[-1]

    def stretch(wide: Tensor, high: Tensor) -> Tensor:
        return _matrix(num, [wide, 0, 0], [0, high, 0])

    def shift(offsets: Tensor) -> Tensor:  # (N, 2)
        right, down = _sometimes(p, offsets.T, 0.0)  # both or neither
        return _matrix(num, [1, 0, right], [0, 1, down])

    def turn(p: float, angles: Tensor) -> Tensor:
        angles = _sometimes(p, angles, 0.0)
        return _matrix(num, [angles.cos(), -angles.sin(), 0], [angles.sin(), angles.cos(), 0])

    # Each matrix maps an output pixel back to its input position, the last change first.
    # There are two rotations, at least one of which happens with the probability p.
    p_turn = 1 - math.sqrt(1 - p)
    mirror = _sometimes(p, distributed.randint(0, 2, num) * 2.0 - 1, 1.0)
    scale = _sometimes(p, torch.exp2(0.2 * distributed.randn(num)), 1.0)
    wide = _sometimes(p, torch.exp2(0.2 * distributed.randn(num)), 1.0)
    matrix = stretch(mirror, torch.ones(num))
    matrix = matrix @ turn(p, distributed.randint(0, 4, num) * math.pi / 2)
    matrix = matrix @ shift(((distributed.rand(num, 2) - 0.5) * size / 4).round() * 2 / size)
    matrix = matrix @ stretch(scale, scale)
    matrix = matrix @ turn(p_turn, (distributed.rand(num) * 2 - 1) * math.pi)
    matrix = matrix @ stretch(wide, 1 / wide)
    matrix = matrix @ turn(p_turn, (distributed.rand(num) * 2 - 1) * math.pi)
    matrix = matrix @ shift(0.25 * distributed.randn(num, 2))
    return resample(x, matrix[:, :2])


def transform_colours(x: Tensor, p: float) -> Tensor:
    """ADA's brightness, contrast, inversion of brightness, hue and saturation,
    as one matrix for each picture.
    """
    num, eye = len(x), torch.eye(3)
    grey = torch.full((3, 3), 1 / 3)  # the part of a colour along the grey axis
    around = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)

    def each(values: Tensor, neutral: float) -> Tensor:
        return _sometimes(p, values, neutral)[:, None, None]

    brightness = each(0.2 * distributed.randn(num), 0.0)
    contrast = each(torch.exp2(0.5 * distributed.randn(num)), 1.0)
    inverted = each(distributed.randint(0, 2, num).float(), 0.0)
    angle = each((distributed.rand(num) * 2 - 1) * math.pi, 0.0)
    saturation = each(torch.exp2(distributed.randn(num)), 1.0)
    # Rodrigues' rotation about the grey axis
    hue = grey + angle.cos() * (eye - grey) + angle.sin() * around
    matrix = (grey + saturation * (eye - grey)) @ hue @ (eye - 2 * inverted * grey) * contrast
    moved = matrix @ brightness.expand(num, 3, 1)
    return (
        torch.einsum("nij,njhw->nihw", to_device(matrix, x.device).to(x), x)
        + to_device(moved, x.device).to(x)[..., None]
    )
