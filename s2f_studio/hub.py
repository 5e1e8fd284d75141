"""What is sent of a model to the Hugging Face hub: its generators, and a short card."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

from s2f_utils import weights
from s2f_utils.networks.info import DIRECTIONS, DRAWS, MEASURES, RESTORES, SCORES, ModelInfo
from s2f_utils.pictures.images import GENERATED_NOTE

README = "README.md"
NO_LICENCE = "other"
LIMITING = re.compile(
    r"redistribut|agreement|research|non-commercial|ask its authors", re.IGNORECASE
)
CARD = """\
---
license: {licence}
{licence_name}library_name: sketch-to-face
pipeline_tag: image-to-image
---

# {name}

**{note}**

Do not use it to identify or to accuse anybody, nor to pass an answer off as a photo of a real
person. It knows faces like those it learned from: whoever is rare there gets a worse answer.

- {task} faces ({direction}): {network}, {size_px} x {size_px} pixels, trained by {method}
- trained on: {trained_on}; terms of these data: {terms}
- licence of the weights: {licence}

```
pip install huggingface_hub
s2f {command}
```
"""
PICTURES = {"photo": "photo.jpg", "map": "map.png"}


def pack(model: str | Path, out: Path, repo: str, licence: str = NO_LICENCE) -> ModelInfo:
    """Copy the generators of a run folder, or a `.safetensors` file, into the folder `out`, and
    write README.md; returns the description of the model.

    Raises FileNotFoundError, CheckpointError, or ValueError for a file that is not a model of ours.
    """
    from s2f_utils.networks import checkpoints
    from s2f_utils.networks.info import generator_file

    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", licence):
        raise ValueError(
            f"--licence {licence!r}: give the hub's name of it, such as mit, cc-by-nc-4.0 or other"
        )
    is_run = Path(model).is_dir()
    path = Path(model) / generator_file() if is_run else Path(model)
    info = _checked_info(path)
    checkpoints.publish(path, out / generator_file())
    for direction in DIRECTIONS if is_run else ():
        other = path.with_name(generator_file(direction))
        if other.is_file():
            checkpoints.publish(other, out / other.name)
    (out / README).write_text(card(info, repo, licence), encoding="utf-8")
    return info


def card(info: ModelInfo, repo: str, licence: str) -> str:
    """README.md of a repository "user/model" on the hub, with the YAML that the hub reads."""
    return CARD.format(
        licence=licence,
        licence_name="license_name: none-chosen\n" if licence == NO_LICENCE else "",
        name=repo.partition("/")[2],
        note=GENERATED_NOTE,
        task=info.task,
        direction=info.direction or "from random codes",
        network=info.network,
        size_px=info.size_px,
        method=info.method,
        trained_on=", ".join(info.public().trained_on) or "not recorded",
        terms=info.shown_terms,
        command=_command(info, repo),
    )


def _command(info: ModelInfo, repo: str) -> str:
    """The command that uses such a model, after s2f."""
    if info.task == RESTORES:
        return f"enhance photo.jpg --restorer hf:{repo}"
    if info.task == DRAWS:
        return f"faces hf:{repo} --num 8"
    if info.reads == "sketch and map":
        return f"faces hf:{repo} sketch.png --map map.png"
    return f"translate hf:{repo} {PICTURES.get(info.reads, 'drawing.jpg')}"


def _checked_info(path: Path) -> ModelInfo:
    """The description of a generator of ours; terms that its file lacks come from the run's
    folder.
    """
    from s2f_utils.data import terms_of
    from s2f_utils.networks import checkpoints

    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no such model: give a run folder, or a .safetensors file of yours"
        )
    if path.suffix != ".safetensors":
        raise ValueError(f"{path}: only .safetensors files are published: they hold no code")
    info = checkpoints.info_of(path)
    if not info.network:
        raise ValueError(
            f"{path}: does not say what it is: only models trained by this project are published"
        )
    if info.network == weights.GENERATOR:
        raise ValueError(
            f"{path}: is not ours to pass on: everyone fetches it, s2f weights {info.network}"
        )
    if info.task in (SCORES, MEASURES):
        raise ValueError(
            f"{path}: is a {info.network}, which {info.task} pictures: give a generator"
        )
    config = path.with_name("config.json")
    if info.terms is None and config.is_file():
        settings = json.loads(config.read_text(encoding="utf-8")).get("data_settings", {})
        info = dataclasses.replace(info, terms=terms_of(settings) or None)
    return info


def check_terms(info: ModelInfo, may_publish: bool) -> None:
    """Raise ValueError where the terms of the training pictures limit what may be passed on, unless
    a person says that it may be.
    """
    limiting = [terms for terms in info.terms or () if LIMITING.search(terms)]
    if limiting and not may_publish:
        raise ValueError(
            "the terms of the training data limit what may be passed on"
            f" ({'; '.join(limiting)}): read them, ask its owners, and give --i-may-publish where"
            " they allow it"
        )
