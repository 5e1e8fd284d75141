"""A batch in parts, with the gradients added up: the same step in a part of the memory.

Every network is stepped once for the whole batch, in the order of the method's own step: for each of its optimiser
steps all parts are gone through, so that a generator meets the discriminator that has just learned, as with the whole
batch. What is the same, up to rounding, and what is not: `batch_statistics`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from s2f_utils import runtime
from s2f_utils.training.method import Live, Method, Part, TurnIsOver


def in_parts(step: Callable[..., dict[str, Tensor]], num_parts: int) -> Callable[..., dict[str, Tensor]]:
    """The step for batches that are gone through in `num_parts` parts (fewer where a batch is smaller).

    step: step(model, a, b, live) as in `Method.step`, with any number of `descend`s. The parts of one batch draw other
    random numbers, each the same ones in every turn. Losses are means over the parts, as the last turn sees them.
    """

    def run(model: Method, a: Tensor, b: Tensor, live: Live) -> dict[str, Tensor]:
        parts = list(zip(a.chunk(num_parts), b.chunk(num_parts), strict=True))
        if len(parts) == 1:
            return step(model, a, b, live)
        before, draws = model.state_dict(), {}
        turn, found = 0, None
        try:
            while found is None:
                found = _one_turn(step, model, parts, live, turn, before, draws)
                turn += 1
        finally:
            model.part = None
        return found

    return run


def _one_turn(
    step: Callable[..., dict[str, Tensor]],
    model: Method,
    parts: list[tuple[Tensor, Tensor]],
    live: Live,
    turn: int,
    before: dict[str, object],
    draws: dict[int, dict[str, Any]],
) -> dict[str, Tensor] | None:
    """All parts up to optimiser step number `turn`; the mean losses, or None where another turn follows.

    draws: the state of the random generators before each part, as the first turn met it.
    """
    total = sum(len(a) for a, _ in parts)
    sums: dict[str, Tensor] = {}
    ended = True
    for number, (a, b) in enumerate(parts):
        model.load_state_dict(before)
        if number in draws:
            runtime.set_rng_state(draws[number])
        else:
            draws[number] = runtime.rng_state()
        model.part = Part(turn, len(a) / total, is_first=number == 0, is_last=number == len(parts) - 1)
        try:
            losses = step(model, a, b, live)
        except TurnIsOver:
            ended = False
            continue
        for name, value in losses.items():
            value = torch.as_tensor(value) * model.part.share
            sums[name] = sums[name] + value if name in sums else value
    return sums if ended else None


def batch_statistics(model: Method) -> list[str]:
    """The networks that look at several pictures at once, by name: with parts they see fewer, and answer differently.

    Those with batch norm, and StyleGAN2's discriminator, which compares the pictures of a group.
    """
    from s2f_utils.models.stylegan2_disc import StyleGAN2Discriminator

    kinds = (nn.modules.batchnorm._BatchNorm, StyleGAN2Discriminator)
    return [name for name, net in model.nets.items() if any(isinstance(part, kinds) for part in net.modules())]
