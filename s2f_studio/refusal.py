"""A request that is refused, and messages for visitors."""

from __future__ import annotations

import re

FOLDERS = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?[/\\][^\n:]*[/\\]")


class Refusal(ValueError):
    """A request that is refused: the message says what to do.

    status: the HTTP status. code: tells a page what to offer. retry_s: seconds after which to try
    again.
    """

    def __init__(self, status: int, message: str, code: str = "", retry_s: int = 0) -> None:
        super().__init__(message)
        self.status, self.code, self.retry_s = status, code, retry_s


def without_folders(text: str) -> str:
    """A message without paths of this machine, which are private."""
    return FOLDERS.sub("", text)
