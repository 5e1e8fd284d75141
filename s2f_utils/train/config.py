"""The settings of a run: the paper's (the defaults in a method's file), then a profile's, then the
user's.

`resolve` records where each value comes from; `meanings` reads the comments beside them.
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from s2f_utils.infer import find_generator
from s2f_utils.methods import METHODS
from s2f_utils.methods.config import TrainConfig, limits_of
from s2f_utils.methods.method import Method
from s2f_utils.networks import checkpoints
from s2f_utils.runtime import TRAINING_PROFILES, ConfigError, pick_device

REMOVED = {  # until the next release
    "check_memory": "leave it out; if memory runs out, the error says what to reduce",
    **dict.fromkeys(
        ("input_brightness", "input_contrast", "input_lines"), "change the pictures before training"
    ),
    "track_checkpoints": "generators are in the run's folder",
    "keep_best": "num_snapshots saves generators during training, and 's2f evaluate --split val' scores them",
    "hint_share": "colours are no longer an input; leave it out",
    "lambda_features": "use lambda_perceptual",
    "detail_init": "--init with a run of realistic starts from both of its networks",
    **dict.fromkeys(
        ("disc_layers", "disc_layers_colour", "disc_crops", "disc_steps"),
        "it is fixed; leave it out",
    ),
    "accumulate": "use a smaller batch_size",
    "keep_last": "the last saved state is always complete",
    "on_divergence": "training stops; start again from the last good state with a lower learning rate",
}


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
    """Turn a command line's `name=text` into a value of the field's type."""
    _check_names(method, [name])
    kind = type(getattr(find_method(method).settings, name))
    if kind is bool:  # bool("false") is True
        if text.lower() not in ("true", "false"):
            raise ConfigError(f"{name} must be true or false, got {text!r}")
        return text.lower() == "true"
    try:
        return kind(float(text)) if kind is int and float(text).is_integer() else kind(text)
    except ValueError:
        raise ConfigError(f"{name} must be a {kind.__name__}, got {text!r}") from None


def _check_names(method: str, names: Iterable[str]) -> None:
    known = [f.name for f in dataclasses.fields(find_method(method).settings)]
    for name in (name for name in names if name not in known):
        if name in REMOVED:
            raise ConfigError(f"{name} is gone: {REMOVED[name]}")
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
    """The configuration of a method under a profile, with the user's `overrides` on top. A length
    among these (`epochs` or `total_images`) replaces a profile's length, limit of epochs and time
    budget.

    has_gpu: whether to take a profile's values for a GPU or for a CPU; None: as this machine is.
    begun_with: settings that the initial model requires (`settings_of`); they override the
    profile's. Raises ConfigError for an unknown method, profile or setting, and for values that
    cannot work.
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
    on_cpu, has_length = f"{profile} on a CPU", bool({"total_images", "epochs"} & set(yours))
    layers = {
        f"profile {profile}": kind.profiles.get(profile, {}),
        f"profile {on_cpu}": {} if has_gpu else kind.profiles.get(on_cpu, {}),
        "the model it begins with": begun_with or {},
        "your length": {"total_images": 0, "max_epochs": 0.0, "time_budget_s": 0.0}
        if has_length
        else {},
        "yours": yours,
    }
    values: dict[str, Any] = {}
    origin = {f.name: "paper" for f in dataclasses.fields(kind.settings)}
    for source, layer in layers.items():
        _check_names(method, layer)
        values.update(layer)
        origin.update(dict.fromkeys(layer, source))
    config = kind.settings(**values)
    config.validate()
    return Resolved(method, config, origin)


def settings_of(init: str | Path, method: str) -> dict[str, Any]:
    """The settings that a run of this method needs to start from this model: its size and its
    network's arguments.

    init: as in `inference.find_generator`. Raises what loading the model raises, and
    CheckpointError if the method trains other networks.
    """
    kind = find_method(method)
    net, meta = checkpoints.load_network(find_generator(init))
    if net.name not in kind.begins_with:
        raise checkpoints.CheckpointError(
            f"{init}: is a {net.name}, which {method} does not train: choose another"
        )
    return kind.settings_from(net, meta)


def meanings(kind: type) -> dict[str, str]:
    """What each field of a dataclass means: name → the comments beside it in the class and its
    bases, and its allowed words. Raises OSError if there is no source to read.
    """
    comments: dict[str, list[str]] = {field.name: [] for field in dataclasses.fields(kind)}
    for base in filter(dataclasses.is_dataclass, reversed(kind.__mro__)):
        for name, comment in re.findall(
            r"^ +(\w+): .*?  # (.+)$", inspect.getsource(base), flags=re.MULTILINE
        ):
            comments.get(name, []).append(comment)  # class variables are skipped
    for name, texts in comments.items():
        known = limits_of(kind, name).known
        if not all(word in "; ".join(texts) for word in known):
            texts.append(f"one of {', '.join(known)}")
    return {name: "; ".join(texts) for name, texts in comments.items()}
