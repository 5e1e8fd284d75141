"""The command `s2f train`: a network trained on a data set, and a report."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2f_utils import runtime
from s2f_utils.cli import options

SCORES = "evaluation-val"
NO_VALIDATION = (
    "there is no validation split: make one with 'python -m data_prep pairs SRC OUT --val-share 0.1'; the test split is"
    " scored by 's2f evaluate' alone"
)

if TYPE_CHECKING:
    import torch

    from s2f_utils.data import Manifest
    from s2f_utils.training.config import Resolved
    from s2f_utils.training.state import TrainingRun


def add(parsers: Any) -> argparse.ArgumentParser:
    train = options.command(
        parsers, "train", help="train a network on a data set", description="Train a network; leaves a run folder."
    )
    train.add_argument(
        "method", nargs="?",
        help="pix2pix, cyclegan (without pairs), cgan, faithful, realistic, expect, render, stylegan2, psp, or"
        " restore",
    )  # fmt: skip
    train.add_argument("--data", metavar="DIR", help="folder with a manifest.csv, or the file itself")
    train.add_argument(
        "--profile",
        help="full (the paper's settings, where there is one), demo, fast, or small (a hundred pairs of your own at"
        " 256 px: faithful, realistic); default: S2F_PROFILE, else demo",
    )
    train.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="settings",
        help="change one setting, such as epochs=50, or tracker=wandb (or tensorboard); repeatable;"
        " --list-settings shows all",
    )  # fmt: skip
    train.add_argument(
        "--list-settings", action="store_true", help="print a method's settings and what they mean, and stop"
    )
    train.add_argument("--runs", default="runs", metavar="DIR", help="where the run folder is made (default: runs)")
    train.add_argument("--name", help="name of the run, after its number; default: METHOD-PROFILE")
    train.add_argument(
        "--resume", default="auto", metavar="auto|never|RUN",
        help="auto (default): go on with the newest unfinished run of the same settings; never: a new run; or a run",
    )  # fmt: skip
    train.add_argument(
        "--init", metavar="MODEL", help="begin with this model (fine-tuning): a shipped name, run or file"
    )
    options.add_device(train)
    options.add_mode(train, action="append")
    train.add_argument(
        "--no-report", action="store_true", help="do not score the model on the validation split and write report.html"
    )
    train.add_argument("--dry-run", action="store_true", help="print what would be done, with the origin of each value")
    train.set_defaults(refuse=train.error)
    return train


def run(args: argparse.Namespace) -> int:
    if args.list_settings:
        return _list_settings(args)
    if missing := [name for name, value in (("method", args.method), ("--data", args.data)) if value is None]:
        args.refuse(f"the following arguments are required: {', '.join(missing)}")  # --list-settings needs neither
    from s2f_utils.data import read_manifest
    from s2f_utils.runtime import distributed
    from s2f_utils.training.loop import train
    from s2f_utils.training.run import check_beginning, open_run

    profile, resolved, device = _resolve(args)
    manifest = read_manifest(args.data)
    counts = ", ".join(f"{len(manifest.split(s))} {s}" for s in ("train", "val", "test"))
    if args.dry_run:
        if args.resume in ("auto", "never"):
            check_beginning(resolved, args.init)
        print(f"{args.method}, profile {profile}, on {device.type}; pairs: {counts}; nothing is written")
        for name, origin in resolved.origin.items():
            shown = "default" if origin == "paper" else origin  # not every method has a paper
            print(f"  {name} = {getattr(resolved.config, name)!r}  ({shown})")
        return 0
    run = open_run(
        resolved, manifest, args.runs, name=args.name or f"{args.method}-{profile}", resume=args.resume, init=args.init,
        device=str(device) if args.device == "auto" else args.device,
    )  # fmt: skip
    how = f"goes on at image {run.images_seen:,}" if run.images_seen else "begins"
    several = f" in {distributed.world_size()} processes" if distributed.world_size() > 1 else ""
    length = f"{run.total_images:,} images, profile {profile}, {device.type}{several}, {run.precision.name}"
    if distributed.is_rank_zero():
        print(f"{run.folder} {how}: {run.method}, {length}; {_shown(run, counts)}")
    if train(run) == "interrupted":
        return 130
    if not distributed.is_rank_zero():
        return 0
    if run.model.data == "photos" or args.no_report:
        print(f"model: {run.folder / 'generator.safetensors'}")
    else:
        print(f"report: {_report(run.folder, manifest, args.mode or ['deterministic'], args.device)}")
    return 0


def _resolve(args: argparse.Namespace) -> tuple[str, Resolved, torch.device]:
    """The profile, the settings and the device that a command line asks for."""
    from s2f_utils import runtime
    from s2f_utils.training import config
    from s2f_utils.training.methods.realistic import settings_of_detail

    profile = runtime.profile_name(asked=args.profile)
    overrides = _overrides(args.method, args.settings)
    device = runtime.pick_device(args.device)
    begun_with = config.settings_of(args.init, args.method) if args.init else {}
    has_gpu = device.type != "cpu"
    resolved = config.resolve(args.method, profile, overrides, has_gpu=has_gpu, begun_with=begun_with)
    if detail_init := getattr(resolved.config, "detail_init", ""):
        begun_with |= settings_of_detail(detail_init)
        resolved = config.resolve(args.method, profile, overrides, has_gpu=has_gpu, begun_with=begun_with)
    return profile, resolved, device


def _overrides(method: str, settings: Sequence[str]) -> dict[str, Any]:
    """What --set asks for: name → value."""
    from s2f_utils.runtime import ConfigError
    from s2f_utils.training.config import find_method, parse_value

    find_method(method)
    out = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ConfigError(f"--set needs NAME=VALUE, got {setting!r}")
        out[name.strip()] = parse_value(method, name.strip(), text.strip())
    return out


def _list_settings(args: argparse.Namespace) -> int:
    """Print a method's settings: the paper's values, those of this command line where they differ, and meanings."""
    from s2f_utils.training.config import meanings
    from s2f_utils.training.methods import METHODS

    if args.method is None:
        print("the methods:")
        for method, kind in METHODS.items():
            print(f"  {method:<13} {_first_line(kind.settings)}")
        print("s2f train METHOD --list-settings prints a method's settings")
        return 0
    profile, resolved, device = _resolve(args)
    kind, changed = type(resolved.config), resolved.changed()
    paper = kind()
    print(f"{args.method}: {_first_line(kind)}")
    differs = f"the one here (profile {profile}, {device.type}) if it differs"
    print(f"NAME = the default (the paper's, where there is one), {differs}, and what it means")
    for name, meaning in meanings(kind).items():
        value, origin = changed.get(name, (None, ""))
        here = f"; {origin}: {value!r}" if origin else ""
        print(f"  {f'{name} = {getattr(paper, name)!r}{here}':<48}  {meaning}".rstrip())
    return 0


def _first_line(kind: type) -> str:
    return inspect.getdoc(kind).splitlines()[0]


def _shown(run: TrainingRun, counts: str) -> str:
    """What a run is shown, in words; counts: of the pairs in each split."""
    counted = runtime.counted
    if run.model.data == "photos":
        return counted(len(run.data), "photo")
    if run.model.data != "piles":
        return f"pairs: {counts}"
    sketches = f"{counted(len(run.data.sketches), 'sketch')} and {counted(len(run.data.photos), 'photo')}"
    return f"{sketches}, of different people" if run.config.apart else sketches


def _report(folder: Path, manifest: Manifest, modes: Sequence[str], device: str) -> Path:
    """Score a run in each of its directions on the validation split, print the tables, and write its report."""
    from s2f_utils.data import DataError
    from s2f_utils.inference import load, ways_of
    from s2f_utils.metrics.evaluation import evaluate
    from s2f_utils.training.report import write_report

    found, ways = [], ways_of(folder)
    not_scored = "" if manifest.split("val") else NO_VALIDATION
    for direction in ways if not not_scored else ():
        translator = load(folder, device, direction=direction)
        name, out = translator.meta.get("method", "model"), f"{SCORES}-{direction}" if found else SCORES
        try:
            found.append(evaluate(translator, manifest, folder / out, split="val", modes=modes, name=name))
        except DataError as error:
            not_scored = str(error)
            continue
        if len(ways) > 1:
            print(f"{direction.replace('-to-', ' → ')}:")
        print(found[-1].table())
    if found:
        print("scored on the validation split; 's2f evaluate' scores the test split")
    if not_scored:
        print(f"not scored: {not_scored}")
    return write_report(folder, *found, not_scored=not_scored).resolve()
