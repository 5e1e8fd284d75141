"""The command `s2f train`: a network trained on a data set, and its scores."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from s2f_studio.cli.options import Device

if TYPE_CHECKING:
    import torch

    from s2f_utils.data import Manifest
    from s2f_utils.train.config import Resolved
    from s2f_utils.train.state import TrainingRun

SCORES = "evaluation-val"
NO_RUN = ("auto", "never")  # of --resume, which else names a run
NO_VALIDATION = (
    "there is no validation split: make one with 'python -m data_prep pairs SRC OUT --val-share"
    " 0.1'; the test split is scored by 's2f evaluate' alone"
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
    no_scores: bool = False,
) -> int:
    """Train a network on a data set; leaves a run folder.

    Args:
        method: pix2pix, cyclegan (without pairs), cgan, faithful, expect, stylegan2, psp,
            restore
        data: folder with a manifest.csv, or the file itself
        profile: full (the paper's settings, where there is one), demo, fast, or small (a hundred
            pairs of your own at 256 px: faithful); default: S2F_PROFILE, else demo
        settings: change one setting, such as epochs=50, or tracker=wandb; repeatable;
            --list-settings shows all
        list_settings: print a method's settings and what they mean, and stop
        runs: where the run folder is made
        name: name of the run, after its number; default: METHOD-PROFILE
        resume: auto: go on with the newest unfinished run of the same settings; never: a new run;
            or a run, which keeps its settings except for those of --set
        init: begin with this model (fine-tuning): a shipped name, run or file
        no_scores: do not score the model on the validation split
    """
    from s2f_studio.faces import method as _expect  # noqa: F401  the method is known from now on
    from s2f_studio.shipped import EXPECT, FILES, MODEL, file_of

    if method is None or (data is None and not list_settings):
        raise ValueError("train needs METHOD and --data: s2f train METHOD --data DIR")
    if init == MODEL:
        init = EXPECT  # the one of its networks that a method trains
    if init in FILES:
        init = str(file_of(init))
    if list_settings:
        return _list_settings(method, *_resolve(method, profile, settings, init, device))
    from s2f_utils.data import read_manifest
    from s2f_utils.runtime import distributed
    from s2f_utils.train.loop import train as train_run
    from s2f_utils.train.run import open_run

    with distributed.process_group(device) as device:
        profile, resolved, chosen = _resolve(method, profile, settings, init, device, resume)
        manifest = read_manifest(data)
        run = open_run(
            resolved,
            manifest,
            runs,
            name=name or f"{method}-{profile}",
            resume=resume,
            init=init,
            device=str(chosen),
        )
        if distributed.is_rank_zero():
            of_profile = f"profile {profile}" if resume in NO_RUN else "its own settings"
            print(f"{run.folder} {_described(run, of_profile)}")
        reason = train_run(run)
        if reason == "interrupted":
            return 130
        if distributed.is_rank_zero():
            if run.model.data != "photos" and not no_scores:
                _score(run, manifest, device)
            if reason == "done" and run.images_seen < run.longest_images:
                print(
                    f"the time budget ended it after {run.images_seen:,} of"
                    f" {run.longest_images:,} images; to go on: the same command with --resume"
                    f" {run.folder} and a longer time_budget_s"
                )
            print(f"model: {run.folder / 'generator.safetensors'}")
    return 0


def _described(run: TrainingRun, settings: str) -> str:
    """What a run is about to do, in a line. settings: where they come from."""
    from s2f_utils.runtime import counted, distributed

    how = "goes on" if run.images_seen else "begins"
    length = f"{run.total_images:,} images"
    if run.config.time_budget_s:
        length += f", {run.config.time_budget_s:.0f} s at most"
    device = f"{distributed.world_size()} x {run.precision.device.type}, {run.precision.name}"
    sketches = counted(len(run.data.sketches), "sketch")
    photos = counted(len(run.data.photos), "photo")
    return f"{how}: {run.method}, {settings}, {length}, on {device}; {sketches}, {photos}"


def _resolve(
    method: str,
    profile: str | None,
    settings: Sequence[str],
    init: str | None,
    device: str,
    resume: str = "auto",
) -> tuple[str, Resolved, torch.device]:
    """The profile, the settings and the device that a command line asks for; a run to resume brings
    its own settings.
    """
    from s2f_utils import runtime
    from s2f_utils.train import config
    from s2f_utils.train.run import settings_of_run

    profile = runtime.profile_name(asked=profile)
    config.find_method(method)
    overrides = {}
    for setting in settings:
        name, equals, text = map(str.strip, setting.partition("="))
        if not equals:
            raise runtime.ConfigError(f"--set needs NAME=VALUE, got {setting!r}")
        overrides[name] = config.parse_value(method, name, text)
    chosen = runtime.pick_device(device)
    begun_with = config.settings_of(init, method) if init else {}
    if resume not in NO_RUN:
        begun_with |= settings_of_run(resume, method)
    has_gpu = chosen.type != "cpu"
    return (
        profile,
        config.resolve(method, profile, overrides, has_gpu=has_gpu, begun_with=begun_with),
        chosen,
    )


def _list_settings(method: str, profile: str, resolved: Resolved, device: torch.device) -> int:
    """Print a method's settings: the paper's values, those of this command line where they differ,
    and meanings.
    """
    kind = type(resolved.config)
    changed = resolved.changed()
    print(f"{method}: {inspect.getdoc(kind).splitlines()[0]}")
    differs = f"the one here (profile {profile}, {device.type}) if it differs"
    print(f"NAME = the default (the paper's, where there is one), {differs}, and what it means")
    for name, field in kind.model_fields.items():
        value, origin = changed.get(name, (None, ""))
        here = f"; {origin}: {value!r}" if origin else ""
        print(f"  {f'{name} = {field.default!r}{here}':<48}  {field.description or ''}".rstrip())
    return 0


def _score(run: TrainingRun, manifest: Manifest, device: str) -> None:
    """Score a run in each of its directions on the validation split, and print the tables."""
    from s2f_studio.loading import load
    from s2f_utils import runtime
    from s2f_utils.data import DataError
    from s2f_utils.metrics.evaluation import evaluate

    if not manifest.split("val"):
        print(f"not scored: {NO_VALIDATION}")
        return
    for direction in run.generators:
        translator = load(run.folder, device, direction=direction)
        is_main = direction == run.config.direction
        out = run.folder / (SCORES if is_main else f"{SCORES}-{direction}")
        try:
            with runtime.preferred_device(device):
                result = evaluate(translator, manifest, out, split="val", name=run.method)
        except DataError as error:  # of the data: the other direction meets it as well
            print(f"not scored: {error}")
            return
        arrow = direction.replace("-to-", " → ")
        print(f"{arrow}, on the validation split; 's2f evaluate' scores the test split:")
        print(result.table())
