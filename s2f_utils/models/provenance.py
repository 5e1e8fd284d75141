"""What a model's file says that it learned from, read; `training.learned_from` writes it, and says what it is."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from s2f_utils.models import checkpoints

OWN = "those of the model itself"  # of a parent's pictures
NUM_BYTES = {"sha256": 8, "perceptual": 32, "source": 32}  # of each picture's hashes


def read(path: str | Path) -> dict[str, Any]:
    """What the model in a `.safetensors` file says that it learned from; {} where it says nothing.

    Raises FileNotFoundError, or CheckpointError where the file cannot be read.
    """
    return checkpoints.header_of(path, "learned_from")


def hash_file(path: Path) -> bytes:
    """The exact hash of a picture: the first 8 bytes of the SHA-256 of its file."""
    return hashlib.sha256(path.read_bytes()).digest()[: NUM_BYTES["sha256"]]


def unpack(side: Mapping[str, Any], name: str) -> list[str]:
    """The hashes of one side's pictures, "sha256", "perceptual" or "source", in hexadecimal digits, "" where a picture
    has none; no list where they were left out or not taken.
    """
    packed = base64.b64decode(side.get(name, ""))
    found = (packed[at : at + NUM_BYTES[name]] for at in range(0, len(packed), NUM_BYTES[name]))
    return [digest.hex() if any(digest) else "" for digest in found]
