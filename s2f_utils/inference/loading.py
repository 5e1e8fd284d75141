"""From a name, a run folder or a file to a model that answers; torch is not needed for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2f_utils import weights
from s2f_utils.extensions import extend
from s2f_utils.inference.asking import Model, check_for_drawings
from s2f_utils.inference.finding import VALUES
from s2f_utils.models.card import DIRECTIONS, TO_FACES, UnknownNetworkError

if TYPE_CHECKING:
    from s2f_utils.inference.styles import StyleModel

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

    The name "sketch-to-photo" stands for the shipped faithful model, the one that adds detail to its answers, and the
    one that answers drawings of few lines. "hf:user/model", with "@revision" where one is meant, is a model on the
    Hugging Face hub (`weights.hub`); it is then called by the commit that was loaded.
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
    from s2f_utils.inference import kinds

    return kinds.load(model, device, precision, **options)


def load_styles(
    model: str | Path, device: str = "auto", precision: str = "float32", *, engine: str = "auto"
) -> StyleModel:
    """A StyleGAN2 or pSp model, as `load`. Raises what `load` raises, and UnknownNetworkError for any other."""
    from s2f_utils.inference.styles import StyleModel

    opened = load(model, device, precision, engine=engine)
    if not isinstance(opened, StyleModel):
        raise UnknownNetworkError(f"{model}: is a {opened.network}: styles are those of a stylegan2 or psp model")
    return opened


def load_for_drawings(model: str | Path | Model | None = None, device: str = "auto", engine: str = "auto") -> Model:
    """A model that reads sketches or label maps: None for the shipped one, or as `load`.

    Raises ValueError for a model that reads photos, or chance alone, or a sketch and a map at once.
    """
    if isinstance(model, str | Path) and str(model) in (weights.FAITHFUL, weights.DETAIL):
        raise ValueError(
            f"{model}: is one half of {weights.DEFAULT!r}: choose that, and detail 0 for the faithful half alone"
        )
    if model is not None and not isinstance(model, str | Path | Model):
        raise ValueError(
            f"a model is a name, a folder, a file, or what inference.load gives, got {type(model).__name__}"
        )
    if not isinstance(model, Model):
        model = load(weights.DEFAULT if model is None else model, device, engine=engine)
    check_for_drawings(model.facts)
    return model
