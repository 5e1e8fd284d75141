"""Resolve the user's arguments to files: a model by name, run folder or file;
pictures by files and folders.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from s2f_utils import weights
from s2f_utils.networks.info import DIRECTIONS, generator_file
from s2f_utils.pictures import images
from s2f_utils.weights import hub


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
