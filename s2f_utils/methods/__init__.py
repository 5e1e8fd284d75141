"""The training methods, one file each: settings, live ranges, profiles, networks, step.

The table of all of them, METHODS, is in `registry`, which is imported when it is asked for.
"""

from s2f_utils.runtime import lazily

__all__ = ["METHODS"]
__getattr__ = lazily({"METHODS": "s2f_utils.methods.registry"})
