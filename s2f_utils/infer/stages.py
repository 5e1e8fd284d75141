"""The steps from a picture to an answer, each a module on arrays, as every engine runs them, and
the engine that runs them by PyTorch.

`TorchEngine` runs the modules; `s2f export` writes them as ONNX, which onnxruntime runs, in Python
or in a browser. So pixel operations are written once; decisions between the steps are plain
Python. Input and output pictures are uint8 (N, H, W, 3), as in files and canvases.

Shapes: N pictures, S pixels, a multiple of what the network requires; L styles of a face (one for
each layer of the generator), D values of a style, P pixels that an encoder reads.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import threading
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_utils import weights
from s2f_utils.infer import plane
from s2f_utils.infer.request import MODES
from s2f_utils.networks import checkpoints
from s2f_utils.networks.landmark_net import SIDE_PX, LandmarkNet
from s2f_utils.networks.mobile_stylegan import MobileStyleGAN, PreviewHead
from s2f_utils.networks.noise import normal
from s2f_utils.networks.psp import PSP
from s2f_utils.networks.stylegan2_gen import StyleGAN2
from s2f_utils.pictures.mesh import FACE_PX
from s2f_utils.runtime import Precision, pick_precision

U8, F32, I64 = "uint8", "float32", "int64"
NOISE = "stylegan_decoder.noises.noise"  # of GFPGAN's layers, then a number, or _ and a number
FACES = 1 << 10  # the first noise stream for faces; the earlier ones are for the layers' noise

# By name; a function builds its stage at the first use.
Stages = Mapping[str, nn.Module | Callable[[], nn.Module]]
# Held while a GPU answers: cuDNN's flags belong to the whole process.
GPU_FLAGS = threading.RLock()


class TorchEngine:
    """Stages run by PyTorch on one device; their networks are in place (`Precision.place`).
    `OnnxEngine` has the same methods.

    A stage that is built at its first use is built once, also by threads that ask at the same time.
    """

    name = "torch"

    def __init__(self, stages: Stages, precision: Precision | None = None) -> None:
        cpu = torch.device("cpu")
        self.precision = precision or pick_precision(cpu, "float32", "contiguous")
        self.device = str(self.precision.device)
        self.stages = dict(stages)
        self._building = threading.Lock()
        for stage in stages.values():
            if isinstance(stage, nn.Module):
                stage.to(self.precision.device)

    def has(self, stage: str) -> bool:
        """Whether there is such a stage."""
        return stage in self.stages

    def run(self, stage: str, *given: np.ndarray, **named: np.ndarray) -> tuple[np.ndarray, ...]:
        """The stage's outputs, in its order, for its inputs, in its order or by name.
        Thread-safe.
        """
        module = self.stage(stage)
        tensors = [self._placed(one) for one in given]
        named_tensors = {name: self._placed(one) for name, one in named.items()}
        with torch.no_grad(), self._repeatable():
            outputs = module(*tensors, **named_tensors)
        if not isinstance(outputs, tuple):
            outputs = (outputs,)
        return tuple(one.cpu().numpy() for one in outputs)

    def _placed(self, array: np.ndarray) -> torch.Tensor:
        whole = np.require(array, requirements="CW")
        return torch.from_numpy(whole).to(self.precision.device)

    @contextlib.contextmanager
    def _repeatable(self) -> Iterator[None]:
        """On a GPU: cuDNN by deterministic algorithms in full float32, one thread at a time.

        A CPU needs neither.
        """
        if self.precision.device.type == "cpu":
            yield
            return
        with (
            GPU_FLAGS,
            torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False),
        ):
            yield

    def takes(self, stage: str) -> list[tuple[int | str, ...]]:
        """The shape of each of a stage's inputs, without the batch; letters for free sizes."""
        return [tuple(shape) for _, *shape in self.stage(stage).inputs.values()]

    def stage(self, stage: str) -> nn.Module:
        """One of the stages."""
        with self._building:
            built = self.stages[stage]
            if not isinstance(built, nn.Module):
                built = built().to(self.precision.device)
                self.stages[stage] = built
        return built

    @property
    def num_bytes(self) -> int:
        """How much memory the weights take."""
        built = [stage for stage in self.stages.values() if isinstance(stage, nn.Module)]
        modules = nn.ModuleList(built)
        tensors = (*modules.parameters(), *modules.buffers())
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


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


def to_uint8(x: Tensor) -> Tensor:
    """(N, 3, S, S) in [-1, 1] → uint8 (N, S, S, 3)."""
    return as_pictures(127.5 * (x.float() + 1))


