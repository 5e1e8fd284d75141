"""Models of others on the Hugging Face hub, by the name "hf:user/model" or "hf:user/model@revision", and our own sent
there, by the package `huggingface_hub`, which is optional.

Of a repository only our `.safetensors` files are read, from one commit; they lie in the hub's own cache (HF_HOME). A
file is checked by the SHA-256 that the hub says (a small one by git's SHA-1) when it has come. What was checked is
noted in the cache, with size and time of each file: it is not read again at every load, but it is when it has changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2f_utils import runtime
from s2f_utils.weights.download import sha256_of
from s2f_utils.weights.hub_errors import endpoint, is_unreachable, told
from s2f_utils.weights.table import WeightsError

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import ModelInfo, RepoSibling

PREFIX = "hf:"
NAME = re.compile(r"(?:hf:)?(?P<repo>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>\w[\w.-]*(?:/\w[\w.-]*)*))?")
GENERATOR = "generator.safetensors"
OURS = re.compile(r"generator(-[a-z]+-to-[a-z]+)?\.safetensors|expected\.safetensors")
PICKLES = (".pth", ".pt", ".bin", ".ckpt", ".pkl", ".pickle")
COMMIT = re.compile(r"[0-9a-f]{40}")
NOTES = ".sketch-to-face"  # beside a repository's blobs, refs and snapshots
TIMEOUT_S = 30.0
# (where, repository, revision) → folder: a branch is resolved once in a process, so that all parts of a model fit.
_found: dict[tuple[str, ...], Path] = {}


def is_name(model: str | Path) -> bool:
    """Whether this names a model on the hub."""
    return str(model).startswith(PREFIX)


def is_cached(file: Path) -> bool:
    """Whether a file lies in the hub's cache, as the hub lays it out."""
    return any(part.startswith("models--") for part in file.absolute().parts)


