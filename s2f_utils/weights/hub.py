"""Models of others on the Hugging Face hub, by the name "hf:user/model" or "hf:user/model@revision", and our own sent
there, by the package `huggingface_hub`, which is optional.

Of a repository only our `.safetensors` files are read, from one commit; they lie in the hub's own cache (HF_HOME). A
file that was fetched is checked by the SHA-256 that the hub publishes.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from s2f_utils.weights.download import sha256_of
from s2f_utils.weights.table import WeightsError

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import ModelInfo, RepoSibling

PREFIX = "hf:"
NAME = re.compile(r"(?:hf:)?(?P<repo>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>\w[\w.-]*(?:/\w[\w.-]*)*))?")
GENERATOR = "generator.safetensors"
OURS = [GENERATOR, "generator-*-to-*.safetensors", "expected.safetensors"]
PICKLES = (".pth", ".pt", ".bin", ".ckpt", ".pkl", ".pickle")
COMMIT = re.compile(r"[0-9a-f]{40}")
LOGIN = "'hf auth login', or HF_TOKEN"
TIMEOUT_S = 30.0
# (where, repository, revision) → folder: a branch is resolved once in a process, so that all parts of a model fit.
_found: dict[tuple[str, ...], Path] = {}


def is_name(model: str | Path) -> bool:
    """Whether this names a model on the hub."""
    return str(model).startswith(PREFIX)


def parse(model: str | Path) -> tuple[str, str]:
    """Repository and revision of a name: "hf:user/model@v1" → ("user/model", "v1"), "main" by default.

    Raises WeightsError.
    """
    match = NAME.fullmatch(str(model))
    if not match or ".." in str(model):
        raise WeightsError(
            f"{model}: a model on the hub is named hf:USER/MODEL, or hf:USER/MODEL@REVISION, with a commit, a tag or a"
            " branch"
        )
    return match["repo"], match["revision"] or "main"


def check_installed() -> None:
    """Raise ImportError, with what to install, where the hub's client is missing."""
    try:
        import huggingface_hub  # noqa: F401
    except ImportError:
        raise ImportError("models on the hub need huggingface_hub: pip install huggingface_hub") from None


def need_token() -> None:
    """Raise WeightsError, with what to do, where nobody is logged in to the hub."""
    import huggingface_hub

    if not huggingface_hub.get_token():
        raise WeightsError(
            "no token for the hub: make one that may write at https://huggingface.co/settings/tokens, then give it with"
            " 'hf auth login', or set HF_TOKEN"
        )


def folder(model: str | Path) -> Path:
    """The folder in the hub's cache that holds a model's files, as a run folder does; they are fetched if need be.

    The terms are printed before that. A commit that has been fetched needs no network; any other revision is looked up
    once in a process, and where the hub cannot be reached, the one fetched last is taken, with a message. With
    S2F_OFFLINE or HF_HUB_OFFLINE nothing is fetched. Raises WeightsError, or ImportError without the client.
    """
    repo, revision = parse(model)
    check_installed()
    from huggingface_hub import constants

    key = (_endpoint(), constants.HF_HUB_CACHE, repo, revision)
    if key not in _found or not (_found[key] / GENERATOR).is_file():
        _found[key] = _find(str(model), repo, revision)
    return _found[key]


def pinned(model: str | Path) -> str:
    """The name of a model with the commit that is loaded. Raises what `folder` raises."""
    return f"{PREFIX}{parse(model)[0]}@{folder(model).name}"


def send(
    repo: str, files: Mapping[str, Path], *, message: str, private: bool = False, branch: str | None = None
) -> str:
    """Send files of one folder, by their names, in one commit: all of them or none; returns the name to load.

    The repository and the branch are made if need be. Model files of ours that were there before and are not among
    `files` are deleted in the same commit; others stay. Raises WeightsError, also where `private` is asked and the
    repository is public, and ImportError without the client.
    """
    check_installed()
    need_token()
    api = _api()
    with _explained(f"{PREFIX}{repo}", sends=True):
        api.create_repo(repo, private=private or None, exist_ok=True)
        if branch:
            api.create_branch(repo, branch=branch, exist_ok=True)
        info = api.model_info(repo, revision=branch or "main", timeout=TIMEOUT_S)
        if private and not info.private:
            raise WeightsError(f"{repo}: is there already and public: choose another name, or leave --private out")
        done = api.upload_folder(
            repo_id=repo,
            folder_path=next(iter(files.values())).parent,
            allow_patterns=list(files),
            delete_patterns=OURS,
            commit_message=message,
            revision=branch,
            parent_commit=info.sha,
        )
    _found.clear()
    return f"{PREFIX}{repo}@{done.oid}"


def _endpoint() -> str:
    """The hub's address: HF_ENDPOINT, or the public one."""
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def _api() -> HfApi:
    from huggingface_hub import HfApi

    import s2f_utils

    return HfApi(endpoint=_endpoint(), library_name="sketch-to-face", library_version=s2f_utils.__version__)


