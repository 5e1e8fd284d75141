"""Initial weights: load networks of other runs, or shipped ones, into those of a new run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from s2f_utils.infer import find_generator
from s2f_utils.networks import checkpoints
from s2f_utils.networks.resnet import with_dropout_keys

# settings of a network's size
SIZES = "widths, blocks, fine; or size_px, base_filters, num_blocks, norm"
# of StyleGAN2 and pSp
FACES = "direction, decoder_px, style_dim, num_mlp, width, channel_multiplier, encoder"


def answering(init: str | Path, direction: str) -> nn.Module:
    """The generator in `init` for this direction."""
    given, _ = checkpoints.load_network(find_generator(init, direction))
    return given


def load_into(
    wanted: nn.Module, given: nn.Module, path: str | Path | None, settings: str = SIZES
) -> None:
    """Load a network into another of the same class (or one derived from it) and arguments, except
    dropout; if they differ, CheckpointError, which names the settings to change.
    """
    if not isinstance(wanted, type(given)) or _without_dropout(given.args) != _without_dropout(
        wanted.args
    ):
        raise checkpoints.CheckpointError(
            f"{path}: is a {given.name} of {given.args}, but this run needs a "
            f"{wanted.name or given.name} of"
            f" {wanted.args}: choose the settings of the checkpoint ({settings})"
        )
    state = given.state_dict()
    wanted.load_state_dict(
        with_dropout_keys(state, wanted.args["dropout"] > 0) if given.name == "resnet" else state
    )


def _without_dropout(args: Mapping[str, Any]) -> dict[str, Any]:
    """A network's arguments except dropout, which has no weights."""
    return {
        k: _without_dropout(v) if isinstance(v, Mapping) else v
        for k, v in args.items()
        if k != "dropout"
    }


def discriminator_of(init: str | Path) -> Path:
    """The path beside a generator where its discriminator is, or would be."""
    path = find_generator(init)
    if "generator" in path.name:
        return path.with_name(path.name.replace("generator", "discriminator"))
    return path.with_name(f"{path.stem}-discriminator.safetensors")


def find_discriminator(init: str | Path) -> Path:
    """The discriminator beside a generator; FileNotFoundError with the alternatives."""
    path = discriminator_of(init)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no discriminator beside this generator: start from a run of stylegan2, or"
            " choose --set perceptual=lpips"
        )
    return path
