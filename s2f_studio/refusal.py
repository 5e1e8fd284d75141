"""A request that is refused, which errors are a user's, and messages for visitors."""

from __future__ import annotations

import dis
import re

PACKAGES = ("s2f_utils", "s2f_studio")  # whose errors say what to do
FOLDERS = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?[/\\][^\n:]*[/\\]")


class Refusal(ValueError):
    """A request that is refused: the message says what to do.

    status: the HTTP status. code: tells a page what to offer. retry_s: seconds after which to try
    again.
    """

    def __init__(self, status: int, message: str, code: str = "", retry_s: int = 0) -> None:
        super().__init__(message)
        self.status, self.code, self.retry_s = status, code, retry_s


def is_for_a_user(error: Exception) -> bool:
    """Whether a `raise` statement of ours raised an error, so that its message says what to do.

    What a library raises, or a built-in function that our code calls, such as zip(strict=True),
    says nothing to a user: it is a fault of ours, whose traceback is needed.
    """
    trace = error.__traceback__
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    package = trace.tb_frame.f_globals["__name__"].partition(".")[0]
    instruction = trace.tb_frame.f_code.co_code[trace.tb_lasti]
    return package in PACKAGES and dis.opname[instruction] == "RAISE_VARARGS"


def refusal_of(error: ValueError) -> Refusal:
    """The refusal of what our code raised an error for; what else raised it is a fault of ours.

    Raises that error then, so that it is logged.
    """
    if not is_for_a_user(error):
        raise error
    return Refusal(422, without_folders(str(error)))


def without_folders(text: str) -> str:
    """A message without paths of this machine, which are private."""
    return FOLDERS.sub("", text)
