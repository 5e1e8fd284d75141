"""What every training method has: networks, optimisers, live values, and one way to step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from s2f_utils.data.stores import Data
from s2f_utils.infer import directions_of
from s2f_utils.infer.stages import generate
from s2f_utils.methods.config import TrainConfig
from s2f_utils.methods.initial import answering, load_into
from s2f_utils.networks import checkpoints
from s2f_utils.runtime import Precision, distributed

Live = Mapping[str, float]  # in training `live.LiveValues`
Step = Callable[[Any, Tensor, Tensor, Live], dict[str, Tensor]]


@contextmanager
def frozen(net: nn.Module) -> Iterator[None]:
    """Within the block, gradients flow through the network but not into its weights."""
    net.requires_grad_(False)
    try:
        yield
    finally:
        net.requires_grad_(True)


def weighted(losses: Mapping[str, Tensor], live: Live) -> Tensor:
    """The sum of losses "loss_NAME", each times its live weight "lambda_NAME", in their order."""
    return sum(
        live[f"lambda_{name.removeprefix('loss_')}"] * value for name, value in losses.items()
    )


def slope_at(value: Tensor, at: Tensor) -> Tensor:
    """The gradient of a scalar with respect to `at`, float32, of its shape; it can be
    differentiated again.
    """
    return torch.autograd.grad(value, at, create_graph=True)[0].float()


class Method(ABC):
    """The base of all methods, each a file in `methods/` with a line in the table there. `net_g`
    translates a to b.
    """

    Config: ClassVar[type[TrainConfig]]  # its settings, whose defaults are the paper's
    # A profile's differences from them, and further ones without a GPU: "demo", "demo on a CPU", …
    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    # What a run may start from.
    needs_init = ""  # the method whose trained model is required
    begins_with: ClassVar[tuple[str, ...]] = ()  # the networks allowed, by name
    same_args: ClassVar[
        tuple[str, ...]
    ] = ()  # settings that are arguments of such a network, by the same name
    loaded_larger = 1.0  # than size_px, for the crop

    # Its training data: "pairs", "piles" (both domains, but of different faces), "photos", or
    # "own".
    data = "pairs"
    own_data: ClassVar[Callable[..., Data] | None] = None  # reads the data if `data` is "own"
    from_cpu = (
        False  # pictures and a step's input a stay on the CPU, which processes them before the GPU
    )
    given_channels = 3  # of the input pictures
    target_channels = 3  # of the target pictures
    target_scale = 1  # how much larger the targets are

    # The faster memory format: benchmarks/train_speed.py. "contiguous" where a norm has no other
    # kernel.
    cpu_format = gpu_format = "channels_last"
    net_g: nn.Module
    notes: Mapping[
        str, Any
    ] = {}  # further metadata of a saved generator, besides its size and direction
    kept: Mapping[
        str, nn.Module
    ] = {}  # other networks that a later run may start from, by their files' names

    def __init__(self, config: TrainConfig, precision: Precision) -> None:
        self.config = config
        self.precision = precision
        self.scaler = precision.scaler()
        self.nets: dict[str, nn.Module] = {}  # by name, for checkpoints
        self.optimizers: dict[
            str, torch.optim.Optimizer
        ] = {}  # by the live value with their learning rate

    def add(
        self,
        name: str,
        net: nn.Module,
        lr_name: str,
        *kind: Any,
        part: nn.Module | None = None,
        **options: Any,
    ) -> tuple[nn.Module, torch.optim.Optimizer]:
        """Prepare a network for the device and give it an optimiser; both are stored under their
        names.

        part: the part of the network that is trained; None: all of it. kind, options: as of
        `optimize`.
        """
        self.nets[name] = self.precision.prepare(distributed.sync_batch_norm(net))
        return self.nets[name], self.optimize(part or net, lr_name, *kind, **options)

    def optimize(
        self,
        net: nn.Module,
        lr_name: str,
        kind: type[torch.optim.Optimizer] = torch.optim.Adam,
        **options: Any,
    ) -> torch.optim.Optimizer:
        """An Adam or AdamW (kind) of a network, or of several as a ModuleList, kept under its
        learning rate's name.
        """
        fused = next(net.parameters()).device.type in ("cpu", "cuda")
        self.optimizers[lr_name] = kind(
            net.parameters(), lr=getattr(self.config, lr_name), fused=fused, **options
        )
        return self.optimizers[lr_name]

    @classmethod
    def memory_format(cls, config: TrainConfig, device: torch.device) -> str:
        """The faster memory format for these settings on such a device."""
        return cls.gpu_format if device.type == "cuda" else cls.cpu_format

    @property
    def generators(self) -> dict[str, nn.Module]:
        """The generators by their direction."""
        return {self.config.direction: self.net_g}

    @classmethod
    def settings_from(cls, net: nn.Module, meta: Mapping[str, Any]) -> dict[str, Any]:
        """The settings that a run needs to start from this network, one of `begins_with`, with its
        file's metadata.
        """
        settings = {name: net.args[name] for name in cls.same_args}
        if "direction" in meta:
            settings["direction"] = meta["direction"]
        if "size_px" in meta:
            size = int(meta["size_px"])
            settings |= {"size_px": size, "load_size_px": round(cls.loaded_larger * size)}
        return settings

    def begin_with(self, init: str | Path | None) -> None:
        """Load a new run's initial weights into the generators; CheckpointError if they do not fit."""
        if init is None:
            return
        if len(self.generators) > 1 and set(self.generators) != set(directions_of(init)):
            ways = " and ".join(self.generators)
            raise checkpoints.CheckpointError(
                f"{init}: has no generator for {ways}: start from a cyclegan run"
            )
        for direction, net in self.generators.items():
            load_into(net, answering(init, direction), init)

    def samples(self, a: Tensor, b: Tensor, nets: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """The rows of a sheet of samples, (N, 3, S, S) each: "a", the answer "fake_b", the ground
        truth "b", … a, b: pictures of both domains, (N, 3, S, S) in [-1, 1]. nets: as `generators`,
        or their averages.
        """
        return {"a": a, "fake_b": generate(nets[self.config.direction], a), "b": b}

    def state_dict(self) -> dict[str, object]:
        """The state to resume besides networks and optimisers: tensors and plain values."""
        return {}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Restore a `state_dict`."""
        if state:
            raise ValueError(f"{type(self).__name__} has no further state, got {', '.join(state)}")

    def live_values(self) -> dict[str, float]:
        """The values that may change during training, as configured at its start."""
        return {name: float(getattr(self.config, name)) for name in self.config.live_ranges()}

    def descend(self, loss: Tensor, opt: torch.optim.Optimizer, max_norm: float = 0.0) -> None:
        """One optimiser step on `loss`: clear the gradients, go backward, average them over the
        ranks, step. Only the weights of `opt` get a gradient, clipped to the total norm `max_norm`;
        0: never. Scaled in float16.
        """
        opt.zero_grad(set_to_none=True)
        weights = [p for group in opt.param_groups for p in group["params"]]
        self.scaler.scale(loss).backward(inputs=[p for p in weights if p.requires_grad])
        distributed.average_gradients(weights)
        if max_norm:
            self.scaler.unscale_(opt)
            nn.utils.clip_grad_norm_(weights, max_norm)
        self.scaler.step(opt)
        if self.scaler.is_enabled():
            self.scaler.update()

    def slope(self, value: Tensor, at: Tensor) -> Tensor:
        """As `slope_at`; in float16 of the scalar times the root of the scaler's scale, because
        small gradients would round to 0. If it overflows, the scaler skips the step and lowers its
        scale.
        """
        if not self.scaler.is_enabled():
            return slope_at(value, at)
        scale = self.scaler.scale(torch.ones((), device=value.device)).sqrt()
        return slope_at(value * scale, at) / scale

    def logged(self, penalty: Tensor) -> Tensor:
        """A loss on gradients, as it is logged: 0 where it overflowed in float16, which does not
        end training.
        """
        return (
            penalty.detach().nan_to_num(0.0, 0.0, 0.0)
            if self.scaler.is_enabled()
            else penalty.detach()
        )

    @abstractmethod
    def step(self, a: Tensor, b: Tensor, live: Live) -> dict[str, Tensor]:
        """One training step on a batch of pairs, (B, 3, H, W) each, in [-1, 1]; returns the losses,
        detached.
        """