class Stage(nn.Module):
    """A step of a network that is in place (`Precision.place`).

    inputs: by name, the data type and the shape after the batch, letters for free sizes. outputs:
    the names of the outputs.
    """

    inputs: dict[str, tuple[int | str, ...]] = {"picture": (U8, "H", "W", 3)}
    outputs: tuple[str, ...] = ("made",)

    def __init__(self, net: nn.Module, precision: Precision) -> None:
        super().__init__()
        self.net, self.precision = net, precision


class Translated(Stage):
    """In: picture uint8 (N, S, S, C). Out: made uint8 (N, S, S, 3)."""

    def forward(self, picture: Tensor) -> Tensor:
        with self.precision.autocast():
            made = self.net(self.precision.images(signed(picture)))
        return to_uint8(made)


class Published(Translated):
    """In: picture uint8 (N, S, S, C); seed int64 (N,), of each picture's dropout, or None. Out: as
    of `Translated`, by an `AsPublished`.
    """

    inputs = Stage.inputs | {"seed": (I64,)}

    def forward(self, picture: Tensor, seed: Tensor | None = None) -> Tensor:
        with self.precision.autocast():
            made = self.net(self.precision.images(signed(picture)), seed)
        return to_uint8(made)


class AsPublished(nn.Module):
    """A copy of a network that answers like the published test script: images (N, C, H, W) one per
    pass, with batch norm's statistics of that image and with active dropout (Isola et al. 2017,
    section 6.1.1).

    seed, int64 (N,): each image's dropout is that of the script after `torch.manual_seed`; None:
    all are drawn from torch's global generator. Raises ValueError for a network that has neither.
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
        for module in self.net.modules():
            if isinstance(module, nn.BatchNorm2d):
                # Without statistics of its own, eval mode uses the batch's.
                module.running_mean = module.running_var = None
            elif isinstance(module, nn.Dropout):
                module.register_forward_hook(self._drop)
        self._thread = threading.local()  # with the generator of the image that it answers

    def _drop(self, module: nn.Dropout, _inputs: tuple[Tensor, ...], x: Tensor) -> Tensor:
        """As `F.dropout`, which takes no generator, of what the module in eval mode passes on."""
        keep = 1 - module.p
        return x * torch.empty_like(x).bernoulli_(keep, generator=self._thread.generator).div_(keep)

    def forward(self, x: Tensor, seed: Tensor | None = None) -> Tensor:
        made = []
        for n, one in enumerate(x.split(1)):
            generator = None
            if seed is not None:
                generator = torch.Generator(x.device).manual_seed(int(seed[n]))
            self._thread.generator = generator
            made.append(self.net(one))
        return torch.cat(made)


class Encoded(Stage):
    """In: picture uint8 (N, P, P, C), C is 6 for a sketch and a map beside it.

    Out: styles (N, L, D).
    """

    outputs = ("styles",)

    def __init__(self, net: PSP, precision: Precision) -> None:
        super().__init__(net, precision)
        channels = 6 if net.reads == "sketch and map" else 3
        self.inputs = {"picture": (U8, net.encoder.input_px, net.encoder.input_px, channels)}

    def forward(self, picture: Tensor) -> Tensor:
        return self.net.encode(self.precision.images(signed(picture))).float()


class SampleLatents(Stage):
    """In: seed int64 (N,); place int64 (N,), the number of the seed's face. Out: styles (N, D);
    mean (N, L, D), the
    mean face. mean: None for a generator without an encoder.
    """

    inputs = {"seed": (I64,), "place": (I64,)}
    outputs = ("styles", "mean")

    def __init__(self, net: StyleGAN2, precision: Precision, mean: Tensor | None) -> None:
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

    def __init__(self, net: StyleGAN2, precision: Precision) -> None:
        super().__init__(net, precision)
        self.inputs = {"styles": (F32, net.num_layers, net.style_dim), "noise": (I64,)}

    def forward(self, styles: Tensor, noise: Tensor) -> Tensor:
        with self.precision.autocast():
            return to_uint8(self.net.synthesis(styles, self.net.noise_of(noise)))


class Previewed(Stage):
    """In: styles (N, L, D). Out: made uint8 (N, 256, 256, 3), in a quarter of `Decoded`'s time."""

    def __init__(self, net: MobileStyleGAN, head: PreviewHead, precision: Precision) -> None:
        super().__init__(net, precision)
        self.head = head
        self.inputs = {"styles": (F32, net.num_layers, net.style_dim)}

    def forward(self, styles: Tensor) -> Tensor:
        with self.precision.autocast():
            return to_uint8(self.head.paint(self.net, styles))


