"""Load any model by name, run folder or file: faces for drawings here, all others as the library
does.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from s2f_studio import shipped
from s2f_studio.faces.model import OTHER_FILES_OF_FACES, FaceModel
from s2f_utils import infer, weights
from s2f_utils.infer import graphs
from s2f_utils.infer.loading import by_torch, direction_of, name_of
from s2f_utils.infer.translator import Model
from s2f_utils.networks.info import DESCRIPTION, TRANSLATES, description_file


def load(
    model: str | Path = shipped.MODEL,
    device: str = "auto",
    precision: str = "float32",
    *,
    direction: str | None = None,
    name: str = "",
    engine: str = "auto",
) -> Model:
    """Load a model, as `s2f_utils.infer.load` does, with the same arguments; models of faces for
    drawings as well: "sketch-to-photo", a run of `s2f finetune`, such a model on the hub, or one
    that `s2f export` wrote.

    These compute in float32, whatever the precision. Raises what `s2f_utils.infer.load` raises.
    """
    options = {"direction": direction, "name": name, "engine": engine}
    if not is_of_faces(model, direction):
        return infer.load(model, device, precision, **options)
    return _load_faces(model, device, **options)


def is_of_faces(model: str | Path, direction: str | None = None) -> bool:
    """Whether a model of faces for drawings has this name, or lies in this folder or file.

    Raises what `infer.find_generator` raises, CheckpointError, or ImportError without PyTorch.
    """
    file = _description_file(model)
    if file.is_file():
        return graphs.read_description(file)["kind"] == FaceModel.__name__
    if str(model) in weights.model_names() or description_file(model).is_file():
        return False
    from s2f_utils.networks import checkpoints

    path = find_generator(model, direction)
    is_ours = path.suffix == ".safetensors"
    return is_ours and checkpoints.header_of(path).get("network") == FaceModel.NETWORK


def find_generator(model: str | Path, direction: str | None = None) -> Path:
    """As `infer.find_generator`, also of the studio's models."""
    if str(model) in shipped.NAMES and not Path(model).exists():
        return shipped.file_of(shipped.EXPECT)
    try:
        return infer.find_generator(model, direction)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error}, or {shipped.MODEL}") from None


def _description_file(model: str | Path) -> Path:
    """As `info.description_file`, of the studio's models."""
    name = shipped.EXPECT if str(model) == shipped.MODEL else model
    own = Path(model) / DESCRIPTION
    return own if own.is_file() else description_file(name, shipped.GRAPHS)


def _load_faces(
    model: str | Path, device: str, *, direction: str | None, name: str, engine: str
) -> FaceModel:
    file = _description_file(model)
    if graphs.runs_by_torch(file, engine, device, has_graphs=file.is_file()):
        return _load_by_torch(model, device, direction, name)
    description = graphs.read_description(file) if file.is_file() else None
    return graphs.by_graphs(FaceModel, model, file, description, direction, name)


def _load_by_torch(model: str | Path, device: str, direction: str | None, name: str) -> FaceModel:
    from s2f_studio.faces.networks import expect  # noqa: F401  its network is known from now on
    from s2f_utils.networks import checkpoints

    path = find_generator(model, direction)
    net, info = checkpoints.load_described(path)
    info = dataclasses.replace(
        info,
        task=TRANSLATES,  # with its other networks
        name=name or name_of(model),
        direction=direction_of(model, info, direction),
        licence=weights.OWN_TERMS if str(model) in shipped.NAMES else "",
    )
    made = by_torch(FaceModel, net, info, path, device)
    made.files += OTHER_FILES_OF_FACES
    return made
