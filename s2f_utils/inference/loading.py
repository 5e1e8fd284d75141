"""From a name, a run folder or a file to a model that PyTorch runs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from s2f_studio.drawings.mesh import FACE_PX
from s2f_studio.faces.expecting import ChoosingModel, ExpectModel, RenderModel
from s2f_studio.faces.stages import expect, lay
from s2f_studio.old import stage as render
from s2f_utils import models, runtime, weights
from s2f_utils.inference.asking import MODES, Model
from s2f_utils.inference.engine_torch import TorchEngine
from s2f_utils.inference.finding import find_generator
from s2f_utils.inference.generating import OneByOne, paper_copy
from s2f_utils.inference.stages import plain, styles
from s2f_utils.inference.styles import StyleModel
from s2f_utils.inference.translator import LARGER, VALUES, DetailModel, Translator
from s2f_utils.models import checkpoints
from s2f_utils.models.card import ADDS_DETAIL, DIRECTIONS, DRAWS, RENDERS, RESTORES, TRANSLATES
from s2f_utils.models.twostage import TwoStage

# how a network that is not a plain translator is known, and what asks it
KINDS: tuple[tuple[Callable[[nn.Module], bool], type[Translator]], ...] = (
    (lambda net: net.name == "expect", ExpectModel),
    (lambda net: net.name == "render", RenderModel),
    (lambda net: "styles" in net.card.knows, StyleModel),
    (lambda net: "detail" in net.card.knows, DetailModel),
)


def load(
    model: str | Path, device: str, precision: str, *, direction: str | None, values: str, at_once: int, name: str
) -> Model:
    """As `opening.load`, of all that PyTorch runs."""
    net, meta = _network(model, direction)
    about = net.card
    size_px = int(meta.get("size_px") or about.size_px or net.usual_px or net.multiple_px)
    kind = next((kind for fits, kind in KINDS if fits(net)), Translator)
    wanted = "float32" if issubclass(kind, ExpectModel) else precision  # less shows in fine detail
    chosen = runtime.pick_precision(runtime.pick_device(device), wanted)
    if values != VALUES[0] and kind is not Translator:
        raise ValueError(f"values={values} is for published CycleGANs: a {net.name} takes {VALUES[0]}")
    net.requires_grad_(False)
    stages = _stages(net, chosen, kind, values)
    if str(model) == weights.DEFAULT and kind is DetailModel:
        kind = ChoosingModel
        stages |= _stages_of(weights.RENDER, runtime.pick_precision(chosen.device, "float32"))
    if kind is RenderModel:
        stages |= _stages_of(_expected_by(model), chosen)
    return kind(
        TorchEngine(stages, chosen),
        net.name,
        about.knows,
        direction=_direction(model, net, meta, direction),
        size_px=about.size_px if kind is StyleModel else size_px,
        fit=meta.get("fit", "stretch"),
        meta={**meta, **terms_of(model, direction)},
        name=name or (weights.hub.pinned(model) if weights.hub.is_name(model) else str(model)),
        layout=_layout(str(model), meta, kind),
        at_once=at_once,
        net=net,
        precision=chosen,
        files=_files(model, direction, kind),
    )


def terms_of(model: str | Path, direction: str | None = None) -> dict[str, str]:
    """Under which "terms" a model may be used, and its "training_data", as far as that is known."""
    if str(model) in (weights.DEFAULT, *weights.SHIPPED, *weights.SHIPPED_RESTORERS):
        return {"terms": weights.OWN_TERMS}
    if entry := weights.WEIGHTS.get(str(model)):
        return {"terms": entry.licence}
    path = Path(model) if Path(model).is_file() else find_generator(model, direction)
    if path.suffix != ".safetensors":
        return {}
    card = checkpoints.card_of(path)
    told = {"terms": "; ".join(card.terms or ()), "training_data": card.data}
    return {key: value for key, value in told.items() if value}


def _stages(net: nn.Module, precision: runtime.Precision, kind: type[Translator], values: str) -> dict[str, nn.Module]:
    """The stages of a model of this kind, its networks prepared."""
    if kind is DetailModel:
        for part in (net.structure, net.detail):
            precision.prepare(part)
        return plain.of_two(net.to(precision.device), precision.images)
    precision.prepare(net)
    if kind is RenderModel:
        return {"render": render.Rendered(net, precision.images), "finish": render.Finished()}
    if kind is ExpectModel:
        laid = {"lay": lay.Laid(FACE_PX), "lay_large": lay.Laid(LARGER * FACE_PX)}
        settled = {"guide": expect.Guided(), "settle": expect.Settled()}
        return {"expect": expect.Expected(net, precision.images)} | settled | laid
    if kind is StyleModel:
        return styles.of_styles(net, precision)
    own = {"translate": plain.Translated(net, values, precision.images)}
    paper = functools.partial(_as_published, net, precision, values)
    return own | {MODES[1]: paper}


def _as_published(net: nn.Module, precision: runtime.Precision, values: str) -> nn.Module:
    """The stage of a network that answers as its publication's test script does."""
    return plain.Translated(OneByOne(precision.prepare(paper_copy(net))), values, precision.images)


def _stages_of(model: str | Path, precision: runtime.Precision) -> dict[str, nn.Module]:
    """The stages of a model that is a part of another one."""
    net, _ = checkpoints.load_network(find_generator(model))
    net.requires_grad_(False)
    kind = next(kind for fits, kind in KINDS if fits(net))
    stages = _stages(net, precision, kind, VALUES[0])
    return stages | _stages_of(_expected_by(model), precision) if kind is RenderModel else stages


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


def _expected_by(model: str | Path) -> str | Path:
    """What says which face is to be expected, where a model renders it: the file beside its own, or ours."""
    beside = find_generator(model).with_name("expected.safetensors")
    return beside if beside.is_file() else weights.EXPECT


def _files(model: str | Path, direction: str | None, kind: type[Translator]) -> tuple[Path, ...]:
    """The files that a model's networks come from."""
    if str(model) == weights.DEFAULT and not Path(model).exists():
        names = (weights.FAITHFUL, weights.DETAIL, weights.RENDER, weights.EXPECT)
        return tuple(find_generator(name) for name in names)
    path = find_generator(model, direction)
    return (path, find_generator(_expected_by(model))) if kind is RenderModel else (path,)


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


def _layout(name: str, meta: dict[str, Any], kind: type[Translator]) -> str:
    """Where a model expects faces: as its training pictures were aligned; "" where they were taken as they are."""
    if name in weights.SHIPPED:
        return "drawn" if kind is StyleModel else "aligned"
    aligned = meta.get("aligned", "none") not in ("none", "")
    return "aligned" if aligned or issubclass(kind, DetailModel | ExpectModel) or name in weights.WEIGHTS else ""
