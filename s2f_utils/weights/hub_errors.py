"""What the hub's client raises, in one line that says what to do."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from s2f_utils.weights.table import WeightsError

LOGIN = "'hf auth login', or HF_TOKEN"


def endpoint() -> str:
    """The hub's address: HF_ENDPOINT, or the public one."""
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def is_unreachable(error: Exception) -> bool:
    """Whether the hub was not reached, or is out of order, rather than that it said no."""
    from huggingface_hub import errors

    if isinstance(error, errors.HfHubHTTPError):
        return error.response.status_code >= 500
    return isinstance(error, _of_transport() | ConnectionError)


def _of_transport() -> type[Exception]:
    """What the HTTP library raises that this version of the client works with: it has changed."""
    from huggingface_hub import errors

    return errors.HfHubHTTPError.__bases__[0]


@contextlib.contextmanager
def told(model: str, sends: bool = False) -> Iterator[None]:
    """Turn what the client raises into a WeightsError. sends: whether something is sent, not fetched."""
    from huggingface_hub import errors

    try:
        yield
    except WeightsError:
        raise
    except RuntimeError as error:  # the client's own, around what broke an upload
        if error.__cause__ is None:
            raise
        raise WeightsError(_broken(model, error.__cause__, sends)) from None
    except errors.HfHubHTTPError as error:
        raise WeightsError(f"{model}: {_answered(error, sends)}") from None
    except OSError as error:
        if error.errno is not None:  # such as a full disk
            raise
        raise WeightsError(_broken(model, error, sends)) from None
    except _of_transport() as error:
        raise WeightsError(_broken(model, error, sends)) from None


def _answered(error: Exception, sends: bool) -> str:
    """What an answer of the hub that is an error means."""
    from huggingface_hub import errors

    status, said = error.response.status_code, (error.server_message or "").strip()
    if isinstance(error, errors.GatedRepoError):
        return f"its owner gives it to those who ask: ask on its page at {endpoint()}, then log in: {LOGIN}"
    if status == 401 and (sends or "invalid" in f"{said} {error}".lower()):
        return f"the hub does not know this token: make a new one at {endpoint()}/settings/tokens, and give it: {LOGIN}"
    if status == 403:
        return f"this token may not do that ({said or 'forbidden'}): {_right(sends)}"
    if isinstance(error, errors.RevisionNotFoundError):
        return "there is no such revision: give a commit, a tag or a branch that it has"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"there is no such model at {endpoint()}, or it is private: check its name, or log in: {LOGIN}"
    if status in (409, 412):
        return "it was changed at the same time; nothing was sent: run this again"
    kept = "; nothing is published" if sends else ""
    return f"the hub answers {status} ({said or 'no reason'}){kept}: try again later"


def _right(sends: bool) -> str:
    what = "write to this repository" if sends else "read this repository"
    return f"give one that may {what}: {LOGIN}"


def _broken(model: str, error: BaseException, sends: bool) -> str:
    """What a connection that was not made, or broke off, means."""
    from huggingface_hub import errors

    if isinstance(error, errors.HfHubHTTPError):
        return f"{model}: {_answered(error, sends)}"
    reason = (str(error) or type(error).__name__).splitlines()[0][:120]
    left = "; nothing is published" if sends else ""
    return f"{model}: {endpoint()} cannot be reached, or broke off ({reason}){left}: check the network and run it again"
