"""Load a model that translates pictures by name, run folder or file, and find the files that a
user's arguments mean; torch is imported only if it runs the model.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from s2f_utils import runtime, weights
from s2f_utils.infer import graphs
from s2f_utils.infer.styles import StyleModel
from s2f_utils.infer.translator import Translator
from s2f_utils.networks.info import (
    ALIGNED,
    DIRECTIONS,
    DRAWS,
    RESTORES,
    TO_FACES,
    TRANSLATES,
    ModelInfo,
    UnknownNetworkError,
    generator_file,
)
from s2f_utils.pictures import images
from s2f_utils.weights import hub

if TYPE_CHECKING:
    from torch import nn


# The classes of models by their networks; those of all other networks are `Translator`.
MODEL_CLASSES: dict[str, type[Translator]] = {"stylegan2": StyleModel, "psp": StyleModel}


def load(
    model: str | Path,
    device: str = "auto",
    precision: str = "float32",
    *,
    direction: str | None = None,
    name: str = "",
    engine: str = "auto",
) -> Translator:
    """Load a model that translates pictures.

    model: a name, a run folder, a `.safetensors` file of ours, a published file,
    "hf:user/model@revision" on the Hugging Face hub (`weights.hub`), or a folder that `s2f export`
    wrote. device: "cpu", "cuda", "mps", or "auto", the best that is there. precision: as in
    `runtime.pick_precision`. direction: "sketch-to-photo" or "photo-to-sketch": the generator of a
    CycleGAN run, or the direction of a published CycleGAN file, which does not record it. name:
    what the model is called; "": as given, with the commit on the hub. engine: "torch" (only then
    is there a `Translator.net`), "onnx" or "auto": on a CPU with onnxruntime, most shipped and all
    exported models run as graphs, others by PyTorch.

    Raises FileNotFoundError, CheckpointError, UnknownNetworkError for a network that
    is no complete model, WeightsError if weights cannot be fetched, or ValueError for a direction
    that is missing or not the model's.
    """
    known = dict.fromkeys((*DIRECTIONS, *TO_FACES))
    if direction is not None and direction not in known:
        raise ValueError(f"direction must be {' or '.join(known)}, got {direction!r}")
    if weights.shipped(f"{model}-{direction}"):  # the other direction of a shipped CycleGAN
        model = f"{model}-{direction}"
    options = {"direction": direction, "name": name}
    if engine == "auto" and precision not in ("auto", "float32"):
        engine = "torch"  # graphs are in float32
    opened = graphs.open_model(model, device, engine, **options)
    return opened or load_by_torch(model, device, precision, **options)


def load_styles(
    model: str | Path, device: str = "auto", precision: str = "float32", *, engine: str = "auto"
) -> StyleModel:
    """Load a StyleGAN2 or pSp model; arguments as in `load`.

    Raises what `load` raises, and UnknownNetworkError for any other.
    """
    opened = load(model, device, precision, engine=engine)
    if not isinstance(opened, StyleModel):
        raise UnknownNetworkError(
            f"{model}: is a {opened.info.network}: only a stylegan2 or psp model has styles"
        )
    return opened


def load_by_torch(
    model: str | Path,
    device: str = "auto",
    precision: str = "float32",
    *,
    direction: str | None = None,
    name: str = "",
) -> Translator:
    """As `load`, for models that PyTorch runs."""
    path = find_generator(model, direction)
    net, info = load_translator(path)
    model_class = MODEL_CLASSES.get(net.name, Translator)
    is_aligned = info.layout or str(model) in (*weights.WEIGHTS, *weights.SHIPPED)
    size_px = net.info.size_px if model_class is StyleModel else info.size_px
    info = dataclasses.replace(
        info,
        name=name or name_of(model),
        layout=ALIGNED if is_aligned else "",
        direction=direction_of(model, info, direction),
        size_px=int(size_px or net.usual_px or net.multiple_px),
        licence=licence_of(model),
    )
    return by_torch(model_class, net, info, path, device, precision)


def by_torch(
    model_class: type[graphs.M],
    net: nn.Module,
    info: ModelInfo,
    path: Path,
    device: str,
    precision: str = "float32",
) -> graphs.M:
    """A model of this class that PyTorch runs. path: its network's file. Others as in `load`."""
    from s2f_utils.infer.torch_engine import TorchEngine
    from s2f_utils.networks.network import norm_of

    place = runtime.pick_device(device)
    memory_format = runtime.answering_format(place, norm_of(net))
    chosen = runtime.pick_precision(place, precision, memory_format)
    stages = model_class.build_stages(net.requires_grad_(False), chosen)
    return model_class(TorchEngine(stages, chosen), info, net, files=(path,))


def name_of(model: str | Path) -> str:
    """What a model is called; one on the hub with its commit."""
    return hub.pinned(model) if hub.is_name(model) else str(model)


