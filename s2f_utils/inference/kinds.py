"""How each kind of network answers, where PyTorch runs it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from s2f_utils import models, runtime, weights
from s2f_utils.extensions import extend
from s2f_utils.inference.asking import MODES
from s2f_utils.inference.engine import TorchEngine
from s2f_utils.inference.finding import VALUES, find_generator, terms_of
from s2f_utils.inference.stages import OneByOne, Translated, of_styles, of_two, paper_copy
from s2f_utils.inference.styles import StyleModel
from s2f_utils.inference.translator import DetailModel, Translator
from s2f_utils.models import checkpoints
from s2f_utils.models.card import ADDS_DETAIL, DIRECTIONS, DRAWS, RENDERS, RESTORES, TRANSLATES
from s2f_utils.models.twostage import TwoStage


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


def load(
    model: str | Path, device: str, precision: str, *, direction: str | None, values: str, at_once: int, name: str
) -> Translator:
    """As `loading.load`, of all that PyTorch runs."""
    extend("torch answers")
    net, meta = _network(model, direction)
    about = net.card
    size_px = int(meta.get("size_px") or about.size_px or net.usual_px or net.multiple_px)
    kind = NAMED.get(str(model), kind_of(net))
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
        name=name or (weights.hub.pinned(model) if weights.hub.is_name(model) else str(model)),
        layout=_layout(str(model), meta, kind),
        at_once=at_once,
        net=net,
        precision=chosen,
        files=(*_files(model, direction), *kind.beside(model)),
    )


def _of_two(net: nn.Module, precision: runtime.Precision, _values: str, _model: str | Path) -> dict[str, nn.Module]:
    for part in (net.structure, net.detail):
        precision.prepare(part)
    return of_two(net.to(precision.device), precision.images)


def _of_styles(net: nn.Module, precision: runtime.Precision, _values: str, _model: str | Path) -> dict[str, nn.Module]:
    return of_styles(precision.prepare(net), precision)


def _plain(net: nn.Module, precision: runtime.Precision, values: str, _model: str | Path) -> dict[str, nn.Module]:
    return {
        "translate": Translated(precision.prepare(net), values, precision.images),
        MODES[1]: functools.partial(_as_published, net, precision, values),
    }


def _as_published(net: nn.Module, precision: runtime.Precision, values: str) -> nn.Module:
    """The stage of a network that answers as its publication's test script does."""
    return Translated(OneByOne(precision.prepare(paper_copy(net))), values, precision.images)


PLAIN = Kind(lambda net: True, Translator, _plain)
DETAILED = Kind(lambda net: "detail" in net.card.knows, DetailModel, _of_two, aligned=True)
KINDS = [Kind(lambda net: "styles" in net.card.knows, StyleModel, _of_styles), DETAILED]  # the first that fits
NAMED: dict[str, Kind] = {}  # those of models that are known by their names


def kind_of(net: nn.Module) -> Kind:
    """How a network answers."""
    return next((kind for kind in KINDS if kind.fits(net)), PLAIN)


def stages_of(model: str | Path, precision: runtime.Precision) -> dict[str, nn.Module]:
    """The stages of a model that is a part of another one."""
    net, _ = checkpoints.load_network(find_generator(model))
    net.requires_grad_(False)
    return kind_of(net).stages(net, precision, VALUES[0], model)


def _network(model: str | Path, direction: str | None) -> tuple[nn.Module, dict[str, Any]]:
    """The network that a person means, and what its file says. Raises UnknownNetworkError for one that answers no
    pictures by itself.
    """
    if str(model) == weights.DEFAULT and not Path(model).exists():
        structure, meta = checkpoints.load_network(find_generator(weights.FAITHFUL))
        detail, _ = checkpoints.load_network(find_generator(weights.DETAIL))
        return TwoStage.of(structure, detail), {**meta, "method": weights.DEFAULT}
    path = find_generator(model, direction)
    net, meta = checkpoints.load_network(path)
    does = net.card.does
    if does == RESTORES:
        raise models.UnknownNetworkError(f"{path}: is a GFPGAN, which restores photos: use it with 's2f enhance'")
    if does == ADDS_DETAIL:
        raise models.UnknownNetworkError(
            f"{model}: only adds detail to the answer of another model: give {weights.FAITHFUL}, or a run of"
            " 'realistic'"
        )
    if does not in (TRANSLATES, DRAWS, RENDERS):
        raise models.UnknownNetworkError(f"{path}: is a {net.name}, which judges pictures: give a generator")
    return net, meta


def _files(model: str | Path, direction: str | None) -> tuple[Path, ...]:
    """The files that a model's networks come from."""
    if str(model) == weights.DEFAULT and not Path(model).exists():
        return find_generator(weights.FAITHFUL), find_generator(weights.DETAIL)
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
