"""The machine and the run: device, precision, random generators, files written whole, profiles."""

from s2f_utils.runtime.devices import (
    cpu_has_bfloat16,
    full_name,
    machine_facts,
    num_cores,
    pick_device,
    preferred_device,
    start_copy,
    to_device,
    tuned,
)
from s2f_utils.runtime.files import (
    atomic_path,
    finite,
    free_stem,
    last_run_folder,
    new_run_folder,
    what_to_do,
    write_json,
)
from s2f_utils.runtime.precision import (
    Precision,
    answering_format,
    pick_precision,
    training_format,
)
from s2f_utils.runtime.profiles import PROFILE_NAMES, TRAINING_PROFILES, ConfigError, profile_name
from s2f_utils.runtime.rng import rng_state, seed_everything, set_rng_state
from s2f_utils.runtime.words import counted, lazily, of_command_line, pip_install, what_to_install

__all__ = [
    "PROFILE_NAMES",
    "TRAINING_PROFILES",
    "ConfigError",
    "Precision",
    "answering_format",
    "atomic_path",
    "counted",
    "cpu_has_bfloat16",
    "finite",
    "free_stem",
    "full_name",
    "last_run_folder",
    "lazily",
    "machine_facts",
    "new_run_folder",
    "num_cores",
    "of_command_line",
    "pick_device",
    "pick_precision",
    "pip_install",
    "preferred_device",
    "profile_name",
    "rng_state",
    "seed_everything",
    "set_rng_state",
    "start_copy",
    "to_device",
    "training_format",
    "tuned",
    "what_to_do",
    "what_to_install",
    "write_json",
]
