"""From a name, a run folder or a file to a model that answers; torch is imported where it runs the model."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2f_utils import runtime, weights
from s2f_utils.extensions import extend
from s2f_utils.inference.asking import MODES, Model, check_for_drawings
from s2f_utils.inference.engine import TorchEngine
from s2f_utils.inference.finding import find_generator, terms_of
from s2f_utils.inference.styles import StyleModel
from s2f_utils.inference.translator import DetailModel, Translator
from s2f_utils.models.card import (
    ADDS_DETAIL,
    DIRECTIONS,
    DRAWS,
    RENDERS,
    RESTORES,
    TO_FACES,
    TRANSLATES,
    UnknownNetworkError,
)
from s2f_utils.weights import hub

if TYPE_CHECKING:
    from torch import nn

VALUES = ("signed", "unit")  # what a network is given: [-1, 1], or [0, 1], as project 2's app does by mistake
# What a package adds that opens models which PyTorch does not run: objects with `open_model(model, device, engine,
# **options)` as `load`, and `open_restorer(restorer, device, engine)` as `restorers.load`; None for what they leave.
OPENERS: list[Any] = []


def load(
    model: str | Path = weights.DEFAULT,
    device: str = "auto",
    precision: str = "float32",
    *,
    direction: str | None = None,
    values: str = VALUES[0],
    at_once: int = 1,
    name: str = "",
    engine: str = "auto",
) -> Model:
    """A model that answers pictures, from a name, a run folder, a `.safetensors` file of ours, a published file, or a
    folder that `s2f export` wrote, whose answers onnxruntime makes, on the CPU.

    The name "sketch-to-photo" stands for the shipped model that renders faces, and what is expected beside it.
    "hf:user/model", with "@revision" where one is meant, is a model on the Hugging Face hub (`weights.hub`); it is then
    called by the commit that was loaded.
    precision: as in `runtime.pick_precision`. direction: "sketch-to-photo" or "photo-to-sketch"; which generator of a
    CycleGAN run is meant, and which way a published CycleGAN file goes: it does not say so itself. values: of
    `VALUES`. at_once: pictures in one pass of the network; more than one may differ from one by rounding. name:
    what the model is called; what was given, where it is empty. engine: "torch", "onnx", or "auto"; the network itself
    (`Translator.net`) is there with "torch" alone.

    Raises FileNotFoundError, CheckpointError, EngineError, UnknownNetworkError for a network that is no model of its
    own, WeightsError for what cannot be fetched, or ValueError for a direction that is missing or not the model's.
    """
    if direction not in (None, *DIRECTIONS, *TO_FACES):
        raise ValueError(f"direction must be {' or '.join(DIRECTIONS)}, got {direction!r}")
    if values not in VALUES:
        raise ValueError(f"values must be one of {', '.join(VALUES)}, got {values!r}")
    extend("answers")
    options = {"direction": direction, "values": values, "at_once": at_once, "name": name}
    for opener in OPENERS:
        if (opened := opener.open_model(model, device, engine, **options)) is not None:
            return opened
    return _load_by_torch(model, device, precision, **options)


def load_styles(
    model: str | Path, device: str = "auto", precision: str = "float32", *, engine: str = "auto"
) -> StyleModel:
    """A StyleGAN2 or pSp model, as `load`. Raises what `load` raises, and UnknownNetworkError for any other."""
    opened = load(model, device, precision, engine=engine)
    if not isinstance(opened, StyleModel):
        raise UnknownNetworkError(f"{model}: is a {opened.network}: styles are those of a stylegan2 or psp model")
    return opened


def load_for_drawings(model: str | Path | Model | None = None, device: str = "auto", engine: str = "auto") -> Model:
    """A model that reads sketches or label maps: None for the shipped one, or as `load`.

    Raises ValueError for a model that reads photos, or chance alone, or a sketch and a map at once.
    """
    if model is not None and not isinstance(model, str | Path | Model):
        raise ValueError(
            f"a model is a name, a folder, a file, or what inference.load gives, got {type(model).__name__}"
        )
    if not isinstance(model, Model):
        model = load(weights.DEFAULT if model is None else model, device, engine=engine)
    check_for_drawings(model.facts)
    return model


@dataclass(frozen=True)
class Kind:
    """How networks of a kind answer.

    fits: whether a network is of it. model: the class that asks it. stages: from the network, its number format,
    `Translator`'s values and the model's name to the stages of an answer. aligned: whether it expects aligned faces.
    precision: the one number format that it takes; "" for any. beside: further files, for a model's name.
    """

    fits: Callable[[nn.Module], bool]
    model: type[Translator]
    stages: Callable[[nn.Module, runtime.Precision, str, str | Path], dict[str, nn.Module]]
    aligned: bool = False
    precision: str = ""
    beside: Callable[[str | Path], Sequence[Path]] = lambda model: ()


def _load_by_torch(
    model: str | Path, device: str, precision: str, *, direction: str | None, values: str, at_once: int, name: str
) -> Translator:
    """As `load`, of all that PyTorch runs."""
    extend("torch answers")
    net, meta = _network(model, direction)
    about = net.card
    size_px = int(meta.get("size_px") or about.size_px or net.usual_px or net.multiple_px)
    kind = kind_of(net)
    chosen = runtime.pick_precision(runtime.pick_device(device), kind.precision or precision)
    if values != VALUES[0] and kind is not PLAIN:
        raise ValueError(f"values={values} is for published CycleGANs: a {net.name} takes {VALUES[0]}")
    net.requires_grad_(False)
    return kind.model(
        TorchEngine(kind.stages(net, chosen, values, model), chosen),
        net.name,
        about.knows,
        direction=_direction(model, net, meta, direction),
        size_px=about.size_px if kind.model is StyleModel else size_px,
        fit=meta.get("fit", "stretch"),
        meta={**meta, **terms_of(model, direction)},
        name=name or (hub.pinned(model) if hub.is_name(model) else str(model)),
        layout=_layout(str(model), meta, kind),
        at_once=at_once,
        net=net,
        precision=chosen,
        files=(*_files(model, direction), *kind.beside(model)),
    )


def _of_two(net: nn.Module, precision: runtime.Precision, _values: str, _model: str | Path) -> dict[str, nn.Module]:
    from s2f_utils.inference.stages import of_two

    for part in (net.structure, net.detail):
        precision.prepare(part)
    return of_two(net.to(precision.device), precision.images)


def _of_styles(net: nn.Module, precision: runtime.Precision, _values: str, _model: str | Path) -> dict[str, nn.Module]:
    from s2f_utils.inference.stages import of_styles

    return of_styles(precision.prepare(net), precision)


def _plain(net: nn.Module, precision: runtime.Precision, values: str, _model: str | Path) -> dict[str, nn.Module]:
    from s2f_utils.inference import stages

    return {
        "translate": stages.Translated(precision.prepare(net), values, precision.images),
        MODES[1]: functools.partial(stages.as_published, net, precision, values),
    }


PLAIN = Kind(lambda net: True, Translator, _plain)
DETAILED = Kind(lambda net: "detail" in net.card.knows, DetailModel, _of_two, aligned=True)
KINDS = [Kind(lambda net: "styles" in net.card.knows, StyleModel, _of_styles), DETAILED]  # the first that fits


def kind_of(net: nn.Module) -> Kind:
    """How a network answers."""
    return next((kind for kind in KINDS if kind.fits(net)), PLAIN)


def stages_of(model: str | Path, precision: runtime.Precision) -> dict[str, nn.Module]:
    """The stages of a model that is a part of another one."""
    from s2f_utils.models import checkpoints

    net, _ = checkpoints.load_network(find_generator(model))
    net.requires_grad_(False)
    return kind_of(net).stages(net, precision, VALUES[0], model)


def _network(model: str | Path, direction: str | None) -> tuple[nn.Module, dict[str, Any]]:
    """The network that a person means, and what its file says. Raises UnknownNetworkError for one that answers no
    pictures by itself.
    """
    from s2f_utils.models import checkpoints

    path = find_generator(model, direction)
    net, meta = checkpoints.load_network(path)
    does = net.card.does
    if does == RESTORES:
        raise UnknownNetworkError(f"{path}: is a GFPGAN, which restores photos: use it with 's2f enhance'")
    if does == ADDS_DETAIL:
        raise UnknownNetworkError(
            f"{model}: only adds detail to the answer of another model: give a run of 'realistic'"
        )
    if does not in (TRANSLATES, DRAWS, RENDERS):
        raise UnknownNetworkError(f"{path}: is a {net.name}, which judges pictures: give a generator")
    return net, meta


def _files(model: str | Path, direction: str | None) -> tuple[Path, ...]:
    """The files that a model's networks come from."""
    return (find_generator(model, direction),)


def _direction(model: str | Path, net: nn.Module, meta: dict[str, Any], asked: str | None) -> str:
    """Which way a model goes: as its file says, else as a person does."""
    known = net.card.direction or meta.get("direction")
    if known and asked and known != asked:
        raise ValueError(f"{model}: goes {known}, not {asked}: leave the direction out, or choose another model")
    if not known and not asked and net.card.either_way:
        raise ValueError(
            f"{model}: a CycleGAN's file does not say which way it goes ('A' and 'B' are what its trainer chose): say"
            f" --direction {' or '.join(DIRECTIONS)}"
        )
    return known or asked or DIRECTIONS[0]


def _layout(name: str, meta: dict[str, Any], kind: Kind) -> str:
    """Where a model expects faces: as its training pictures were aligned; "" where they were taken as they are."""
    if name in weights.SHIPPED:
        return "drawn" if kind.model is StyleModel else "aligned"
    aligned = meta.get("aligned", "none") not in ("none", "")
    return "aligned" if aligned or kind.aligned or name in weights.WEIGHTS else ""
