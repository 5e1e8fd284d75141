"""From a trained network to pictures: one image, any aspect ratio, a folder of drawings.

A picture goes in as uint8 (H, W, 3) and comes out with the same aspect ratio.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from s2f_utils import models, runtime, weights
from s2f_utils.models import checkpoints
from s2f_utils.models.directions import DIRECTIONS, TO_FACES
from s2f_utils.pictures import images, masks

MODES = ("deterministic", "paper")
VALUES = ("signed", "unit")
GO_EITHER_WAY = ("resnet", "seed")  # networks whose published files serve either direction


@contextmanager
def _paper_mode(net: nn.Module) -> Iterator[None]:
    """Batch norm uses the statistics of what it is given and dropout is live; nothing in the network changes."""
    training = {module: module.training for module in net.modules()}
    kept = []
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            kept.append((module, module.running_mean, module.running_var))
            module.eval()
            module.running_mean = module.running_var = None  # without them, eval mode takes the batch's own
        elif isinstance(module, nn.Dropout):
            module.train()
    try:
        yield
    finally:
        for module, mean, var in kept:
            module.running_mean, module.running_var = mean, var
        for module, was in training.items():
            module.training = was


@torch.no_grad()
def generate(net: nn.Module, x: Tensor, mode: str = "deterministic") -> Tensor:
    """Run a generator on images (N, C, H, W) in [-1, 1]; returns (N, 3, H, W) in [-1, 1], the network as it was.

    "deterministic": eval mode, the same answer every time. "paper": as the published test script, image by image,
    with each image's own batch statistics and live dropout (Isola et al. 2017, section 6.1.1), so answers vary.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, got {mode!r}")
    if mode == "paper":
        if not any(isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d | nn.Dropout) for module in net.modules()):
            raise ValueError(f"mode paper is for pix2pix: a {getattr(net, 'name', 'network')} has one way to answer")
        with _paper_mode(net):
            return torch.cat([net(one) for one in x.split(1)])
    was_training = net.training
    net.eval()
    try:
        return net(x)
    finally:
        net.train(was_training)


@dataclass
class Translator:
    """A trained generator, ready for pictures; made by `load`.

    values: what the network is given, "signed" [-1, 1], as networks are trained, or "unit" [0, 1], as project 2's app
    does by mistake; what comes out is taken for the same.
    """

    net: nn.Module
    precision: runtime.Precision
    direction: str = "sketch-to-photo"
    size_px: int = 256
    fit: str = "stretch"
    meta: dict[str, Any] = field(default_factory=dict)
    values: str = "signed"

    @property
    def reads_map(self) -> bool:
        """Whether what goes in is a 19-class map."""
        return self.direction == "map-to-photo"

    def translate(self, image: np.ndarray, *, mode: str = "deterministic", fit: str | None = None) -> np.ndarray:
        """One picture, uint8 (H, W, 3) of any size → its translation, uint8, with the same aspect ratio; for a model
        that reads maps, class numbers, uint8 (H, W), or a picture in CelebAMask-HQ's colours.

        The network works on a square of `size_px`. "stretch" (as most pairs are prepared) squeezes the picture into
        it and back; "pad" keeps proportions, continues the paper's colour to a square, and crops the result back. The
        result's longer side is `size_px`, for the network adds no detail beyond that (less where the network was
        trained on padded pictures and this one is smaller: it is not enlarged).
        """
        image = masks.picture_of(image) if self.reads_map else np.asarray(image)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"image must be uint8 (H, W, 3), got {image.dtype} {image.shape}")
        if min(image.shape[:2]) < 16:
            raise images.ImageError(
                f"a picture of {image.shape[1]}x{image.shape[0]} pixels shows no face: 16 pixels are the least"
            )
        height, width = image.shape[:2]
        if self.reads_map:
            if fit == "pad":
                raise ValueError("a map is stretched to a square, never padded: leave fit out")
            square = masks.resize_picture(image, self.size_px)
            out = self.translate_batch(square[None], mode=mode)[0]
            _, _, width, height = images.content_box((height, width), self.size_px, enlarge=True)
            return np.asarray(Image.fromarray(out).resize((width, height), Image.Resampling.BICUBIC))
        fit = fit or self.fit
        as_trained = fit == self.fit == "pad"
        if fit == "stretch":
            square = images.resize(image, self.size_px, "stretch")
        elif as_trained:  # as the training data were padded: small pictures are not enlarged, black around
            square = images.resize(image, self.size_px, "pad", fill=(0, 0, 0))
        else:
            square = images.resize(_enlarged(image, self.size_px), self.size_px, "pad")
        out = self.translate_batch(square[None], mode=mode)[0]
        left, top, width, height = images.content_box((height, width), self.size_px, enlarge=not as_trained)
        if fit == "stretch":
            return np.asarray(Image.fromarray(out).resize((width, height), Image.Resampling.BICUBIC))
        return out[top : top + height, left : left + width]

    def translate_batch(self, batch: np.ndarray, *, mode: str = "deterministic") -> np.ndarray:
        """Square pictures, uint8 (N, size_px, size_px, 3) → the same shape."""
        x = images.to_tensor(batch).to(self.precision.device)
        if self.values == "unit":
            made = generate(self.net, self.precision.images((x + 1) / 2), mode)
            return images.to_uint8(2 * made.clamp(0, 1) - 1)
        return images.to_uint8(generate(self.net, self.precision.images(x), mode))