class Restored(Stage):
    """In: picture uint8 (1, S, S, 3); seed int64 (1,), of the noise of fine detail. Out: made (1,
    S, S, 3), about [-1, 1].
    """

    batch = 1  # the published code uses a separate convolution for each picture

    def __init__(self, net: nn.Module, precision: Precision) -> None:
        super().__init__(net, precision)
        size_px = net.size_px
        self.inputs = {"picture": (U8, size_px, size_px, 3), "seed": (I64,)}
        self.noises: dict[str, tuple[int, tuple[int, ...]]] = {}  # by name: number and shape
        for name, noise in net.named_buffers():
            if name.startswith(NOISE):
                layer = int(name.removeprefix(NOISE).lstrip("_"))
                self.noises[name] = layer, tuple(noise.shape)
        # `functional_call` replaces the published network's noise until it ends.
        self._lock = threading.Lock()

    def forward(self, picture: Tensor, seed: Tensor) -> Tensor:
        drawn = {
            name: normal(seed, shape[-1] * shape[-2], layer).view(shape)
            for name, (layer, shape) in self.noises.items()
        }
        with contextlib.nullcontext() if torch.compiler.is_exporting() else self._lock:
            made = torch.func.functional_call(self.net, drawn, (signed(picture),))
        return made.permute(0, 2, 3, 1).float()


def build_plain_stages(net: nn.Module, precision: Precision) -> Stages:
    """The stages of a network that translates in one pass, also as published if requested."""

    precision.place(net)
    return {
        "translate": Translated(net, precision),
        MODES[1]: lambda: Published(AsPublished(net), precision),
    }


def build_style_stages(net: PSP | StyleGAN2, precision: Precision) -> Stages:
    """The stages of a generator, and of its encoder if it has one."""
    precision.place(net)
    if isinstance(net, StyleGAN2):
        return {
            "chance": functools.partial(SampleLatents, net, precision, None),
            "decode": Decoded(net, precision),
        }
    stages = {
        "encode": Encoded(net, precision),
        "chance": SampleLatents(net.decoder, precision, net.latent_avg),
        "decode": Decoded(net.decoder, precision),
    }
    if isinstance(net.decoder, MobileStyleGAN):
        path = weights.shipped(weights.PREVIEW)
        head = precision.place(checkpoints.load_network(path)[0].requires_grad_(False))
        stages["preview"] = Previewed(net.decoder, head, precision)
    return stages


class FindLandmarks(nn.Module):
    """One pass of the finder over pictures, each transformed by an affine map.

    In: pictures uint8 (N, S, S, 3); affine float32 (N, 2, 3), from their pixels to those of
    `FACE_PX`; paper float32 (N,), the grey level beyond their edges. Out, in the pictures' pixels:
    points float32 (N, 164, 2); off (N, 164), the expected error of each; parts (N, 2, 256, 256) as
    `attributes.FOUND_PARTS`, at the pixels of a picture of that size, and flags (N, 5) as
    `attributes.FINDER_OUTPUTS`, both in [0, 1].
    """

    inputs = {"picture": (U8, "S", "S", 3), "affine": (F32, 2, 3), "paper": (F32,)}
    outputs = ("points", "off", "parts", "flags")

    def __init__(self, net: LandmarkNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, picture: Tensor, affine: Tensor, paper: Tensor) -> tuple[Tensor, ...]:
        grey = channels_first(picture).mean(1, keepdim=True)
        back = plane.turned(affine)
        laid = plane.taken(
            grey, plane.at_places(back, FACE_PX), paper.view(-1, 1, 1, 1), "bicubic"
        ).clamp(0, 255)
        found = self.net(F.avg_pool2d(1 - laid / 255, FACE_PX // SIDE_PX))
        points = (
            torch.einsum("nij,npj->npi", back[:, :, :2], found.points * FACE_PX - 0.5)
            + back[:, None, :, 2]
        )
        scale = (affine[:, 0, 0] * affine[:, 1, 1] - affine[:, 0, 1] * affine[:, 1, 0]).abs().sqrt()
        off = found.spread.exp() * (FACE_PX / SIDE_PX) / scale[:, None]
        where = plane.at_places(affine, FACE_PX)
        half = (where + 0.5) * (SIDE_PX / FACE_PX) - 0.5
        return points, off, plane.taken(found.parts.sigmoid(), half), found.flags.sigmoid()
