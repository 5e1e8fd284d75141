"""A method's settings: the papers' (`settings`), the profiles that override them, and a person's own.

A value comes from the paper, from the profile, or from the person who asked for it; `resolve` keeps track of which.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from s2f_utils.runtime import ConfigError
from s2f_utils.training.profiles import PROFILES
from s2f_utils.training.settings import (
    CONFIGS,
    CGANConfig,
    CycleGANConfig,
    FaithfulConfig,
    Pix2PixConfig,
    PSPConfig,
    RealisticConfig,
    RestoreConfig,
    StyleGAN2Config,
    TrainConfig,
    validate,
)

__all__ = [  # the tables are asked for here, too
    "CONFIGS",
    "PROFILES",
    "PSPConfig",
    "CGANConfig",
    "CycleGANConfig",
    "FaithfulConfig",
    "Pix2PixConfig",
    "RealisticConfig",
    "Resolved",
    "RestoreConfig",
    "StyleGAN2Config",
    "TrainConfig",
    "config_from_dict",
    "parse_value",
    "resolve",
    "validate",
]

TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class Resolved:
    """A configuration and, for each of its fields, where the value came from ("paper", "profile demo", "yours")."""

    config: TrainConfig
    origin: dict[str, str] = field(default_factory=dict)

    def changed(self) -> dict[str, tuple[Any, str]]:
        """The fields that differ from the paper's: name → (value, origin)."""
        paper = type(self.config)()
        found = {k: (getattr(self.config, k), v) for k, v in self.origin.items()}
        return {k: (value, v) for k, (value, v) in found.items() if value != getattr(paper, k)}


def parse_value(method: str, name: str, text: str) -> Any:
    """Turn a command line's `name=text` into a value of the field's type."""
    fields = {f.name: f for f in dataclasses.fields(CONFIGS[method])}
    _check_names(method, [name])
    kind = type(fields[name].default)
    if kind is bool:  # bool("false") is True
        if text.lower() not in TRUTHS:
            raise ConfigError(f"{name} must be true or false, got {text!r}")
        return TRUTHS[text.lower()]
    try:
        return kind(float(text)) if kind is int and float(text) == int(float(text)) else kind(text)
    except (ValueError, OverflowError):
        raise ConfigError(f"{name} must be a {kind.__name__}, got {text!r}") from None


def _check_names(method: str, names: list[str]) -> None:
    known = [f.name for f in dataclasses.fields(CONFIGS[method])]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise ConfigError(f"{method} has no setting {name!r}{hint}: it has {', '.join(known)}")


def resolve(
    method: str,
    profile: str = "full",
    overrides: Mapping[str, Any] | None = None,
    *,
    has_gpu: bool = False,
    begun_with: Mapping[str, Any] | None = None,
) -> Resolved:
    """The configuration of a method under a profile, with a person's `overrides` on top.

    begun_with: what the model that training begins with asks for (`training.init.settings_of`), above the profile's.

    A length among the overrides (`epochs` or `total_images`) stands above a profile's length, limit of passes and time
    budget.
    Raises ConfigError for an unknown method, profile or setting, and for values that cannot work.
    """
    if method not in CONFIGS:
        raise ConfigError(f"there is no method {method!r}: the methods are {', '.join(CONFIGS)}")
    if profile not in PROFILES:
        raise ConfigError(f"there is no profile {profile!r}: the profiles are {', '.join(PROFILES)}")
    if profile != "full" and method not in PROFILES[profile]:
        raise ConfigError(f"profile {profile} is for {' and '.join(PROFILES[profile])}: choose another for {method}")
    layers = [(f"profile {profile}", PROFILES[profile].get(method, {}))]
    if not has_gpu:
        layers.append((f"profile {profile} on a CPU", PROFILES[profile].get(f"{method}@cpu", {})))
    yours = dict(overrides or {})
    length = {"total_images", "epochs"} & set(yours)
    # A length that one asks for is not cut.
    no_other = {"total_images": 0, "max_epochs": 0.0, "time_budget_s": 0.0} if length else {}
    layers += [("the model it begins with", dict(begun_with or {})), ("your length", no_other), ("yours", yours)]
    values: dict[str, Any] = {}
    origin = {f.name: "paper" for f in dataclasses.fields(CONFIGS[method])}
    for source, layer in layers:
        _check_names(method, list(layer))
        values.update(layer)
        origin.update(dict.fromkeys(layer, source))
    config = CONFIGS[method](**values)
    validate(config)
    return Resolved(config, origin)


def config_from_dict(method: str, values: Mapping[str, Any]) -> TrainConfig:
    """The configuration that a `config.json` holds; unknown settings raise ConfigError."""
    _check_names(method, list(values))
    config = CONFIGS[method](**values)
    validate(config)
    return config