def _enlarged(image: np.ndarray, size_px: int) -> np.ndarray:
    """The picture scaled so that its longer side is `size_px`."""
    _, _, width, height = images.content_box(image.shape[:2], size_px, enlarge=True)
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))


def generator_file(direction: str | None = None) -> str:
    """The name of a generator's file in a run folder: of the run's own direction (None), or of the other one, where a
    method learns both.
    """
    return f"generator-{direction}.safetensors" if direction else "generator.safetensors"


def find_generator(model: str | Path, direction: str | None = None) -> Path:
    """The checkpoint that a person means by `model`: the name of shipped or published weights (which are downloaded
    now), a file, or a run folder's generator, of a run that learned both directions the one that goes in `direction`.

    Raises FileNotFoundError, saying what a run folder should hold, or WeightsError.
    """
    if str(model) in weights.model_names() and not weights.shipped(str(model)):
        return weights.get(str(model))
    path = weights.shipped(str(model)) or Path(model)
    if str(model) in weights.SHIPPED and not path.is_file():
        raise FileNotFoundError(f"{model}: its weights are not in this version: give a model of your own")
    if path.is_dir():
        inside = path / generator_file(direction)
        inside = inside if direction and inside.is_file() else path / generator_file()
        if not inside.is_file():
            raise FileNotFoundError(f"{path}: no generator.safetensors in this folder: give a run folder or a file")
        return inside
    if not path.exists():
        raise FileNotFoundError(
            f"{path}: no such model: give a run folder, a"
            f" .safetensors or .pth file, or one of {', '.join(weights.model_names())}"
        )
    return path


def ways_of(run: str | Path) -> tuple[str, ...]:
    """The directions that a run folder's generators go, the run's own first."""
    _, meta = checkpoints.load_network(find_generator(run))
    own = meta.get("direction", DIRECTIONS[0])
    return own, *(way for way in DIRECTIONS if way != own and (Path(run) / generator_file(way)).is_file())


def is_model(name: str | Path) -> bool:
    """Whether this names a model rather than pictures: shipped weights, a file of weights, or a run folder."""
    path = Path(name)
    if str(name) in weights.model_names() or path.suffix in (".safetensors", ".pth", ".pt"):
        return True
    return (path / "generator.safetensors").is_file() or (path / "resume.pt").is_file()