def _find(model: str, repo: str, revision: str) -> Path:
    """The folder of this revision, from the cache or from the hub."""
    from huggingface_hub import constants

    cached = _cached(repo, revision)
    if cached and COMMIT.fullmatch(revision):
        return cached
    if os.environ.get("S2F_OFFLINE") or constants.HF_HUB_OFFLINE:
        if cached:
            return cached
        variable = "S2F_OFFLINE" if os.environ.get("S2F_OFFLINE") else "HF_HUB_OFFLINE"
        raise WeightsError(f"{model}: is not on this machine (nothing is downloaded here: {variable} is set)")
    api = _api()
    with _explained(model):
        try:
            info = api.model_info(repo, revision=revision, files_metadata=True, timeout=TIMEOUT_S)
        except Exception as error:
            if cached is None or not _is_unreachable(error):
                raise
            print(f"{model}: the hub cannot be reached; taken is what is here, commit {cached.name}", file=sys.stderr)
            return cached
        files = _files(model, info)
        snapshot = _cached(repo, info.sha)
        missing = [file for file in files if snapshot is None or not (snapshot / file.rfilename).is_file()]
        if missing:
            _show_terms(model, info, missing)
        snapshot = Path(api.snapshot_download(repo, revision=revision, allow_patterns=OURS))
    for file in missing:
        _check(model, snapshot / file.rfilename, file)
    return snapshot


def _cached(repo: str, revision: str) -> Path | None:
    """The folder of a revision in the hub's cache, None where its generator is not there."""
    from huggingface_hub import errors, snapshot_download

    try:
        place = Path(snapshot_download(repo, revision=revision, allow_patterns=OURS, local_files_only=True))
    except errors.LocalEntryNotFoundError:
        return None
    return place if (place / GENERATOR).is_file() else None


def _files(model: str, info: ModelInfo) -> list[RepoSibling]:
    """The files of ours in a repository. Raises WeightsError where it has no generator."""
    names = sorted(sibling.rfilename for sibling in info.siblings or ())
    if GENERATOR in names:
        return [file for file in info.siblings if any(fnmatch.fnmatch(file.rfilename, pattern) for pattern in OURS)]
    pickles = [name for name in names if name.endswith(PICKLES)]
    if pickles and not any(name.endswith(".safetensors") for name in names):
        raise WeightsError(
            f"{model}: has pickles only ({', '.join(pickles[:3])}), which may run code when they are opened, and is not"
            f" fetched: ask its owner for {GENERATOR}, as 's2f push' makes it"
        )
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "") or "nothing"
    raise WeightsError(f"{model}: has no {GENERATOR} (there is {shown}): it is not a model of this project")


def _show_terms(model: str, info: ModelInfo, missing: list[RepoSibling]) -> None:
    """Print what is fetched and under which terms."""
    size = sum(file.size or 0 for file in missing) / 1e6
    card = info.card_data.to_dict() if info.card_data else {}
    licence = card.get("license_name") or card.get("license") or "none is said, ask its owner"
    terms = card.get("training_data_terms") or []
    terms = [terms] if isinstance(terms, str) else terms
    shown = f"; its training data: {'; '.join(map(str, terms))}" if terms else ""
    print(f"downloading {model}, commit {info.sha} ({size:,.1f} MB): licence: {licence}{shown}", file=sys.stderr)


def _check(model: str, path: Path, file: RepoSibling) -> None:
    """Compare a fetched file with the SHA-256 that the hub publishes; another file is deleted. Raises WeightsError."""
    published = (file.lfs or {}).get("sha256")
    if published and sha256_of(path) == published:
        return
    path.resolve().unlink()
    path.unlink(missing_ok=True)
    raise WeightsError(
        f"{model}: {file.rfilename} came with another SHA-256 than the hub publishes ({published}) and was thrown away:"
        " it has been changed on the way, or there: try again later, or tell its owner"
    )


# What the client raises, in one line that says what to do


def _is_unreachable(error: Exception) -> bool:
    """Whether the hub was not reached, or is out of order, rather than that it refused."""
    from huggingface_hub import errors

    if isinstance(error, errors.HfHubHTTPError):
        return error.response.status_code >= 500
    return isinstance(error, errors.HfHubHTTPError.__bases__[0] | OSError)  # the base is the HTTP library's


@contextlib.contextmanager
def _explained(model: str, sends: bool = False) -> Iterator[None]:
    """Turn what the client raises into a WeightsError. sends: whether something is sent, not fetched."""
    from huggingface_hub import errors

    try:
        yield
    except WeightsError:
        raise
    except (RuntimeError, OSError, errors.HfHubHTTPError.__bases__[0]) as error:
        cause = error.__cause__ if isinstance(error, RuntimeError) else error  # the client wraps a broken upload
        if cause is None or getattr(cause, "errno", None) is not None:  # such as a full disk
            raise
        if isinstance(cause, errors.HfHubHTTPError):
            reason = _refusal(cause, sends)
        else:
            first = (str(cause) or type(cause).__name__).splitlines()[0][:120]
            reason = f"{_endpoint()} cannot be reached, or broke off ({first}): check the network and run it again"
        raise WeightsError(f"{model}: {reason}" + ("; nothing is published" if sends else "")) from None


def _refusal(error: Exception, sends: bool) -> str:
    """What an error status of the hub means."""
    from huggingface_hub import errors

    status, said = error.response.status_code, (error.server_message or "").strip()
    if isinstance(error, errors.GatedRepoError):
        return f"its owner gives it to those who ask: ask on its page at {_endpoint()}, then log in: {LOGIN}"
    if status == 401 and (sends or "invalid" in f"{said} {error}".lower()):
        return f"the hub does not know this token: make a new one at {_endpoint()}/settings/tokens: {LOGIN}"
    if status == 403:
        return f"this token may not do that ({said or 'forbidden'}): give one that may: {LOGIN}"
    if isinstance(error, errors.RevisionNotFoundError):
        return "there is no such revision: give a commit, a tag or a branch that it has"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"there is no such model at {_endpoint()}, or it is private: check its name, or log in: {LOGIN}"
    if status in (409, 412):
        return "it was changed at the same time: run this again"
    return f"the hub answers {status} ({said or 'no reason'}): try again later"
