"""A person as a short text: where the generator's code of this person lies among all people.

A code is a point in the first principal directions of the generator's space W, in standard
deviations (`networks.people`). As text it is quantised to steps of 1 / 32, 215 letters, digits,
"-" and "_": it can be copied, pasted, kept in a file's metadata, and answers the same everywhere.

After rounds of choosing, the next people are near those who were picked (`centre_of`): the middle
of the picks moves away from who was passed over, and each round is narrower than the one before.
The exported page does the same (page/exported/static/choose.js).

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
FIRST, NARROWER = 1.3, 0.9  # of the spread: after one round, and each round's of the one before
PUSH = 0.35  # how far from who was passed over, in their distances
OLDER = 0.5  # weight of each round's picks, of the next one's


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


def centre_of(
    rounds: Sequence[tuple[Sequence[str], Sequence[str]]],
) -> tuple[np.ndarray, float] | None:
    """The code around which the next people lie, float32 (K,), and their spread, as a share of the
    usual one; None where nobody was picked yet.

    rounds: of codes as texts, who was picked and who was passed over, as `request.Round`.
    """
    import numpy as np

    centre, weight, spread = None, 0.0, 1.0
    for picked_texts, passed_texts in rounds:
        if not picked_texts:
            continue
        picked = mean_of([code_of(text) for text in picked_texts])
        aim = picked
        if passed_texts:
            passed = mean_of([code_of(text) for text in passed_texts])
            aim = picked + PUSH * (picked - passed)
        weight = OLDER * weight
        centre = aim if centre is None else (weight * centre + aim) / (weight + 1)
        weight += 1
        spread = FIRST if spread == 1.0 else NARROWER * spread
    return None if centre is None else (centre.astype(np.float32), spread)


def usual_temperature(crude: float) -> float:
    """The default temperature for a drawing so crude, from 0 to 1."""
    return 0.45 + 0.1 * min(1.0, max(0.0, crude))
