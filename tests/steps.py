"""One step of a method outside of the training loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from s2f_utils.methods.method import Batch, Context, Method


def take_step(
    model: Method, a: Tensor, b: Tensor, live: Mapping[str, float] | None = None, **where: Any
) -> dict[str, Tensor]:
    """The detached losses of a step; where: `images_seen`, `steps`, `scaler` of its context."""
    ctx = Context(live or model.live_values(), model.precision, **where)
    return ctx.values(model.step(Batch(a, b), ctx))
