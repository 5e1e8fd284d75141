"""What a run begins with: models of other runs or shipped ones, the settings they ask for, and their checksums."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from s2f_utils import weights
from s2f_utils.inference import find_generator, generator_file, ways_of
from s2f_utils.models import checkpoints
from s2f_utils.models.directions import DIRECTIONS
from s2f_utils.models.network import ADDS_DETAIL
from s2f_utils.models.resnet import with_dropout_keys
from s2f_utils.training.config import CONFIGS, TrainConfig
from s2f_utils.weights.download import sha256_of

LOADED_LARGER = {"unet": 1.0625, "resnet": 286 / 256}  # for the crop
HINT_SHARE = 0.5  # of a run that begins with a model that knows colour hints


def settings_of(init: str | Path, method: str) -> dict[str, Any]:
    """The settings that a run of this method needs to begin with this model: its size and its network's arguments.

    init: as in `inference.find_generator`. Raises what loading the model raises, and CheckpointError where the method
    trains other networks.
    """
    net, meta = checkpoints.load_network(find_generator(init))
    found: dict[str, Any] = {}
    args = net.args
    if net.name == "twostage":
        found, args = _sizes(args["detail"], "detail_"), args["structure"]
    if net.name in ("resunet", "twostage"):
        found |= _sizes(args)
    elif net.name == "unet":
        found = {name: net.args[name] for name in ("num_downs", "base_filters", "norm")}
    elif net.name in ("resnet", "cgan"):
        found = {name: net.args[name] for name in ("num_blocks", "base_filters", "dropout") if name in net.args}
    if net.name == "stylegan2":
        found, meta = _of_faces(net, method), {}
    elif net.name == "psp":
        kept = {name: meta[name] for name in ("mixing", "mix_from") if name in meta}
        found = {"encoder": net.kind, "direction": net.direction} | _of_faces(net.decoder, method) | kept
        meta = {}
    elif net.name == "gfpgan":
        sizes = ("size_px", "num_style_feat", "num_mlp", "narrow", "channel_multiplier", "residual")
        found = {name: net.args[name] for name in sizes} | {"load_size_px": net.size_px}
        meta = {}
    if net.name in ("resunet", "twostage") and net.hint_spread.any():
        found["hint_share"] = HINT_SHARE  # without hints it would forget what to make of them
    if "direction" in meta and method != "cyclegan":  # which learns both
        found["direction"] = meta["direction"]
    if "size_px" in meta:
        found |= {"size_px": int(meta["size_px"])}
        found["load_size_px"] = round(LOADED_LARGER.get(net.name, 1.0) * found["size_px"])
    if not set(found) <= {field.name for field in dataclasses.fields(CONFIGS[method])}:
        raise checkpoints.CheckpointError(f"{init}: is a {net.name}, which {method} does not train: choose another")
    return found


def _of_faces(net: torch.nn.Module, method: str) -> dict[str, Any]:
    """What a run of stylegan2 or psp has to know of a StyleGAN2 generator."""
    found = {name: net.args[name] for name in ("style_dim", "num_mlp", "channel_multiplier", "width")}
    if method == "psp":
        size = min(net.size_px, 256)
        return found | {"decoder_px": net.size_px, "size_px": size, "load_size_px": size}
    return found | {"size_px": net.size_px, "load_size_px": net.size_px}


def settings_of_detail(detail_init: str | Path) -> dict[str, Any]:
    """The same for the model whose detail a run of "realistic" begins with (its setting `detail_init`)."""
    return _sizes(_detail_of(detail_init)[0].args, "detail_")


def _sizes(args: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A residual U-Net's arguments as settings."""
    lists = {f"{prefix}{name}": ",".join(map(str, args[name])) for name in ("widths", "fine")}
    return lists | {f"{prefix}blocks": args["blocks"]}


def load_init(
    generators: Mapping[str, torch.nn.Module] | torch.nn.Module, init: str | Path | None, config: TrainConfig
) -> None:
    """Load what training begins with into its generator, or its generators by direction; CheckpointError where it is
    of another kind or size, goes the other way, or where the detail is that of answers in the other direction.
    """
    if not isinstance(generators, Mapping):
        generators = {config.direction: generators}
    if init is not None and len(generators) > 1 and set(generators) != set(ways_of(init)):
        raise checkpoints.CheckpointError(
            f"{init}: has not a generator for {' and '.join(generators)}: begin with the folder of a cyclegan run"
        )
    for direction, net in generators.items():
        _load_generator(net, init, direction, config)


def _load_generator(net_g: torch.nn.Module, init: str | Path | None, direction: str, config: TrainConfig) -> None:
    if init is not None:
        given, _ = checkpoints.load_network(find_generator(init, direction))
        if given.about.does == ADDS_DETAIL:
            raise checkpoints.CheckpointError(
                f"{init}: only adds detail to the answer of another model: begin with one that answers a sketch"
                " (sketch-to-photo-faithful, or a run)"
            )
        wanted, name = net_g, net_g.name
        if name == "twostage" and given.name == "resunet":  # its first stage
            wanted, name = net_g.structure, "resunet"
        _load_into(wanted, name, given, init, "widths, blocks, fine; or size_px, base_filters, num_blocks, norm")
    if detail_init := getattr(config, "detail_init", ""):
        detail, meta = _detail_of(detail_init)
        knows = meta.get("direction", config.direction)
        if knows != config.direction:
            raise checkpoints.CheckpointError(
                f"{detail_init}: knows the detail of {knows}, but this run goes {config.direction}: begin with none"
                " (--set detail_init=)"
            )
        sizes = "detail_widths, detail_blocks, detail_fine"
        _load_into(net_g.detail, "resunet", detail, detail_init, sizes)


