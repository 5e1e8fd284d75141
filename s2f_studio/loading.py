"""Load any model by name, run folder or file: faces for drawings here, all others as the library
does.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from s2f_studio import shipped
from s2f_studio.faces import bank
from s2f_studio.faces.model import MORE_FILES, FaceModel
from s2f_utils import infer, runtime, weights
from s2f_utils.infer import graphs
from s2f_utils.infer.finding import VALUES
from s2f_utils.infer.loading import direction_of, name_of
from s2f_utils.infer.translator import Model
from s2f_utils.networks.info import TRANSLATES

FINDER_STAGE = "look"  # of an exported model alone: the shipped one has `drawings.landmarks.finder`


def load(
    model: str | Path = shipped.MODEL,
    device: str = "auto",
    precision: str = "float32",
    *,
    direction: str | None = None,
    values: str = VALUES[0],
    at_once: int = 1,
    name: str = "",
    engine: str = "auto",
) -> Model:
    """As `s2f_utils.infer.load`, and models of faces for drawings as well: "sketch-to-photo", a run
    of `s2f finetune`, such a model on the hub, or one that `s2f export` wrote.

    These compute in float32, whatever the precision. Raises what the library's raises.
    """
    options = {"direction": direction, "at_once": at_once, "name": name, "engine": engine}
    if not is_of_faces(model, direction):
        return infer.load(model, device, precision, values=values, **options)
    if values != VALUES[0]:
        raise ValueError(f"values={values} is for published CycleGANs: {model} takes {VALUES[0]}")
    return _load_faces(model, device, **options)


def is_of_faces(model: str | Path, direction: str | None = None) -> bool:
    """Whether a model of faces for drawings has this name, or lies in this folder or file.

    Raises what `infer.find_generator` raises.
    """
    file = _description_file(model)
    if file.is_file():
        return graphs.read_description(file)["kind"] == FaceModel.__name__
    if str(model) in weights.model_names() or graphs.description_file(model).is_file():
        return False
    return _network_in(find_generator(model, direction)) == FaceModel.NETWORK


def find_generator(model: str | Path, direction: str | None = None) -> Path:
    """As `infer.find_generator`, also of the studio's models."""
    if str(model) in shipped.NAMES and not Path(model).exists():
        return shipped.file_of(shipped.EXPECT)
    return infer.find_generator(model, direction)


def _description_file(model: str | Path) -> Path:
    """As `graphs.description_file`, of the studio's models."""
    name = shipped.EXPECT if str(model) == shipped.MODEL else model
    own = Path(model) / graphs.DESCRIPTION
    return own if own.is_file() else graphs.description_file(name, shipped.GRAPHS)


def _network_in(path: Path) -> str:
    """The name of the network in a `.safetensors` file of ours, by its header; "" for others."""
    from safetensors import SafetensorError, safe_open

    if path.suffix != ".safetensors":
        return ""
    try:
        with safe_open(path, "numpy") as file:
            header = json.loads((file.metadata() or {}).get("s2f", "{}"))
    except (SafetensorError, OSError, ValueError):
        return ""  # loading it says what is wrong
    return header.get("network", "") if isinstance(header, dict) else ""


def _load_faces(
    model: str | Path, device: str, *, direction: str | None, at_once: int, name: str, engine: str
) -> FaceModel:
    file = _description_file(model)
    has_graphs = file.is_file()
    if graphs.runs_by_torch(file, engine, device, has_graphs=has_graphs):
        return _load_by_torch(model, device, direction, at_once, name)
    if not has_graphs:
        raise ValueError(
            f"{model}: has no graphs: write them where PyTorch is ('s2f export {model} FOLDER')"
        )
    description = graphs.read_description(file)
    graphs.check_direction(model, description, direction)
    stages = dict(description["stages"])
    if file.name != graphs.DESCRIPTION:
        stages.pop(FINDER_STAGE, None)
    opened = graphs.engine_of({**description, "stages": stages}, file)
    info = graphs.info_in(description, name or str(model))
    made = FaceModel(opened, info, at_once, files=graphs.weights_of(opened, file))
    people = file.with_name(bank.FOLDER.name)
    if people.is_dir():  # an exported model brings the bank that its weights know
        made.bank = bank.opened(people)
    return made


def _load_by_torch(
    model: str | Path, device: str, direction: str | None, at_once: int, name: str
) -> FaceModel:
    from s2f_studio.faces.networks import expect  # noqa: F401  its network is known from now on
    from s2f_utils.infer.torch_engine import TorchEngine
    from s2f_utils.networks import checkpoints
    from s2f_utils.networks.network import norm_of

    path = find_generator(model, direction)
    net, info = checkpoints.load_described(path)
    place = runtime.pick_device(device)
    precision = runtime.pick_precision(
        place, "float32", runtime.answering_format(place, norm_of(net))
    )
    stages = FaceModel.build_stages(net.requires_grad_(False), precision)
    info = dataclasses.replace(
        info,
        task=TRANSLATES,  # with its other networks
        name=name or name_of(model),
        direction=direction_of(model, info, direction),
        licence=weights.OWN_TERMS if str(model) in shipped.NAMES else "",
    )
    engine = TorchEngine(stages, precision)
    return FaceModel(engine, info, at_once, net, files=(path, *MORE_FILES))
