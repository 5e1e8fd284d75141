"""A person as a short text: where the generator's code of this person lies among all people.

A code is a point in the first principal directions of the generator's space W, in standard
deviations (`networks.people`). As text it is quantised to steps of 1 / 32, 215 letters, digits,
"-" and "_": it can be copied, pasted, kept in a file's metadata, and answers the same everywhere.

Shapes: K = 160 directions.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

NUM_DIRECTIONS = 160
STEPS = 32  # in a standard deviation; one byte reaches four of them
VERSION = 1  # of the generator and its directions: the first byte
NUM_CHARS = 215


class PersonCodeError(ValueError):
    """A text that is nobody's code; the message says what one looks like."""


def quantised(code: np.ndarray) -> np.ndarray:
    """The nearest code (…, K) that a text can hold: float32."""
    import numpy as np

    return np.clip(np.round(np.asarray(code) * STEPS), -127, 127).astype(np.float32) / STEPS


def text_of(code: np.ndarray) -> str:
    """A code (K,) as text."""
    import numpy as np

    whole = np.round(quantised(code) * STEPS).astype(np.int8)
    content = bytes([VERSION]) + whole.tobytes()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def code_of(text: str) -> np.ndarray:
    """The code of a text: float32 (K,). Raises PersonCodeError for anything else."""
    import numpy as np

    if not isinstance(text, str) or text.isdecimal():
        raise PersonCodeError(
            f"a person is a code of {NUM_CHARS} characters, as in an answer's metadata under"
            f" s2f:person, got {text!r}: numbers meant people of version 1.0's bank, which is gone"
        )
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if len(content) != 1 + NUM_DIRECTIONS:
        raise PersonCodeError(
            f"a person is a code of {NUM_CHARS} characters, as in an answer's metadata under"
            f" s2f:person, got {len(text)} characters: copy all of it"
        )
    if content[0] != VERSION:
        raise PersonCodeError(
            f"this person's code is of version {content[0]}, and this release reads version"
            f" {VERSION}: use the release that made it"
        )
    return np.frombuffer(content[1:], np.int8).astype(np.float32) / STEPS


def mean_of(codes: Sequence[np.ndarray]) -> np.ndarray:
    """The code in the middle of several: float32 (K,)."""
    import numpy as np

    return np.mean(codes, axis=0, dtype=np.float32)