def _detail_of(path: str | Path) -> tuple[torch.nn.Module, dict[str, Any]]:
    given, meta = checkpoints.load_network(find_generator(path))
    if given.name != "twostage" and not given.about.does == ADDS_DETAIL:
        raise checkpoints.CheckpointError(
            f"{path}: is a model that adds no detail to another's answer: give a run of 'realistic', or"
            " sketch-to-photo-detail"
        )
    return (given.detail if given.name == "twostage" else given), meta


def _load_into(wanted: torch.nn.Module, name: str, given: torch.nn.Module, path: str | Path, settings: str) -> None:
    given_name = getattr(given, "name", name)
    if (given_name, _without_dropout(given.args)) != (name, _without_dropout(wanted.args)):
        raise checkpoints.CheckpointError(
            f"{path}: is a {given_name} of {given.args}, but this run's generator is a {name} of {wanted.args}:"
            f" choose the settings of the checkpoint ({settings})"
        )
    state = given.state_dict()
    if name == "resnet":
        state = with_dropout_keys(state, wanted.args["dropout"] > 0)
    wanted.load_state_dict(state)


def _without_dropout(args: Mapping[str, Any]) -> dict[str, Any]:
    """A network's arguments but for dropout, which has no weights."""
    inside = {k: _without_dropout(v) if isinstance(v, Mapping) else v for k, v in args.items()}
    return {k: v for k, v in inside.items() if k != "dropout"}


def facts_of(config: TrainConfig, init: str | Path | None) -> dict[str, str | None]:
    """What a run begins with, for its config.json: the model's name and the checksums of the files."""
    given = {"init": init, "detail_init": getattr(config, "detail_init", "")}
    sums = {f"{key}_sha256": sha256_of(find_generator(path)) if path else None for key, path in given.items()}
    if init is not None:  # a run that learned both directions has a second generator
        others = [Path(init) / generator_file(way) for way in DIRECTIONS]
        sums |= {f"{other.stem}_sha256": sha256_of(other) for other in others if other.is_file()}
    return {"init": str(init) if init else None, **sums}


def begins_alike(folder: Path, facts: Mapping[str, str | None]) -> bool:
    """Whether a run began with the same models as they are now (by name where it knows no checksums)."""
    theirs = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    keys = [key for key in facts if key.endswith("sha256")]
    if not set(keys) <= set(theirs):
        return theirs.get("init") == facts["init"]
    return all(theirs[key] == facts[key] for key in keys)


def judge_of(init: str | Path) -> Path:
    """Where the discriminator of a generator is, or would be: beside it."""
    generator = find_generator(init)
    if generator.parent == weights.SHIPPED_FOLDER:  # the encoders that come along are for one generator
        return weights.SHIPPED_FOLDER / f"{weights.FACES}-discriminator.safetensors"
    if "generator" not in generator.name:
        return generator.with_name(f"{generator.stem}-discriminator.safetensors")
    return generator.with_name(generator.name.replace("generator", "discriminator"))


def find_judge(init: str | Path) -> Path:
    """The discriminator beside a generator; FileNotFoundError saying what else to do."""
    path = judge_of(init)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no discriminator beside this generator: begin with a run of stylegan2, or choose"
            " --set perceptual=lpips"
        )
    return path


def take(mine: torch.nn.Module, given: torch.nn.Module, path: str | Path | None) -> None:
    """Load a network of faces into another of the same kind and arguments; CheckpointError where they differ."""
    name = getattr(mine, "name", "stylegan2")
    if (given.name, given.args) != (name, mine.args):
        raise checkpoints.CheckpointError(
            f"{path}: is a {given.name} of {given.args}, but this run needs a {name} of {mine.args}: choose the"
            " checkpoint's settings (direction, decoder_px, style_dim, num_mlp, width, channel_multiplier, encoder)"
        )
    mine.load_state_dict(given.state_dict())


def take_grown(mine: torch.nn.Module, given: torch.nn.Module, path: str | Path | None) -> None:
    """Load StyleGAN2's generator or discriminator into one of as many pixels, or more: the layers of more pixels stay
    as they are, and add nothing to the generator's picture at first, which is the small one enlarged.

    Raises CheckpointError where anything else differs, or where the given network has more pixels.
    """
    small, large = given.args.get("size_px", 0), mine.args["size_px"]
    if given.name != mine.name or not 0 < small < large or given.args | {"size_px": large} != mine.args:
        take(mine, given, path)
        return
    state, more = given.state_dict(), (large // small).bit_length() - 1
    if given.name == "stylegan2-disc":  # its blocks are counted from the largest; the one that reads pixels is new
        state = {_counted(key, more): value for key, value in state.items() if not key.startswith("convs.0.")}
    else:
        for to_rgb in mine.to_rgbs[-more:]:
            torch.nn.init.zeros_(to_rgb.conv.weight)
    mine.load_state_dict(mine.state_dict() | state)


def _counted(key: str, more: int) -> str:
    first, number, *rest = key.split(".")
    return ".".join([first, str(int(number) + more), *rest]) if first == "convs" else key
