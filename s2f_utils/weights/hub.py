"""Models on the Hugging Face hub, by the name "hf:user/model" or "hf:user/model@revision": fetched,
and our own sent, by the package `huggingface_hub`, which is optional.

Of a repository only our `.safetensors` files are read, from one commit; they lie in the hub's own
cache (HF_HOME). A file that was fetched is checked by the SHA-256 that the hub publishes.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sys
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from s2f_utils.weights import WeightsError, sha256_of

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import ModelInfo, RepoSibling

PREFIX = "hf:"
NAME = re.compile(
    r"(?:hf:)?(?P<repo>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>\w[\w.-]*(?:/\w[\w.-]*)*))?"
)
GENERATOR = "generator.safetensors"
OURS = [GENERATOR, "generator-*-to-*.safetensors"]
COMMIT = re.compile(r"[0-9a-f]{40}")
TIMEOUT_S = 30.0


def is_name(model: str | Path) -> bool:
    """Whether this names a model on the hub."""
    return str(model).startswith(PREFIX)


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
    fetched if need be.

    The terms are printed before that. A commit that has been fetched needs no network; any other
    revision is looked up once in a process, and where the hub cannot be reached, the one fetched
    last is taken, with a message. With S2F_OFFLINE or HF_HUB_OFFLINE nothing is fetched. Raises
    WeightsError, or ImportError without the client.
    """
    return _find(*parse(model))


def pinned(model: str | Path) -> str:
    """The name of a model with the commit that is loaded. Raises what `folder` raises."""
    return f"{PREFIX}{parse(model)[0]}@{folder(model).name}"


def send(
    repo: str,
    files: Mapping[str, Path],
    *,
    message: str,
    private: bool = False,
    branch: str | None = None,
) -> str:
    """Send files of one folder, by their names, in one commit: all of them or none; returns the
    name to load.

    The repository and the branch are made if need be. Model files of ours that were there before
    and are not among `files` are deleted in the same commit; others stay. Raises WeightsError, also
    where `private` is asked and the repository is public, and ImportError without the client.
    """
    api = _api()
    with _explained(f"{PREFIX}{repo}: nothing is published"):
        api.create_repo(repo, private=private or None, exist_ok=True)
        if branch:
            api.create_branch(repo, branch=branch, exist_ok=True)
        info = api.model_info(repo, revision=branch or "main", timeout=TIMEOUT_S)
        if private and not info.private:
            raise WeightsError(
                f"{repo}: is there already and public: choose another name, or leave --private out"
            )
        done = api.upload_folder(
            repo_id=repo,
            folder_path=next(iter(files.values())).parent,
            allow_patterns=list(files),
            delete_patterns=OURS,
            commit_message=message,
            revision=branch,
            parent_commit=info.sha,
        )
    _find.cache_clear()
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


@functools.cache  # a branch is resolved once in a process, so that all parts of a model fit
def _find(repo: str, revision: str) -> Path:
    """The folder of this revision, from the cache or from the hub."""
    api = _api()
    from huggingface_hub import constants

    model = f"{PREFIX}{repo}" if revision == "main" else f"{PREFIX}{repo}@{revision}"
    cached = _cached(repo, revision)
    offline = os.environ.get("S2F_OFFLINE") or constants.HF_HUB_OFFLINE
    if cached and (offline or COMMIT.fullmatch(revision)):
        return cached
    if offline:
        raise WeightsError(
            f"{model}: is not on this machine, and S2F_OFFLINE or HF_HUB_OFFLINE forbids to fetch"
            " it"
        )
    with _explained(model):
        try:
            info = api.model_info(repo, revision=revision, files_metadata=True, timeout=TIMEOUT_S)
        except Exception as error:
            response = getattr(error, "response", None)
            is_refused = response is not None and response.status_code < 500
            if cached is None or is_refused:
                raise
            print(
                f"{model}: the hub cannot be reached; taken is what is here, commit {cached.name}",
                file=sys.stderr,
            )
            return cached
        return _fetch(api, repo, revision, model, info)


def _fetch(api: HfApi, repo: str, revision: str, model: str, info: ModelInfo) -> Path:
    """The folder of a revision, with those of our files that are missing fetched and checked."""
    files = {one.rfilename: one for one in info.siblings or ()}
    if GENERATOR not in files:
        listed = ", ".join(sorted(files)[:5]) or "nothing"
        raise WeightsError(
            f"{model}: has no {GENERATOR} (there is {listed}), and no other file is ever opened"
        )
    there = _cached(repo, info.sha)
    missing = []
    for name, file in files.items():
        is_ours = any(fnmatch(name, pattern) for pattern in OURS)
        if is_ours and (there is None or not (there / name).is_file()):
            missing.append(file)
    if missing:
        _show_terms(model, info, missing)
    snapshot = Path(api.snapshot_download(repo, revision=revision, allow_patterns=OURS))
    wrong = [one.rfilename for one in missing if not _check(snapshot / one.rfilename, one)]
    if wrong:
        raise WeightsError(
            f"{model}: {', '.join(wrong)} came with another SHA-256 than the hub publishes and was"
            " thrown away: try again later, or tell its owner"
        )
    return snapshot


def _cached(repo: str, revision: str) -> Path | None:
    """The folder of a revision in the hub's cache, None where its generator is not there."""
    from huggingface_hub import errors, snapshot_download

    try:
        place = Path(
            snapshot_download(repo, revision=revision, allow_patterns=OURS, local_files_only=True)
        )
    except errors.LocalEntryNotFoundError:
        return None
    return place if (place / GENERATOR).is_file() else None


def _show_terms(model: str, info: ModelInfo, missing: list[RepoSibling]) -> None:
    """Print what is fetched and under which terms."""
    size_mb = sum(file.size or 0 for file in missing) / 1e6
    card = info.card_data.to_dict() if info.card_data else {}
    licence = card.get("license_name") or card.get("license") or "none is given, ask its owner"
    text = f"licence: {licence}"
    if terms := "; ".join(card.get("training_data_terms") or []):
        text += f"; its training data: {terms}"
    print(f"downloading {model}, commit {info.sha} ({size_mb:,.1f} MB): {text}", file=sys.stderr)


def _check(path: Path, file: RepoSibling) -> bool:
    """Whether a file has the SHA-256 that the hub publishes; another one is deleted."""
    published = (file.lfs or {}).get("sha256")
    is_right = bool(published) and sha256_of(path) == published
    if not is_right:
        path.resolve().unlink()
        path.unlink(missing_ok=True)
    return is_right


@contextlib.contextmanager
def _explained(model: str) -> Iterator[None]:
    """Turn what the client raises into a WeightsError that begins with `model`: the hub's reason,
    and what to do.
    """
    from huggingface_hub import errors

    http_error = errors.HfHubHTTPError.__bases__[0]  # httpx's, or httpx2's
    try:
        yield
    except (RuntimeError, OSError, http_error) as error:
        # The client wraps a broken upload.
        cause = error.__cause__ if isinstance(error, RuntimeError) else error
        if cause is None or getattr(cause, "errno", None) is not None:  # such as a full disk
            raise
        text = getattr(cause, "server_message", None) or str(cause) or type(cause).__name__
        reason, advice = text.splitlines()[0][:200], "try again later"
        if isinstance(cause, errors.HfHubHTTPError) and cause.response.status_code < 500:
            advice = (
                "check the name, or log in as somebody who may do this: 'hf auth login', or"
                " HF_TOKEN"
            )
        raise WeightsError(f"{model}: {reason}: {advice}") from None