def load(
    model: str | Path,
    device: str = "auto",
    precision: str = "float32",
    *,
    direction: str | None = None,
    values: str = "signed",
) -> Translator:
    """A translator from a run folder, a `.safetensors` file of ours, or a published `.pth` checkpoint.

    direction: "sketch-to-photo" or "photo-to-sketch"; which generator of a CycleGAN run is meant, and which way a
    published CycleGAN file goes: it does not say so itself. values: as in `Translator`.
    Raises FileNotFoundError, CheckpointError, UnknownNetworkError, also for a discriminator, or ValueError for a
    direction that is missing or not the model's.
    """
    if direction not in (None, *DIRECTIONS, *TO_FACES):
        raise ValueError(f"direction must be {' or '.join(DIRECTIONS)}, got {direction!r}")
    if values not in VALUES:
        raise ValueError(f"values must be one of {', '.join(VALUES)}, got {values!r}")
    path = find_generator(model, direction)
    net, meta = checkpoints.load_network(path)
    if net.name == "stylegan2":
        raise models.UnknownNetworkError(
            f"{path}: is a StyleGAN2, which draws faces from chance alone: give a pSp model that begins with it (s2f"
            " train psp), or open it with styles.load"
        )
    if getattr(net, "direction", None) == "both-to-photo":
        raise models.UnknownNetworkError(
            f"{path}: reads a sketch and a map at once: open it with styles.load, or give it both (s2f faces)"
        )
    if net.name == "gfpgan":
        raise models.UnknownNetworkError(f"{path}: is a GFPGAN, which restores photos: use it with 's2f enhance'")
    if not hasattr(net, "multiple_px"):
        raise models.UnknownNetworkError(f"{path}: is a {net.name}, which judges pictures: give a generator")
    if getattr(net, "adds_detail", False):
        raise models.UnknownNetworkError(
            f"{model}: only adds detail to the answer of another model: give {weights.FAITHFUL}, or a run of"
            " 'realistic'"
        )
    chosen = runtime.pick_precision(runtime.pick_device(device), precision)
    size_px = int(meta.get("size_px", getattr(net, "usual_px", net.multiple_px)))
    return Translator(
        chosen.prepare(net),
        chosen,
        direction=_direction(model, net, meta, direction),
        size_px=size_px,
        fit=meta.get("fit", "stretch"),
        meta=dict(meta),
        values=values,
    )


def _direction(model: str | Path, net: nn.Module, meta: dict[str, Any], asked: str | None) -> str:
    """Which way a model goes: as its file says, else as a person does."""
    known = meta.get("direction") or getattr(net, "direction", None)
    if known and asked and known != asked:
        raise ValueError(f"{model}: goes {known}, not {asked}: leave the direction out, or choose another model")
    if not known and not asked and net.name in GO_EITHER_WAY:
        raise ValueError(
            f"{model}: a CycleGAN's file does not say which way it goes ('A' and 'B' are what its trainer chose): say"
            f" --direction {' or '.join(DIRECTIONS)}"
        )
    return known or asked or DIRECTIONS[0]


def find_pictures(inputs: Sequence[str | Path]) -> list[Path]:
    """The picture files that these files and folders name, folders searched one level deep, in order.

    Raises FileNotFoundError for a path that does not exist, and for a folder without pictures.
    """
    found: list[Path] = []
    for item in map(Path, inputs):
        if item.is_dir():
            inside = sorted(p for p in item.iterdir() if p.is_file() and images.is_image_name(p))
            if not inside:
                raise FileNotFoundError(f"{item}: no pictures in this folder ({', '.join(images.SUFFIXES[:4])}, …)")
            found += inside
        elif item.is_file():
            found.append(item)
        else:
            raise FileNotFoundError(
                f"{item}: no such picture or folder; nor a model, which comes first: a run folder, a .safetensors or"
                f" .pth file, or one of {', '.join(weights.model_names())}"
            )
    return found
