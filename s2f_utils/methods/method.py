"""What every training method has: networks, optimisers, a step, and samples.

A method is a file in this folder with four parts: `Config`, its settings; `build`, its networks and
optimisers; `step`, the paper's algorithm for one batch; `samples`, the rows of a sheet.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from s2f_utils.data.stores import Data
from s2f_utils.infer import directions_of
from s2f_utils.methods.initial import answering, load_into
from s2f_utils.methods.settings import (
    TrainConfig,
)
from s2f_utils.networks import checkpoints
from s2f_utils.networks.network import generate
from s2f_utils.runtime import Precision, distributed, to_device, training_format


class Batch(NamedTuple):
    """Input a and target b of a step, (N, C, H, W) each, in [-1, 1]."""

    a: Tensor
    b: Tensor


class Term(NamedTuple):
    """One loss of a step, a scalar, and its weight in the sum that is minimised."""

    value: Tensor
    weight: float = 1.0


class Context:
    """What a step knows of its training, and how it changes weights.

    live: the values that may change during training, by name. images_seen, steps: before this one.
    `descend` is the only way to train: the losses that a step returns must have gone through it.
    """

    def __init__(
        self,
        live: Mapping[str, float],
        precision: Precision,
        *,
        scaler: torch.amp.GradScaler | None = None,
        images_seen: int = 0,
        steps: int = 0,
    ) -> None:
        self.live = live
        self.precision = precision
        self.scaler = scaler or precision.scaler()
        self.images_seen = images_seen
        self.steps = steps
        self.observed: dict[str, Tensor] = {}  # values that are logged, but are no loss
        self.trained: set[str] = set()  # the losses that `descend` has minimised

    def autocast(self) -> torch.autocast:
        """Within the block, networks run in the training's number format. Leave it before
        `descend`: weights are converted once a block.
        """
        return self.precision.autocast()

    def descend(
        self, terms: Mapping[str, Term], opt: torch.optim.Optimizer, max_norm: float = 0.0
    ) -> None:
        """One optimiser step on the weighted sum of these losses: clear the gradients, go
        backward, average them over the ranks, step. Only the weights of `opt` get a gradient,
        clipped to the total norm `max_norm`; 0: never. Scaled in float16. TypeError for a loss
        that is no `Term`.
        """
        bare = [name for name, term in terms.items() if not isinstance(term, Term)]
        if bare:
            raise TypeError(f"{', '.join(bare)}: must be Term(loss, weight), got the bare loss")
        self.trained |= set(terms)
        loss = sum(term.weight * term.value for term in terms.values())
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

    def observe(self, name: str, value: Tensor | float) -> None:
        """Log a value that is no loss, such as a probability."""
        self.observed[name] = to_device(torch.as_tensor(value), self.precision.device)

    def values(self, terms: Mapping[str, Term]) -> dict[str, Tensor]:
        """The losses that a step returned and what it observed, detached, for the log. Raises
        ValueError if a loss was not minimised.
        """
        idle = [name for name in terms if name not in self.trained]
        if idle:
            raise ValueError(
                f"the step returns {', '.join(idle)}, on which nothing descends: give it to"
                " ctx.descend, or log it with ctx.observe"
            )
        losses = {name: term.value.detach() for name, term in terms.items()}
        return losses | self.observed


Step = Callable[[Any, Batch, Context], Mapping[str, Term]]


def first_losses(step: Step, model: Method, batch: Batch, num: int = 3) -> list[dict[str, float]]:
    """The losses of the first `num` steps on one batch, to compare two steps from equal models."""
    rows = []
    for n in range(num):
        where = {"images_seen": n * len(batch.b), "steps": n}
        ctx = Context(model.live_values(), model.precision, **where)
        losses = ctx.values(step(model, batch, ctx))
        rows.append({name: value.item() for name, value in losses.items()})
    return rows


@contextmanager
def frozen(net: nn.Module) -> Iterator[None]:
    """Within the block, gradients flow through the network but not into its weights."""
    weights = [p for p in net.parameters() if p.requires_grad]
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)


class Method(ABC):
    """The base of all methods. `net_g` translates a to b."""

    Config: ClassVar[type[TrainConfig]]  # its settings, whose defaults are the paper's
    # A profile's differences from them, and further ones without a GPU: "demo", "demo on a CPU", …
    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    # What a run may start from.
    needs_init = ""  # the method whose trained model is required
    init_networks: ClassVar[tuple[str, ...]] = ()  # the networks allowed, by name
    init_args: ClassVar[tuple[str, ...]] = ()  # settings that are such a network's arguments
    load_scale = 1.0  # load_size_px, as a multiple of size_px

    # Its training data: "pairs" (of a photo and what `direction` begins with, which may be the
    # photo itself), "unpaired" (both domains, of different faces), "photos" (without a ground truth
    # to be scored by), or "custom", which `read_data` reads.
    data = "pairs"
    read_data: ClassVar[Callable[..., Data] | None] = None
    batch_of_16gb = 0  # the batch of `full` for a GPU of 16 GB, where the paper's needs more
    norm = "none"  # of its networks, unless a setting `norm` names it: batch, instance, group, none
    from_cpu = False  # a step's input a stays on the CPU, which processes it before the GPU

    net_g: nn.Module

    def __init__(self, config: TrainConfig, precision: Precision) -> None:
        self.config = config
        self.precision = precision
        self.nets: dict[str, nn.Module] = {}  # by name, for checkpoints
        # By the live value with their learning rate.
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self.build(config)

    @abstractmethod
    def build(self, config: TrainConfig) -> None:
        """Make the networks and their optimisers, by `add`."""

    @abstractmethod
    def step(self, batch: Batch, ctx: Context) -> dict[str, Term]:
        """One training step on a batch; returns its losses, which are logged by name."""

    def samples(self, a: Tensor, b: Tensor, nets: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """The rows of a sheet of samples, (N, 3, S, S) each: "a", the answer "fake_b", the ground
        truth "b", … a, b: pictures of both domains, (N, 3, S, S) in [-1, 1]. nets: as `generators`,
        or their averages.
        """
        return {"a": a, "fake_b": generate(nets[self.config.direction], a), "b": b}

    def add(
        self,
        name: str,
        net: nn.Module,
        lr_name: str,
        *kind: Any,
        part: nn.Module | None = None,
        **options: Any,
    ) -> tuple[nn.Module, torch.optim.Optimizer]:
        """Place a network on the device and give it an optimiser;
        both are stored under their names.

        part: the part of the network that is trained; None: all of it. kind, options: as of
        `optimize`.
        """
        self.nets[name] = self.precision.place(distributed.sync_batch_norm(net))
        return self.nets[name], self.optimize(part or net, lr_name, *kind, **options)

    def optimize(
        self,
        net: nn.Module,
        lr_name: str,
        kind: type[torch.optim.Optimizer] = torch.optim.Adam,
        **options: Any,
    ) -> torch.optim.Optimizer:
        """An Adam or AdamW (kind) of a network, or of several as a ModuleList, kept under its
        learning rate's name. Raises ValueError for a setting that is no `LearningRate`.
        """
        if lr_name not in self.config.live_ranges():
            raise ValueError(
                f"{lr_name} must be a setting of type LearningRate (methods/settings.py)"
            )
        fused = next(net.parameters()).device.type in ("cpu", "cuda")
        self.optimizers[lr_name] = kind(
            net.parameters(), lr=getattr(self.config, lr_name), fused=fused, **options
        )
        return self.optimizers[lr_name]

    @classmethod
    def memory_format(cls, config: TrainConfig, device: torch.device) -> str:
        """The memory format of a training with these settings, by its networks' norm."""
        return training_format(device, getattr(config, "norm", cls.norm))

    @property
    def generators(self) -> dict[str, nn.Module]:
        """The generators by their direction."""
        return {self.config.direction: self.net_g}

    @property
    def output_px(self) -> int:
        """Height and width of the generators' answers."""
        return self.config.size_px

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Channels, height and width of an input a and of a target b."""
        size = self.config.size_px
        return (3, size, size), (3, size, size)

    @property
    def metadata(self) -> dict[str, Any]:
        """Further metadata of a saved generator, besides its size and direction."""
        return {}

    @property
    def other_networks(self) -> dict[str, nn.Module]:
        """Other networks that are saved beside the generators, by their files' names."""
        return {}

    @classmethod
    def settings_from(cls, net: nn.Module, meta: Mapping[str, Any]) -> dict[str, Any]:
        """The settings that a run needs to start from this network, one of `init_networks`, with
        its file's metadata.
        """
        settings = {name: net.args[name] for name in cls.init_args}
        if "direction" in meta:
            settings["direction"] = meta["direction"]
        if "size_px" in meta:
            size = int(meta["size_px"])
            settings |= {"size_px": size, "load_size_px": round(cls.load_scale * size)}
        return settings

    def load_init(self, init: str | Path | None) -> None:
        """Load a new run's initial weights into the generators;
        CheckpointError if they do not fit.
        """
        if init is None:
            return
        if len(self.generators) > 1 and set(self.generators) != set(directions_of(init)):
            ways = " and ".join(self.generators)
            raise checkpoints.CheckpointError(
                f"{init}: has no generator for {ways}: start from a cyclegan run"
            )
        for direction, net in self.generators.items():
            load_into(net, answering(init, direction), init)

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