def load_translator(path: Path) -> tuple[nn.Module, ModelInfo]:
    """The network in a model's file, and its description. Raises UnknownNetworkError for one that
    does not translate pictures alone.
    """
    from s2f_utils.networks import checkpoints

    net, info = checkpoints.load_described(path)
    task = info.task
    if task == RESTORES:
        advice = "which restores photos: use it with 's2f enhance'"
        raise UnknownNetworkError(f"{path}: is a {net.name}, {advice}")
    if task not in (TRANSLATES, DRAWS):
        raise UnknownNetworkError(
            f"{path}: is a {net.name}, which {task} pictures: give a generator"
        )
    if net.info.direction:  # the network's arguments determine these
        info = dataclasses.replace(info, direction=net.info.direction)
    return net, info


def direction_of(model: str | Path, info: ModelInfo, wanted: str | None) -> str:
    """A model's direction: the one in its file, else the wanted one."""
    known = info.direction
    if known and wanted and known != wanted:
        raise ValueError(
            f"{model}: goes {known}, not {wanted}: leave the direction out, or choose another model"
        )
    if not known and not wanted and info.either_way:
        raise ValueError(
            f"{model}: a CycleGAN's file does not say which way it goes (its trainer chose what"
            f" 'A' and 'B' are): pass --direction {' or '.join(DIRECTIONS)}"
        )
    return known or wanted or DIRECTIONS[0]


def find_generator(model: str | Path, direction: str | None = None) -> Path:
    """The checkpoint that `model` refers to: the name of shipped or published weights or of a model
    on the hub (which are downloaded now), a file, or a run folder's generator, the one for
    `direction` if the run has both.

    Raises FileNotFoundError, WeightsError, or ImportError without the hub's client.
    """
    if shipped := weights.shipped(str(model)):
        return shipped
    if str(model) in weights.model_names():
        return weights.get(str(model))
    path = _folder_of(model)
    if path.is_dir():
        inside = path / generator_file(direction)
        if not inside.is_file():
            inside = path / generator_file()
        if not inside.is_file():
            raise FileNotFoundError(
                f"{path}: no generator.safetensors in this folder: give a run folder or a file"
            )
        return inside
    if not path.exists():
        raise FileNotFoundError(
            f"{path}: no such model: give a run folder, a .safetensors or .pth file,"
            f" hf:USER/MODEL, or one of {', '.join(weights.model_names())}"
        )
    return path


def _folder_of(model: str | Path) -> Path:
    """A model's path; for one on the hub, which is downloaded now, its folder in the cache.

    Raises as `hub.folder`.
    """
    return hub.folder(model) if hub.is_name(model) else Path(model)


def directions_of(run: str | Path) -> tuple[str, ...]:
    """The directions of a run folder's generators, the main one first."""
    from s2f_utils.networks import checkpoints

    main = checkpoints.info_of(find_generator(run)).direction or DIRECTIONS[0]
    folder = _folder_of(run)
    others = (direction for direction in DIRECTIONS if direction != main)
    return main, *(one for one in others if (folder / generator_file(one)).is_file())


def is_model(name: str | Path) -> bool:
    """Whether this names a model rather than pictures: weights by name, one on the hub, a file, a
    run folder, or a folder that `s2f export` wrote.
    """
    if str(name) in weights.model_names() or hub.is_name(name):
        return True
    if Path(name).suffix in (".safetensors", ".pth", ".pt"):
        return True
    inside = ("generator.safetensors", "resume.pt", "model.json")
    return any((Path(name) / file).is_file() for file in inside)


def find_pictures(inputs: Sequence[str | Path]) -> list[Path]:
    """The picture files among these files and folders, searched one level deep, in order.

    Raises FileNotFoundError for a path that does not exist, and for a folder without pictures.
    """
    pictures: list[Path] = []
    for item in map(Path, inputs):
        if item.is_dir():
            inside = sorted(p for p in item.iterdir() if p.is_file() and images.is_image_name(p))
            if not inside:
                raise FileNotFoundError(
                    f"{item}: no pictures in this folder ({', '.join(sorted(images.SUFFIXES))})"
                )
            pictures += inside
        elif item.is_file():
            pictures.append(item)
        else:
            raise FileNotFoundError(
                f"{item}: no such picture or folder, nor a model, which must be first: a run"
                " folder, a .safetensors or .pth file, hf:USER/MODEL, or one of"
                f" {', '.join(weights.model_names())}"
            )
    return pictures


def licence_of(model: str | Path) -> str:
    """The terms for using a model by its name; "" for a user's."""
    if str(model) in (*weights.SHIPPED, *weights.SHIPPED_RESTORERS):
        return weights.OWN_TERMS
    entry = weights.WEIGHTS.get(str(model))
    return entry.licence if entry else ""
