"""Networks: built by name with plain arguments,
or recognised from the state dict of a published checkpoint.

torch is imported when one is asked for, not before.
"""

from s2f_utils.runtime import lazily

__all__ = [
    "NETWORKS",
    "UnknownNetworkError",
    "build",
    "count_parameters",
    "from_state_dict",
    "init_weights",
]
__getattr__ = lazily(
    dict.fromkeys(__all__, "s2f_utils.networks.by_name")
    | {
        "UnknownNetworkError": "s2f_utils.networks.info",
        "init_weights": "s2f_utils.networks.network",
    }
)
