"""What goes wrong with data, in words for the person who has to mend it."""

from __future__ import annotations

import errno

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
MAY_NOT = (errno.EACCES, errno.EPERM, errno.EROFS)


class DataPrepError(ValueError):
    """Data or options that cannot be used; the first line says what was expected, what came, and what to do.

    `details` are further lines to show after it, such as the folders that were found.
    """

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message, details)
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return f"{self.message}\n{self.details}" if self.details else self.message


def explain(error: OSError) -> str:
    """One line about an operating system's error, with what to do about it."""
    where = printable(error.filename) if error.filename else "the output folder"
    if error.errno in DISK_FULL:
        return "the disk is full: make room and run the same command again; it goes on where it stopped"
    if error.errno in MAY_NOT:
        return f"{where}: not permitted ({error.strerror}): change its permissions or choose another folder"
    if error.errno == errno.ENAMETOOLONG:
        return f"{where}: the path is too long for this file system: choose a shorter output folder"
    return f"{where}: {error.strerror or error}"


def printable(name: object) -> str:
    """A path or name as text that any terminal can show; bytes that are not Unicode become `?`."""
    return str(name).encode("utf-8", "replace").decode("utf-8")
