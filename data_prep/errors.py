"""What goes wrong with data, in words for the person who has to mend it."""

from __future__ import annotations


class DataPrepError(ValueError):
    """Data or options that cannot be used; the first line says what was expected, what came, and
    what to do.

    `details` are further lines to show after it, such as the folders that were found.
    """

    exit_code = 2

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message, details)
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return f"{self.message}\n{self.details}" if self.details else self.message


class IncompleteError(DataPrepError):
    """Some of what was asked for could not be had; the rest is there and right."""

    exit_code = 1


def printable(name: object) -> str:
    """A path or name as text that any terminal can show; bytes that are not Unicode become `?`."""
    return str(name).encode("utf-8", "replace").decode("utf-8")
