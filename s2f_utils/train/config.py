"""The settings of a run:
the paper's (the defaults in a method's file), then a profile's, then the user's.

`resolve` records where each value comes from.
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from s2f_utils.infer import find_generator
from s2f_utils.methods import METHODS
from s2f_utils.methods.method import Method
from s2f_utils.methods.settings import TrainConfig
from s2f_utils.networks import checkpoints
from s2f_utils.runtime import TRAINING_PROFILES, ConfigError, pick_device


@dataclass(frozen=True)
class Resolved:
    """A method's configuration and, for each of its fields, where the value came from ("paper",
    "profile demo", …).
    """

    method: str
    config: TrainConfig
    origin: dict[str, str] = field(default_factory=dict)

    def changed(self) -> dict[str, tuple[Any, str]]:
        """The fields that differ from the paper's: name → (value, origin)."""
        paper, here = vars(type(self.config)()), vars(self.config)
        return {
            name: (here[name], origin)
            for name, origin in self.origin.items()
            if here[name] != paper[name]
        }


def find_method(name: str) -> type[Method]:
    """A method by its name; ConfigError, which lists the names, if there is none."""
    if name not in METHODS:
        raise ConfigError(f"there is no method {name!r}: the methods are {', '.join(METHODS)}")
    return METHODS[name]


def parse_value(method: str, name: str, text: str) -> Any:
    """Turn a command line's `name=text` into a value of the field's type; whole numbers may be
    written as 2e4.
    """
    _check_names(method, [name])
    kind = find_method(method).Config.model_fields[name].annotation
    if kind is int:
        with contextlib.suppress(ValueError, OverflowError):
            number = float(text)
            text = str(int(number)) if number.is_integer() else text
    try:
        return TypeAdapter(kind).validate_python(text)
    except ValidationError as error:
        what = error.errors()[0]["msg"].replace("Input should", "must", 1)
        raise ConfigError(f"{name} {what}, got {text!r}") from None


def _check_names(method: str, names: Iterable[str]) -> None:
    known = list(find_method(method).Config.model_fields)
    for name in names:
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ConfigError(f"{method} has no setting {name!r}{hint}: it has {', '.join(known)}")


def resolve(
    method: str,
    profile: str = "full",
    overrides: Mapping[str, Any] | None = None,
    *,
    has_gpu: bool | None = None,
    begun_with: Mapping[str, Any] | None = None,
) -> Resolved:
    """The configuration of a method under a profile, with the user's settings on top.

    method: a name in `METHODS`. profile: "full", the paper's values; "demo", for minutes; "fast",
    for tests. overrides: settings by name; a length among them (`epochs` or `total_images`)
    replaces a profile's length, limit of epochs and time budget. has_gpu: whether to take a
    profile's values for a GPU or for a CPU; None: as this machine is. begun_with: settings that the
    initial model requires (`settings_of`), or that the run to resume has (`run.settings_of_run`);
    they override the profile's. Raises ConfigError for an unknown method, profile or setting, and
    for values that cannot work.
    """
    kind, yours = find_method(method), dict(overrides or {})
    if profile not in TRAINING_PROFILES:
        raise ConfigError(
            f"there is no profile {profile!r}: the profiles are {', '.join(TRAINING_PROFILES)}"
        )
    if profile != "full" and profile not in kind.profiles:
        others = " and ".join(name for name, other in METHODS.items() if profile in other.profiles)
        raise ConfigError(f"profile {profile} is for {others}: choose another for {method}")
    has_gpu = pick_device().type != "cpu" if has_gpu is None else has_gpu
    # Where values come from, and which; later ones replace earlier ones.
    layers = {f"profile {profile}": kind.profiles.get(profile, {})}
    if not has_gpu:
        on_cpu = f"{profile} on a CPU"
        layers[f"profile {on_cpu}"] = kind.profiles.get(on_cpu, {})
    layers["the model it begins with"] = begun_with or {}
    if "total_images" in yours or "epochs" in yours:
        layers["your length"] = {"total_images": 0, "max_epochs": 0.0, "time_budget_s": 0.0}
    layers["yours"] = yours
    values: dict[str, Any] = {}
    origin = dict.fromkeys(kind.Config.model_fields, "paper")
    for source, layer in layers.items():
        _check_names(method, layer)
        values.update(layer)
        origin.update(dict.fromkeys(layer, source))
    return Resolved(method, kind.Config.create(values), origin)


def settings_of(init: str | Path, method: str) -> dict[str, Any]:
    """The settings that a run of this method needs to start from this model:
    its size and its network's arguments.

    init: as in `infer.find_generator`. Raises what loading the model raises, and
    CheckpointError if the method trains other networks.
    """
    kind = find_method(method)
    net, meta = checkpoints.load_network(find_generator(init))
    if net.name not in kind.init_networks:
        raise checkpoints.CheckpointError(
            f"{init}: is a {net.name}, which {method} does not train: choose another"
        )
    return kind.settings_from(net, meta)
