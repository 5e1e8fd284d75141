"""What this package adds to the tables of `s2f_utils`, each imported when it is asked for."""

from __future__ import annotations


def add_networks() -> None:
    """The networks of the answer's path, for `models.build` and for files that hold them."""
    from s2f_studio.drawings.finder import Finder
    from s2f_studio.faces.networks.expect import Expect
    from s2f_studio.faces.networks.portrait import (
        CodePrior,
        Portrait,
        PortraitDiscriminator,
        PortraitGenerator,
        StyleEncoder,
    )
    from s2f_studio.old.network import Render, RenderJudge
    from s2f_utils.models.registry import NETWORKS

    NETWORKS.update({
        "finder": Finder,
        "expect": Expect,
        "render": Render,
        "render-judge": RenderJudge,
        "portrait": Portrait,
        "portrait-generator": PortraitGenerator,
        "portrait-disc": PortraitDiscriminator,
        "style-encoder": StyleEncoder,
        "code-prior": CodePrior,
    })  # fmt: skip


def add_methods() -> None:
    """The training methods `expect` and `render`."""
    from s2f_studio.faces.method import ExpectMethod
    from s2f_studio.old.method import RenderMethod
    from s2f_utils.training.methods import METHODS

    METHODS.update({"expect": ExpectMethod, "render": RenderMethod})


def add_answers() -> None:
    """How drawings are prepared, and exported models opened."""
    from s2f_studio.drawings import prepare
    from s2f_studio.export import exported
    from s2f_utils.inference import asking, loading

    asking.PREPARERS.append(prepare)
    loading.OPENERS.append(exported)


def add_torch_answers() -> None:
    """How networks that expect or render faces are asked, where PyTorch runs them."""
    from s2f_studio import loading

    loading.add_kinds()


def add_commands() -> None:
    """The commands translate, finetune, export, push, and app."""
    from s2f_studio.cli import app, export, finetune, push, translate
    from s2f_utils.cli.main import COMMANDS

    ours = (translate.translate, finetune.finetune, export.export, push.push, app.app)
    COMMANDS.update({command.__name__: command for command in ours})
