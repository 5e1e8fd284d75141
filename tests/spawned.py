"""What tests have other processes do: a file that costs them nothing to import."""

from __future__ import annotations

import errno
import multiprocessing
import os
import time


def start_of_process(number: int) -> str:
    """How this process was started; a full disk for a number below 0."""
    if number < 0:
        raise OSError(errno.ENOSPC, "No space left on device")
    return type(multiprocessing.current_process()).__name__


def process_of(number: int) -> int:
    """Which process this is."""
    time.sleep(0.02)
    return os.getpid()
