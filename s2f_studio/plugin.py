"""The studio's contributions to `s2f_utils`, as its `extensions` describes them; an entry point
names this module. Everything is imported when it is asked for.
"""

from __future__ import annotations

from typing import Any


def networks() -> dict[str, Any]:
    """Classes of networks by the names in files' headers."""
    from s2f_studio.drawings.landmark_net import LandmarkNet
    from s2f_studio.faces.networks.chooser import Chooser
    from s2f_studio.faces.networks.expect import Expect
    from s2f_studio.faces.networks.person import Person

    return {"finder": LandmarkNet, "expect": Expect, "person": Person, "chooser": Chooser}


def methods() -> dict[str, Any]:
    """Training methods by name."""
    from s2f_studio.faces.method import ExpectMethod

    return {"expect": ExpectMethod}


def models() -> dict[str, Any]:
    """Classes of models by the names of their networks."""
    from s2f_studio.faces.model import FaceModel

    return {FaceModel.NETWORK: FaceModel}


def commands() -> dict[str, Any]:
    """Commands of `s2f` by name."""
    from s2f_studio.cli import app, export, finetune, push, translate

    functions = (translate.translate, finetune.finetune, export.export, push.push, app.app)
    return {function.__name__: function for function in functions}


def tools() -> dict[str, Any]:
    """What prepares pictures, and what opens graphs."""
    from s2f_studio.drawings.prepare import prepare_for
    from s2f_studio.export import exported

    def prepare(picture: Any, info: Any, **options: Any) -> Any:
        return prepare_for(picture, info, **options).image

    return {
        "prepare": prepare,
        "open_model": exported.open_model,
        "open_restorer": exported.open_restorer,
    }
