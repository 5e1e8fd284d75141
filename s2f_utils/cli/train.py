"""The command `s2f train`: a network trained on a data set, and a report."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from s2f_utils.cli.options import Device

if TYPE_CHECKING:
    import torch

    from s2f_utils.data import Manifest
    from s2f_utils.training.config import Resolved
    from s2f_utils.training.state import TrainingRun

SCORES = "evaluation-val"
NO_VALIDATION = (
    "there is no validation split: make one with 'python -m data_prep pairs SRC OUT --val-share 0.1'; the test split is"
    " scored by 's2f evaluate' alone"
)


def train(
    method: str | None = None,
    /,
    *,
    data: Path | None = None,
    profile: str | None = None,
    settings: Annotated[tuple[str, ...], Parameter("--set", metavar="NAME=VALUE")] = (),
    list_settings: bool = False,
    runs: Path = Path("runs"),
    name: str | None = None,
    resume: Annotated[str, Parameter(metavar="auto|never|RUN")] = "auto",
    init: Annotated[str | None, Parameter(metavar="MODEL")] = None,
    device: Device = "auto",
    no_report: bool = False,
    dry_run: bool = False,
) -> int:
    """Train a network on a data set; leaves a run folder.

    Args:
        method: pix2pix, cyclegan (without pairs), cgan, faithful, realistic, expect, render, stylegan2, psp, restore
        data: folder with a manifest.csv, or the file itself
        profile: full (the paper's settings, where there is one), demo, fast, or small (a hundred pairs of your own at
            256 px: faithful, realistic); default: S2F_PROFILE, else demo
        settings: change one setting, such as epochs=50, or tracker=wandb; repeatable; --list-settings shows all
        list_settings: print a method's settings and what they mean, and stop
        runs: where the run folder is made
        name: name of the run, after its number; default: METHOD-PROFILE
        resume: auto: go on with the newest unfinished run of the same settings; never: a new run; or a run
        init: begin with this model (fine-tuning): a shipped name, run or file
        no_report: do not score the model on the validation split and write report.html
        dry_run: print what would be done, with the origin of each value
    """
    if list_settings:
        return _list_settings(method, profile, settings, init, device)
    if missing := [what for what, value in (("METHOD", method), ("--data", data)) if value is None]:
        raise ValueError(f"train needs {' and '.join(missing)}: s2f train METHOD --data DIR")
    from s2f_utils.data import read_manifest
    from s2f_utils.runtime import distributed
    from s2f_utils.training.loop import train as train_run
    from s2f_utils.training.run import check_beginning, open_run

    with distributed.process_group(device) as device:
        profile, resolved, found = _resolve(method, profile, settings, init, device)
        manifest = read_manifest(data)
        counts = ", ".join(f"{len(manifest.split(s))} {s}" for s in ("train", "val", "test"))
        if dry_run:
            if resume in ("auto", "never"):
                check_beginning(resolved, init)
            print(f"{method}, profile {profile}, on {found.type}; pairs: {counts}; nothing is written")
            for setting, origin in resolved.origin.items():
                shown = "default" if origin == "paper" else origin  # not every method has a paper
                print(f"  {setting} = {getattr(resolved.config, setting)!r}  ({shown})")
            return 0
        run = open_run(
            resolved, manifest, runs, name=name or f"{method}-{profile}", resume=resume, init=init,
            device=str(found) if device == "auto" else device,
        )  # fmt: skip
        if distributed.is_rank_zero():
            print(_announced(run, profile, found.type, counts))
        if train_run(run) == "interrupted":
            return 130
        if not distributed.is_rank_zero():
            return 0
        if run.model.data == "photos" or no_report:
            print(f"model: {run.folder / 'generator.safetensors'}")
        else:
            print(f"report: {_report(run.folder, manifest, device)}")
        return 0


def _resolve(
    method: str, profile: str | None, settings: Sequence[str], init: str | None, device: str
) -> tuple[str, Resolved, torch.device]:
    """The profile, the settings and the device that a command line asks for."""
    from s2f_utils import runtime
    from s2f_utils.training import config
    from s2f_utils.training.methods.realistic import settings_of_detail

    profile = runtime.profile_name(asked=profile)
    overrides = _overrides(method, settings)
    found = runtime.pick_device(device)
    begun_with = config.settings_of(init, method) if init else {}
    has_gpu = found.type != "cpu"
    resolved = config.resolve(method, profile, overrides, has_gpu=has_gpu, begun_with=begun_with)
    if detail_init := getattr(resolved.config, "detail_init", ""):
        begun_with |= settings_of_detail(detail_init)
        resolved = config.resolve(method, profile, overrides, has_gpu=has_gpu, begun_with=begun_with)
    return profile, resolved, found


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


def _list_settings(
    method: str | None, profile: str | None, settings: Sequence[str], init: str | None, device: str
) -> int:
    """Print a method's settings: the paper's values, those of this command line where they differ, and meanings."""
    from s2f_utils.training.config import meanings
    from s2f_utils.training.methods import METHODS

    if method is None:
        print("the methods:")
        for name, kind in METHODS.items():
            print(f"  {name:<13} {_first_line(kind.settings)}")
        print("s2f train METHOD --list-settings prints a method's settings")
        return 0
    profile, resolved, found = _resolve(method, profile, settings, init, device)
    kind, changed = type(resolved.config), resolved.changed()
    paper = kind()
    print(f"{method}: {_first_line(kind)}")
    differs = f"the one here (profile {profile}, {found.type}) if it differs"
    print(f"NAME = the default (the paper's, where there is one), {differs}, and what it means")
    for name, meaning in meanings(kind).items():
        value, origin = changed.get(name, (None, ""))
        here = f"; {origin}: {value!r}" if origin else ""
        print(f"  {f'{name} = {getattr(paper, name)!r}{here}':<48}  {meaning}".rstrip())
    return 0


def _first_line(kind: type) -> str:
    return inspect.getdoc(kind).splitlines()[0]


def _announced(run: TrainingRun, profile: str, device: str, counts: str) -> str:
    """What begins or goes on, and what the run is shown; counts: of the pairs in each split."""
    from s2f_utils.runtime import counted, distributed

    how = f"goes on at image {run.images_seen:,}" if run.images_seen else "begins"
    several = f" in {distributed.world_size()} processes" if distributed.world_size() > 1 else ""
    limit = f", {run.config.time_budget_s:.0f} s at most" if run.config.time_budget_s else ""
    length = f"{run.total_images:,} images{limit}, profile {profile}, {device}{several}, {run.precision.name}"
    shown = f"pairs: {counts}"
    if run.model.data == "photos":
        shown = counted(len(run.data), "photo")
    elif run.model.data == "piles":
        shown = f"{counted(len(run.data.sketches), 'sketch')} and {counted(len(run.data.photos), 'photo')}"
        shown += ", of different people" if run.config.apart else ""
    return f"{run.folder} {how}: {run.method}, {length}; {shown}"


def _report(folder: Path, manifest: Manifest, device: str) -> Path:
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
            found.append(evaluate(translator, manifest, folder / out, split="val", name=name))
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
