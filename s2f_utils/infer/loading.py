"""Load a model that translates pictures by name, run folder or file; torch is imported only if it
runs the model.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2f_utils import runtime, weights
from s2f_utils.extensions import extend, studio
from s2f_utils.infer.finding import VALUES, find_generator, terms_of
from s2f_utils.infer.styles import StyleModel
from s2f_utils.infer.translator import Model, Translator
from s2f_utils.networks import card
from s2f_utils.networks.card import DIRECTIONS, TO_FACES, UnknownNetworkError
from s2f_utils.weights import hub

if TYPE_CHECKING:
    from torch import nn


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
    """A model that translates pictures, from a name, a run folder, a `.safetensors` file of ours, a
    published file, "hf:user/model@revision" on the Hugging Face hub (`weights.hub`), or a folder
    that `s2f export` wrote.

    precision: as in `runtime.pick_precision`. direction: "sketch-to-photo" or "photo-to-sketch":
    the generator of a CycleGAN run, or the direction of a published CycleGAN file, which does not
    record it. values: of `VALUES`. at_once: pictures in one pass; results may differ from one at a
    time by rounding. name: the model's; "": as given, with the
    commit on the hub. engine: "torch" (only then is there a `Translator.net`), "onnx" or "auto": on
    a CPU with onnxruntime, most shipped and all exported models run as graphs
    (`s2f_studio.export.exported`), others by PyTorch.

    Raises FileNotFoundError, CheckpointError, EngineError, UnknownNetworkError for a network that
    is no complete model, WeightsError if weights cannot be fetched, or ValueError for a direction
    that is missing or not the model's.
    """
    if direction not in (None, *DIRECTIONS, *TO_FACES):
        raise ValueError(
            f"direction must be {' or '.join((*DIRECTIONS, *TO_FACES))}, got {direction!r}"
        )
    if values not in VALUES:
        raise ValueError(f"values must be one of {', '.join(VALUES)}, got {values!r}")
    if str(model) in weights.GONE:
        find_generator(model)  # raises, and says what to use instead, also without PyTorch
    if weights.shipped(f"{model}-{direction}"):  # the other direction of a shipped CycleGAN
        model = f"{model}-{direction}"
    options = {"direction": direction, "values": values, "at_once": at_once, "name": name}
    exported = studio("export.exported")
    if engine == "auto" and precision not in ("auto", "float32"):
        engine = "torch"  # graphs are in float32
    opened = exported and exported.open_model(
        model, device, engine, **options
    )  # None: PyTorch runs it
    return opened or _load_by_torch(model, device, precision, **options)


def load_styles(
    model: str | Path, device: str = "auto", precision: str = "float32", *, engine: str = "auto"
) -> StyleModel:
    """A StyleGAN2 or pSp model, as `load`. Raises what `load` raises, and UnknownNetworkError for
    any other.
    """
    opened = load(model, device, precision, engine=engine)
    if not isinstance(opened, StyleModel):
        raise UnknownNetworkError(
            f"{model}: is a {opened.network}: only a stylegan2 or psp model has styles"
        )
    return opened


def load_for_drawings(
    model: str | Path | Model | None = None, device: str = "auto", engine: str = "auto"
) -> Model:
    """A model that reads sketches or label maps: None for the shipped one, or as `load`.

    Raises ValueError for a model that reads photos, random codes alone, or a sketch and a map
    together.
    """
    if not isinstance(model, Model):
        model = load(model or weights.DEFAULT, device, engine=engine)
    facts = model.facts
    if facts.reads not in ("sketch", "map"):
        reads = (
            f"reads a {facts.reads}" if facts.reads else "draws faces by chance and reads nothing"
        )
        raise ValueError(
            f"{facts.name}: {reads}: the pad gives a drawing or a label map; choose a model for those"
        )
    return model


def _load_by_torch(
    model: str | Path,
    device: str,
    precision: str,
    *,
    direction: str | None,
    values: str,
    at_once: int,
    name: str,
) -> Translator:
    """As `load`, for models that PyTorch runs; the studio's are in `s2f_studio.loading`."""
    from s2f_utils.infer.stages import PLAIN, TorchEngine, kind_of

    extend("kinds")
    path = find_generator(model, direction)
    net, meta = _network(path)
    kind, about = kind_of(net), net.card
    chosen = runtime.pick_precision(runtime.pick_device(device), kind.precision or precision)
    if values != VALUES[0] and kind is not PLAIN:
        raise ValueError(
            f"values={values} is for published CycleGANs: a {net.name} takes {VALUES[0]}"
        )
    stages = kind.stages(
        net.requires_grad_(False), chosen, model, **({"values": values} if kind is PLAIN else {})
    )
    aligned = (
        meta.get("aligned", "none") not in ("none", "")
        or kind.aligned
        or str(model) in weights.WEIGHTS
    )
    layout = (
        "aligned" if aligned or str(model) in weights.SHIPPED else ""
    )  # "": pictures were taken as they are
    is_of_styles = kind.model is StyleModel
    size_px = (
        about.size_px
        if is_of_styles
        else meta.get("size_px") or about.size_px or net.usual_px or net.multiple_px
    )
    return kind.model(
        TorchEngine(stages, chosen),
        net.name,
        about.knows,
        direction=_direction(model, net, meta, direction),
        size_px=int(size_px),
        fit=meta.get("fit", "stretch"),
        meta={**meta, **terms_of(model, path)},
        name=name or (hub.pinned(model) if hub.is_name(model) else str(model)),
        layout=layout,
        at_once=at_once,
        net=net,
        precision=chosen,
        files=(path, *kind.beside(model)),
    )


def _network(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network in a model's file, and the file's metadata. Raises UnknownNetworkError for one
    that does not translate pictures alone.
    """
    from s2f_utils.networks import checkpoints

    net, meta = checkpoints.load_network(path)
    if net.card.does not in (card.TRANSLATES, card.DRAWS, card.RENDERS):
        scores = "which scores pictures: give a generator"
        advice = {
            card.RESTORES: "which restores photos: use it with 's2f enhance'",
            card.ADDS_DETAIL: "which only adds detail to the answer of another model: give a run of 'realistic'",
        }
        raise UnknownNetworkError(f"{path}: is a {net.name}, {advice.get(net.card.does, scores)}")
    return net, meta


def _direction(model: str | Path, net: nn.Module, meta: dict[str, Any], asked: str | None) -> str:
    """A model's direction: the one in its file, else the requested one."""
    known = net.card.direction or meta.get("direction")
    if known and asked and known != asked:
        raise ValueError(
            f"{model}: goes {known}, not {asked}: leave the direction out, or choose another model"
        )
    if not known and not asked and net.card.either_way:
        raise ValueError(
            f"{model}: a CycleGAN's file does not say which way it goes (its trainer chose what 'A' and 'B' are): pass"
            f" --direction {' or '.join(DIRECTIONS)}"
        )
    return known or asked or DIRECTIONS[0]
