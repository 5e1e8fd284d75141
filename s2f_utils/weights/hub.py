"""Models on the Hugging Face hub, by the name "hf:user/model" or "hf:user/model@revision": fetched,
and our own sent, by the package `huggingface_hub`, which is optional.

Of a repository only our `.safetensors` files are read; they lie in the hub's own cache (HF_HOME).
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from s2f_utils.weights import PREFIX, WeightsError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

NAME = re.compile(r"(?:hf:)?(?P<repo>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>\w[\w./-]*))?")
GENERATORS = ["generator.safetensors", "generator-*-to-*.safetensors"]
TIMEOUT_S = 30.0


def parse(model: str | Path) -> tuple[str, str]:
    """Repository and revision of a name: "hf:user/model@v1" → ("user/model", "v1"), "main" by
    default.

    Raises WeightsError.
    """
    match = NAME.fullmatch(str(model))
    if not match or ".." in str(model):
        raise WeightsError(
            f"{model}: a model on the hub is named hf:USER/MODEL, or hf:USER/MODEL@REVISION, with a"
            " commit, a tag or a branch"
        )
    return match["repo"], match["revision"] or "main"


def folder(model: str | Path) -> Path:
    """The folder in the hub's cache that holds a model's files, as a run folder does; they are
    fetched if need be, and the licence is printed before that.

    Where the hub cannot be reached, or with S2F_OFFLINE or HF_HUB_OFFLINE, what was fetched before
    is taken. Raises WeightsError, or ImportError without the client.
    """
    return _fetched(*parse(model))


def pinned(model: str | Path) -> str:
    """The name of a model with the commit that is loaded. Raises what `folder` raises."""
    return f"{PREFIX}{parse(model)[0]}@{folder(model).name}"


@functools.cache  # a branch is resolved once in a process, so that all parts of a model fit
def _fetched(repo: str, revision: str) -> Path:
    api = _api()
    is_offline = bool(os.environ.get("S2F_OFFLINE"))
    with _explained(f"{PREFIX}{repo}@{revision}"):
        if not is_offline:
            _show_licence(api, repo, revision)
        snapshot = api.snapshot_download(
            repo, revision=revision, allow_patterns=GENERATORS, local_files_only=is_offline
        )
    return Path(snapshot)


def _show_licence(api: HfApi, repo: str, revision: str) -> None:
    from huggingface_hub import errors

    try:
        card = api.model_info(repo, revision=revision, timeout=TIMEOUT_S).card_data
    except (OSError, _http_error(errors)):  # fetching says what is wrong, or finds it in the cache
        return
    licence = (card and card.license) or "none is given, ask its owner"
    print(f"{PREFIX}{repo}: licence: {licence}", file=sys.stderr)


def send(repo: str, files: Path, *, message: str, private: bool = False) -> str:
    """Send the files of a folder in one commit, and delete generators that were there before;
    returns the name to load.

    The repository is made if need be. Raises WeightsError, also where `private` is asked and the
    repository is public, and ImportError without the client.
    """
    api = _api()
    with _explained(f"{PREFIX}{repo}: nothing is published"):
        api.create_repo(repo, private=private or None, exist_ok=True)
        if private and not api.model_info(repo, timeout=TIMEOUT_S).private:
            raise WeightsError(
                f"{repo}: is there already and public: choose another name, or leave --private out"
            )
        done = api.upload_folder(
            repo_id=repo, folder_path=files, delete_patterns=GENERATORS, commit_message=message
        )
    _fetched.cache_clear()
    return f"{PREFIX}{repo}@{done.oid}"


def _api() -> HfApi:
    try:
        from huggingface_hub import HfApi
    except ImportError:
        raise ImportError(
            "models on the hub need huggingface_hub: pip install huggingface_hub"
        ) from None
    import s2f_utils

    return HfApi(
        os.environ.get("HF_ENDPOINT"),
        library_name="sketch-to-face",
        library_version=s2f_utils.__version__,
    )


def _http_error(errors) -> type[Exception]:
    """The base of the errors of the client's HTTP library: httpx's, or httpx2's."""
    return errors.HfHubHTTPError.__bases__[0]


@contextlib.contextmanager
def _explained(model: str) -> Iterator[None]:
    """Turn what the client raises into a WeightsError that begins with `model`."""
    from huggingface_hub import errors

    try:
        yield
    except (OSError, RuntimeError, _http_error(errors)) as error:
        if getattr(error, "errno", None) is not None:  # such as a full disk
            raise
        text = getattr(error, "server_message", None) or str(error) or type(error).__name__
        reason = text.splitlines()[0]
        raise WeightsError(
            f"{model}: {reason}: check the name and the network, or log in: 'hf auth login', or"
            " HF_TOKEN"
        ) from None
