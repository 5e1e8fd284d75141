"""What every training method has: networks, optimisers, live values, and one way to step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from s2f_utils.inference import generate
from s2f_utils.runtime import Precision
from s2f_utils.training.config import TrainConfig
from s2f_utils.training.init import load_init
from s2f_utils.training.live import LiveValues, Range

Live = LiveValues | Mapping[str, float]


@dataclass
class Part:
    """The part of a batch that a method's step is given, and which of its optimiser steps is made for it."""

    turn: int  # of the optimiser steps, counted from 0
    share: float  # of the batch
    is_first: bool
    is_last: bool
    calls: int = 0  # of `descend` so far


class TurnIsOver(Exception):
    """The optimiser step of this turn is made: the rest of the method's step belongs to the next turn."""


@contextmanager
def frozen(net: nn.Module) -> Iterator[None]:
    """Within the block, gradients flow through the network but not into its weights."""
    net.requires_grad_(False)
    try:
        yield
    finally:
        net.requires_grad_(True)


class Method(ABC):
    """The base of all methods. `net_g` turns domain a into b; `step` is the paper's step on a batch of pairs."""

    live_ranges: ClassVar[dict[str, Range]] = {}
    given_channels = 3  # of the pictures that go in
    cycle = 1  # steps after which their costs repeat
    needs_init = ""  # the method whose trained model this one has to begin with
    data = "pairs"  # what it learns from: "pairs", "piles" (both sides, but of different faces), or "photos"
    cpu_format = "channels_last"  # the memory format that measures faster on a CPU (benchmarks/train_speed.py)
    accumulates = True  # a batch may be gone through in parts (training/accumulate.py)
    net_g: nn.Module

    def __init__(self, config: TrainConfig, precision: Precision) -> None:
        self.config = config
        self.precision = precision
        self.scaler = precision.scaler()
        self.nets: dict[str, nn.Module] = {}  # by name, for checkpoints
        self.optimizers: dict[str, torch.optim.Optimizer] = {}  # by the live value that holds their learning rate
        self.part: Part | None = None  # of a batch that is gone through in parts

    def add(
        self,
        name: str,
        net: nn.Module,
        lr_name: str,
        kind: type[torch.optim.Optimizer] = torch.optim.Adam,
        *,
        part: nn.Module | None = None,
        **options: object,
    ) -> tuple[nn.Module, torch.optim.Optimizer]:
        """Prepare a network for the device and give it an optimiser; both are kept under their names.

        part: the part of the network that is trained; None: all of it.
        """
        self.nets[name] = self.precision.prepare(net)
        return self.nets[name], self.optimize(part or net, lr_name, kind, **options)

    def optimize(
        self,
        net: nn.Module,
        lr_name: str,
        kind: type[torch.optim.Optimizer] = torch.optim.Adam,
        **options: object,
    ) -> torch.optim.Optimizer:
        """An optimiser of a network, or of several as a ModuleList, kept under its learning rate's name."""
        fused = next(net.parameters()).device.type in ("cpu", "cuda")
        self.optimizers[lr_name] = kind(net.parameters(), lr=getattr(self.config, lr_name), fused=fused, **options)
        return self.optimizers[lr_name]

    @property
    def generators(self) -> dict[str, nn.Module]:
        """The generators by the direction in which they go."""
        return {self.config.direction: self.net_g}

    @property
    def notes(self) -> dict[str, Any]:
        """What a saved generator says about itself beside its size and direction."""
        return {}

    @property
    def kept(self) -> dict[str, nn.Module]:
        """Other networks that a later run may begin with, by the name of the file beside the generator's."""
        return {}

    def begin_with(self, init: str | Path | None) -> None:
        """Load what a new run begins with into the generators; CheckpointError where it does not fit."""
        load_init(self.generators, init, self.config)

    def samples(self, a: Tensor, b: Tensor, nets: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """The rows of a sheet of samples, (N, 3, S, S) each: "a", what comes out as "fake_b", the truth "b", …

        a, b: pictures of both domains, (N, 3, S, S) in [-1, 1]. nets: as `generators`, or their averages.
        """
        return {"a": a, "fake_b": generate(nets[self.config.direction], a), "b": b}

    def state_dict(self) -> dict[str, object]:
        """What a resumed training needs besides networks and optimisers: tensors and plain values."""
        return {}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Take up what `state_dict` gave."""
        if state:
            raise ValueError(f"{type(self).__name__} keeps no state of its own, got {', '.join(state)}")

    def live_values(self) -> dict[str, float]:
        """The values that may change while training runs, as the configuration starts them."""
        return {name: float(getattr(self.config, name)) for name in self.live_ranges}

    def descend(self, loss: Tensor, opt: torch.optim.Optimizer, max_norm: float = 0.0) -> None:
        """One optimiser step down `loss`: clear the gradients, go backward, step (scaled in float16).

        max_norm: the gradient of all weights together is scaled down to this length where it is longer; 0: never.
        """
        part = self.part
        if part is not None:  # of a batch that is gone through in parts
            part.calls += 1
            if part.calls <= part.turn:
                return  # this one was made in an earlier turn
            if part.calls > part.turn + 1:
                raise TurnIsOver
            loss = loss * part.share
        if part is None or part.is_first:
            opt.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        if part is not None and not part.is_last:
            return
        if max_norm:
            self.scaler.unscale_(opt)
            nn.utils.clip_grad_norm_([p for group in opt.param_groups for p in group["params"]], max_norm)
        self.scaler.step(opt)
        if self.scaler.is_enabled():
            self.scaler.update()  # at once: an optimiser may step twice for one step of the other

    @abstractmethod
    def step(self, a: Tensor, b: Tensor, live: Live) -> dict[str, Tensor]:
        """One training step on a batch of pairs, (B, 3, H, W) each, in [-1, 1]; returns the losses, detached."""