def parse(model: str | Path) -> tuple[str, str]:
    """Repository and revision of a name: "hf:user/model@v1" → ("user/model", "v1"); "main" where none is said.

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


def folder(model: str | Path) -> Path:
    """The folder in the hub's cache that holds a model's files, as a run folder does; they are fetched if need be.

    The terms are printed before that. A revision that is a commit and has been fetched needs no network; any other is
    looked up once in a process, and where that cannot be done, what was fetched last is taken, which is said. With
    S2F_OFFLINE or HF_HUB_OFFLINE nothing is asked or fetched. Raises WeightsError, or ImportError without the client.
    """
    repo, revision = parse(model)
    check_installed()
    key = (endpoint(), str(_cache()), repo, revision)
    if key not in _found or not (_found[key] / GENERATOR).is_file():
        _found[key] = _find(str(model), repo, revision)
    return _found[key]


def pinned(model: str | Path) -> str:
    """The name of a model with the commit that is loaded. Raises what `folder` raises."""
    return f"{PREFIX}{parse(model)[0]}@{folder(model).name}"


def send(
    repo: str, files: Mapping[str, Path | bytes], *, message: str, private: bool = False, branch: str | None = None
) -> str:
    """Send files, by their names in the repository, in one commit: all of them or none; returns the name to load.

    The repository and the branch are made if need be. Files of a model that was there before and that this one has
    not are taken away in the same commit; others stay. Raises WeightsError, also where `private` is asked and
    the repository is public, and ImportError without the client.
    """
    check_installed()
    need_token()
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    api = _api()
    with told(f"{PREFIX}{repo}", sends=True):
        api.create_repo(repo, private=private or None, exist_ok=True)
        if branch:
            api.create_branch(repo, branch=branch, exist_ok=True)
        info = api.model_info(repo, revision=branch or "main", timeout=TIMEOUT_S)
        if private and not info.private:
            raise WeightsError(f"{repo}: is there already and public: choose another name, or leave --private out")
        there = [sibling.rfilename for sibling in info.siblings or ()]
        gone = [name for name in there if OURS.fullmatch(name) and name not in files]
        steps = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=content) for name, content in files.items()]
        steps += [CommitOperationDelete(path_in_repo=name) for name in gone]
        done = api.create_commit(repo, steps, commit_message=message, revision=branch, parent_commit=info.sha)
    _found.clear()
    return f"{PREFIX}{repo}@{done.oid}"


def need_token() -> None:
    """Raise WeightsError, with what to do, where nobody is logged in to the hub."""
    import huggingface_hub

    if not huggingface_hub.get_token():
        raise WeightsError(
            "no token for the hub: make one that may write at https://huggingface.co/settings/tokens, then give it with"
            " 'hf auth login', or set HF_TOKEN"
        )


def _api() -> HfApi:
    from huggingface_hub import HfApi

    import s2f_utils

    return HfApi(endpoint=endpoint(), library_name="sketch-to-face", library_version=s2f_utils.__version__)


def _cache() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _forbids() -> str:
    """The variable that forbids the network, "" where none does."""
    from huggingface_hub import constants

    return "S2F_OFFLINE" if os.environ.get("S2F_OFFLINE") else "HF_HUB_OFFLINE" if constants.HF_HUB_OFFLINE else ""


def _find(model: str, repo: str, revision: str) -> Path:
    """The folder of this revision, from the cache or from the hub."""
    place = _cache() / f"models--{repo.replace('/', '--')}"
    forbids = _forbids()
    here = _here(place, revision, alone=bool(forbids))
    if here and (forbids or COMMIT.fullmatch(revision)):
        return here
    if forbids:
        raise WeightsError(f"{model}: is not on this machine (nothing is downloaded here: {forbids} is set)")
    api = _api()
    with told(model):
        try:
            info = api.model_info(repo, revision=revision, files_metadata=True, timeout=TIMEOUT_S)
        except Exception as error:
            if here is None or not is_unreachable(error):
                raise
            print(f"{model}: the hub cannot be reached; taken is what is here, commit {here.name}", file=sys.stderr)
            return here
    snapshot = _here(place, info.sha, alone=False) or _fetch_all(api, model, place, info)
    if revision != info.sha:
        with runtime.atomic_path(place / "refs" / revision) as temporary:
            temporary.write_text(info.sha, encoding="utf-8")
    return snapshot


def _fetch_all(api: HfApi, model: str, place: Path, info: ModelInfo) -> Path:
    """Have the files of a commit in the cache, and note that they are right."""
    files, snapshot = _files(model, info), place / "snapshots" / info.sha
    _show_terms(model, snapshot, info, files)
    with told(model):
        sums = {file.rfilename: _fetch(api, model, snapshot, file) for file in files}
    _note(place, info.sha, {name: (digest, *_looks(snapshot / name)) for name, digest in sums.items()})
    return snapshot


def _files(model: str, info: ModelInfo) -> list[RepoSibling]:
    """The files of ours in a repository. Raises WeightsError where it has no generator."""
    found = [sibling for sibling in info.siblings or () if OURS.fullmatch(sibling.rfilename)]
    if any(sibling.rfilename == GENERATOR for sibling in found):
        return found
    names = sorted(sibling.rfilename for sibling in info.siblings or ())
    pickles = [name for name in names if name.endswith(PICKLES)]
    if pickles and not any(name.endswith(".safetensors") for name in names):
        raise WeightsError(
            f"{model}: has pickles only ({', '.join(pickles[:3])}), which may run code when they are opened, and is not"
            f" fetched: ask its owner for {GENERATOR}, as 's2f push' makes it"
        )
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "") or "nothing"
    raise WeightsError(f"{model}: has no {GENERATOR} (there is {shown}): it is not a model of this project")


def _show_terms(model: str, snapshot: Path, info: ModelInfo, files: list[RepoSibling]) -> None:
    """Say what is fetched and under which terms, where something is."""
    missing = [file for file in files if not (snapshot / file.rfilename).exists()]
    if not missing:
        return
    size = sum(file.size or 0 for file in missing) / 1e6
    card = info.card_data.to_dict() if info.card_data else {}
    licence = card.get("license_name") or card.get("license") or "none is said, ask its owner"
    terms = card.get("training_data_terms") or []
    terms = [terms] if isinstance(terms, str) else terms
    shown = f"; its training data: {'; '.join(map(str, terms))}" if terms else ""
    print(f"downloading {model}, commit {info.sha} ({size:,.1f} MB): licence: {licence}{shown}", file=sys.stderr)


def _fetch(api: HfApi, model: str, snapshot: Path, file: RepoSibling) -> str:
    """Have a file of a commit in the cache, whole and right; returns its digest. What was there already and is wrong is
    fetched anew.

    Raises WeightsError where what came is another file: it does not stay in the cache.
    """
    path, digest = snapshot / file.rfilename, (file.lfs or {}).get("sha256") or file.blob_id
    if not digest:
        raise WeightsError(f"{model}: the hub does not say the SHA-256 of {file.rfilename}: it cannot be checked")
    if path.exists():
        if _is(path, digest):
            return digest
        _remove(path)
    api.hf_hub_download(parse(model)[0], file.rfilename, revision=snapshot.name)
    if _is(path, digest):
        return digest
    _remove(path)
    kind = "SHA-256" if file.lfs else "SHA-1"
    raise WeightsError(
        f"{model}: {file.rfilename} came with another {kind} than the hub says ({digest[:12]}…) and was thrown away: it"
        " has been changed on the way, or there: try again later, or tell its owner"
    )


def _is(path: Path, digest: str) -> bool:
    """Whether a file has this digest: a SHA-256, or SHA-1 as git takes it of small files."""
    if len(digest) == 64:
        return sha256_of(path) == digest
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == digest


def _remove(path: Path) -> None:
    """Delete a file of the cache, and what its links lead to."""
    while True:
        target = path.parent / os.readlink(path) if path.is_symlink() else None
        path.unlink(missing_ok=True)
        if target is None:
            return
        path = target


def _here(place: Path, revision: str, alone: bool) -> Path | None:
    """The folder of a revision in the cache whose files are all there and right, None where there is none.

    alone: without the hub; then files that another program has fetched are taken, too, if they have the digest that
    the cache names them by.
    """
    try:
        commit = revision if COMMIT.fullmatch(revision) else (place / "refs" / revision).read_text("utf-8").strip()
    except OSError:
        return None
    snapshot = place / "snapshots" / commit
    noted = _noted(place, commit) or (_by_links(snapshot) if alone else {})
    if GENERATOR not in noted or not all((snapshot / name).is_file() for name in noted):
        return None
    changed = {name: known for name, known in noted.items() if [*_looks(snapshot / name)] != known[1:]}
    if not all(_is(snapshot / name, known[0]) for name, known in changed.items()):
        return None
    if changed:
        _note(place, commit, {name: (known[0], *_looks(snapshot / name)) for name, known in noted.items()})
    return snapshot


def _by_links(snapshot: Path) -> dict[str, list[Any]]:
    """The files of a folder with the digests that their links name, as `_noted`."""
    files = [path for path in snapshot.glob("*.safetensors") if OURS.fullmatch(path.name) and path.is_symlink()]
    named = {path.name: Path(os.readlink(path)).name for path in files}
    return {name: [digest] for name, digest in named.items() if re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", digest)}


def _noted(place: Path, commit: str) -> dict[str, list[Any]]:
    """What was checked of a commit: {file: [digest, size, time]}; {} where nothing was."""
    try:
        return json.loads((place / NOTES / f"{commit}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _note(place: Path, commit: str, known: Mapping[str, tuple[Any, ...]]) -> None:
    runtime.write_json(place / NOTES / f"{commit}.json", known)


def _looks(path: Path) -> tuple[int, int]:
    """Size and time of a file, which change when it does."""
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns
