"""The steps from a picture to an answer, each a module on arrays, as every engine runs them.

torch runs the modules; `s2f export` writes them as ONNX, which onnxruntime runs, in Python or in a
browser. So pixel operations are written once; decisions between the steps are plain Python. Input
and output pictures are uint8 (N, H, W, 3), as in files and canvases.

Shapes: N pictures, S pixels, a multiple of what the network requires; L styles of a face (one for
each layer of the generator), D values of a style, P pixels that an encoder reads.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from s2f_utils import runtime
from s2f_utils.infer.engine import Engine
from s2f_utils.infer.finding import VALUES, find_generator
from s2f_utils.infer.request import MODES
from s2f_utils.infer.styles import StyleModel
from s2f_utils.infer.translator import DetailModel, Translator
from s2f_utils.networks.noise import normal
from s2f_utils.networks.psp import PSP
from s2f_utils.networks.resunet import TwoStage, on_colours
from s2f_utils.networks.stylegan2 import StyleGAN2

U8, F32, I64 = "uint8", "float32", "int64"
NOISE = "stylegan_decoder.noises.noise"  # of GFPGAN's layers, followed by a number
GPU_FLAGS = threading.RLock()  # held while a GPU answers: cuDNN's flags belong to the whole process
FACES = 1 << 10  # the first noise stream for faces; the earlier ones are for the layers' noise


def channels_first(picture: Tensor) -> Tensor:
    """uint8 (N, H, W, C) → float32 (N, C, H, W), still from 0 to 255."""
    return picture.permute(0, 3, 1, 2).float()


def signed(picture: Tensor) -> Tensor:
    """uint8 (N, S, S, C) → (N, C, S, S) in [-1, 1]."""
    return channels_first(picture) / 127.5 - 1


def as_pictures(x: Tensor) -> Tensor:
    """Colours (N, C, H, W) from 0 to 255 → uint8 (N, H, W, C), rounded.

    Raises ValueError if one is not finite: such an output must not be saved as a picture.
    """
    if not torch.compiler.is_exporting() and not torch.isfinite(x).all():
        raise ValueError(
            "the network's output has NaN or infinite values: use an earlier checkpoint or float32"
        )
    return x.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def shown(x: Tensor) -> Tensor:
    """(N, 3, S, S) in [-1, 1] → uint8 (N, S, S, 3)."""
    return as_pictures(127.5 * (x.float() + 1))


class Stage(nn.Module):
    """A step of a network that has been prepared (`Precision.prepare`).

    inputs: by name, the data type and the shape after the batch, letters for free sizes. outputs:
    the names of the outputs.
    """

    inputs: dict[str, tuple[int | str, ...]] = {"picture": (U8, "H", "W", 3)}
    outputs: tuple[str, ...] = ("made",)

    def __init__(self, net: nn.Module, precision: runtime.Precision) -> None:
        super().__init__()
        self.net, self.precision = net, precision


class Translated(Stage):
    """In: picture uint8 (N, S, S, C). Out: made uint8 (N, S, S, 3). values: of `finding.VALUES`."""

    def __init__(
        self, net: nn.Module, precision: runtime.Precision, values: str = "signed"
    ) -> None:
        super().__init__(net, precision)
        self.values = values

    def forward(self, picture: Tensor) -> Tensor:
        x = signed(picture)
        if self.values == "unit":
            return shown(2 * self.net(self.precision.images((x + 1) / 2)).clamp(0, 1) - 1)
        return shown(self.net(self.precision.images(x)))


class AsPublished(nn.Module):
    """A copy of a network that answers like the published test script: images (N, C, H, W) one per
    pass, with batch norm's statistics of that image and with active dropout (Isola et al. 2017,
    section 6.1.1).

    Raises ValueError for a network that has neither.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        if not any(
            isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d | nn.Dropout)
            for module in net.modules()
        ):
            raise ValueError(
                f"mode paper is for pix2pix: a {net.name or 'network'} has one way to answer"
            )
        self.net = copy.deepcopy(net).eval()
        self.net.__dict__.pop(
            "forward", None
        )  # `Precision.prepare`'s, which would run the original
        for module in self.net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean = module.running_var = (
                    None  # without them, eval mode uses the batch's
                )
            elif isinstance(module, nn.Dropout):
                module.train()

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.net(one) for one in x.split(1)])


@torch.no_grad()
def generate(net: nn.Module, x: Tensor) -> Tensor:
    """Run a generator in eval mode on images (N, C, H, W) in [-1, 1] → (N, 3, H, W) in [-1, 1]; its
    mode is kept.
    """
    training = net.training
    net.eval()
    try:
        return net(x)
    finally:
        net.train(training)


class Structure(Stage):
    """In: picture uint8 (N, S, S, 3). Out: base (N, 3, S, S), about [-1, 1]."""

    outputs = ("base",)

    def forward(self, picture: Tensor) -> Tensor:
        return self.net(self.precision.images(signed(picture))).float()


class Detailed(Stage):
    """In: picture uint8 (N, S, S, 3); base (N, 3, S, S), the structure's answer; amount (N,), from
    0 to 1; seed int64 (N,). Out: made uint8 (N, S, S, 3).
    """

    inputs = {
        "picture": (U8, "H", "W", 3),
        "base": (F32, 3, "H", "W"),
        "amount": (F32,),
        "seed": (I64,),
    }

    def forward(self, picture: Tensor, base: Tensor, amount: Tensor, seed: Tensor) -> Tensor:
        added = self.net(
            self.precision.images(torch.cat([signed(picture), base], dim=1)), seed=seed
        )
        return shown(base + amount.view(-1, 1, 1, 1) * on_colours(base, added.float()))


class Encoded(Stage):
    """In: picture uint8 (N, P, P, C), C is 6 for a sketch and a map beside it. Out: styles (N, L,
    D).
    """

    outputs = ("styles",)

    def __init__(self, net: PSP, precision: runtime.Precision) -> None:
        super().__init__(net, precision)
        channels = 6 if net.reads == "sketch and map" else 3
        self.inputs = {"picture": (U8, net.encoder.input_px, net.encoder.input_px, channels)}

    def forward(self, picture: Tensor) -> Tensor:
        return self.net.encode(self.precision.images(signed(picture))).float()


class Chance(Stage):
    """In: seed int64 (N,); place int64 (N,), the number of the seed's face. Out: styles (N, D);
    mean (N, L, D), the
    mean face. mean: None for a generator without an encoder.
    """

    inputs = {"seed": (I64,), "place": (I64,)}
    outputs = ("styles", "mean")

    def __init__(self, net: StyleGAN2, precision: runtime.Precision, mean: Tensor | None) -> None:
        super().__init__(net, precision)
        mean = net.mean_latent().expand(net.num_layers, -1) if mean is None else mean
        self.register_buffer("mean_style", mean.detach().clone(), persistent=False)

    def forward(self, seed: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        styles = self.net.map(normal(seed, self.net.style_dim, FACES + place)).float()
        return styles, self.mean_style.expand(seed.shape[0], -1, -1)


class Decoded(Stage):
    """In: styles (N, L, D); noise int64 (N,), a seed for freckles and strands, below 0 for what is
    stored. Out: made uint8 (N, S, S, 3).
    """

    def __init__(self, net: StyleGAN2, precision: runtime.Precision) -> None:
        super().__init__(net, precision)
        self.inputs = {"styles": (F32, net.num_layers, net.style_dim), "noise": (I64,)}

    def forward(self, styles: Tensor, noise: Tensor) -> Tensor:
        with self.precision.autocast():
            return shown(self.net.synthesis(styles, self.net.noise_of(noise)))


class Restored(Stage):
    """In: picture uint8 (1, S, S, 3); seed int64 (1,), of the noise of fine detail. Out: made (1,
    S, S, 3), about [-1, 1].
    """

    batch = 1  # the published code uses a separate convolution for each picture

    def __init__(self, net: nn.Module, precision: runtime.Precision) -> None:
        super().__init__(net, precision)
        size_px = getattr(net, "size_px", 0) or net.card.size_px
        self.inputs = {"picture": (U8, size_px, size_px, 3), "seed": (I64,)}
        stored = (
            (name.removeprefix(NOISE), noise)
            for name, noise in net.named_buffers()
            if name.startswith(NOISE)
        )
        self.noises = {int(number): tuple(noise.shape) for number, noise in stored}
        self._lock = (
            threading.Lock()
        )  # `functional_call` puts what is drawn into the network until it ends

    def forward(self, picture: Tensor, seed: Tensor) -> Tensor:
        drawn = {
            f"{NOISE}{layer}": normal(seed, shape[-1] * shape[-2], layer).view(shape)
            for layer, shape in self.noises.items()
        }
        with contextlib.nullcontext() if torch.compiler.is_exporting() else self._lock:
            made = torch.func.functional_call(self.net, drawn, (signed(picture),))
        return made.permute(0, 2, 3, 1).float()


class ThroughSpandrel(nn.Module):
    """RestoreFormer as spandrel loads it, over [-1, 1] instead of [0, 1]: (N, 3, S, S) → the same."""

    size_px = 512

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.net = descriptor.model
        self.__dict__["descriptor"] = descriptor

    def forward(self, x: Tensor) -> Tensor:
        return 2 * self.descriptor(0.5 + 0.5 * x) - 1


Stages = dict[
    str, nn.Module | Callable[[], nn.Module]
]  # by name; functions create one at its first use


class TorchEngine(Engine):
    """Stages run by PyTorch on one device; their networks have been prepared (`Precision.prepare`)."""

    name = "torch"

    def __init__(self, stages: Stages, precision: runtime.Precision | None = None) -> None:
        self.precision = precision or runtime.pick_precision(
            torch.device("cpu"), "float32", "contiguous"
        )
        self.device, self.stages = str(self.precision.device), dict(stages)
        self._flags = contextlib.nullcontext() if self.precision.device.type == "cpu" else GPU_FLAGS
        for stage in stages.values():
            if isinstance(stage, nn.Module):
                stage.to(self.precision.device)

    def has(self, stage: str) -> bool:
        return stage in self.stages

    def run(self, stage: str, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        tensors = [
            torch.from_numpy(np.require(one, requirements="CW")).to(self.precision.device)
            for one in inputs
        ]
        with (
            self._flags,
            torch.no_grad(),
            torch.backends.cudnn.flags(True, deterministic=True, allow_tf32=False),
        ):
            outputs = self.stage(stage)(*tensors)
        return tuple(
            one.cpu().numpy() for one in (outputs if isinstance(outputs, tuple) else (outputs,))
        )

    def takes(self, stage: str) -> list[tuple[int | str, ...]]:
        return [tuple(shape) for _, *shape in self.stage(stage).inputs.values()]

    def stage(self, stage: str) -> nn.Module:
        """One of the stages."""
        if not isinstance(self.stages[stage], nn.Module):
            self.stages[stage] = self.stages[stage]().to(self.precision.device)
        return self.stages[stage]

    @property
    def num_bytes(self) -> int:
        loaded = nn.ModuleList(
            stage for stage in self.stages.values() if isinstance(stage, nn.Module)
        )
        return sum(t.numel() * t.element_size() for t in (*loaded.parameters(), *loaded.buffers()))


def of_one(
    net: nn.Module, precision: runtime.Precision, _model: str | Path, values: str = VALUES[0]
) -> Stages:
    """The stages of a network that translates in one pass, also as published if requested."""

    def as_published() -> Translated:
        published = AsPublished(net)
        precision.prepare(published.net)
        return Translated(published, precision, values)

    return {
        "translate": Translated(precision.prepare(net), precision, values),
        MODES[1]: as_published,
    }


def of_two(net: TwoStage, precision: runtime.Precision, _model: str | Path) -> Stages:
    """The stages of a two-stage network."""
    structure, detail = (precision.prepare(part) for part in (net.structure, net.detail))
    return {"structure": Structure(structure, precision), "detail": Detailed(detail, precision)}


def of_styles(net: PSP | StyleGAN2, precision: runtime.Precision, _model: str | Path) -> Stages:
    """The stages of a generator, and of its encoder if it has one."""
    precision.prepare(net)
    if isinstance(net, StyleGAN2):
        return {
            "chance": functools.partial(Chance, net, precision, None),
            "decode": Decoded(net, precision),
        }
    decoder = {
        "chance": Chance(net.decoder, precision, net.latent_avg),
        "decode": Decoded(net.decoder, precision),
    }
    return {"encode": Encoded(net, precision)} | decoder


@dataclass(frozen=True)
class Kind:
    """How networks of a kind answer.

    fits: whether a network is of this kind. model: the class that uses it. stages: from the
    network, its precision and the model's name to the stages of an answer. aligned: whether it
    expects aligned faces. precision: the only one that it supports; "" for any. beside: further
    files, for a model's name.
    """

    fits: Callable[[nn.Module], bool]
    model: type[Translator]
    stages: Callable[..., Stages]
    aligned: bool = False
    precision: str = ""
    beside: Callable[[str | Path], Sequence[Path]] = lambda model: ()


PLAIN = Kind(lambda net: True, Translator, of_one)
KINDS = [  # the first that fits, else `PLAIN`
    Kind(lambda net: "styles" in net.card.knows, StyleModel, of_styles),
    Kind(lambda net: "detail" in net.card.knows, DetailModel, of_two, aligned=True),
]


def kind_of(net: nn.Module) -> Kind:
    """How a network answers."""
    return next((kind for kind in KINDS if kind.fits(net)), PLAIN)


def stages_of(model: str | Path, precision: runtime.Precision) -> Stages:
    """The stages of a model that is part of another one."""
    from s2f_utils.networks import checkpoints

    net, _ = checkpoints.load_network(find_generator(model))
    return kind_of(net).stages(net.requires_grad_(False), precision, model)
