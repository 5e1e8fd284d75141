"""What the notebooks of the series alone need; nothing else imports it.

Its data sets are here by name. `long_runs` has trainings that take longer than a lesson,
`schematics` the drawings of the methods, `profiles` how long the notebooks train; the other modules
have what notebooks leave to their readers, one for each notebook, for the checks of their blanks.
"""

from __future__ import annotations

from s2f_series.careless_pairs import write_careless_pairs
from s2f_series.default_set import default_photos, make_default
from s2f_series.raw_pairs import (
    RawPairs,
    SamplePair,
    on_a_desk,
    sample_pairs,
    write_raw_pairs,
)

__all__ = [
    "RawPairs",
    "SamplePair",
    "default_photos",
    "make_default",
    "on_a_desk",
    "sample_pairs",
    "write_careless_pairs",
    "write_raw_pairs",
]
