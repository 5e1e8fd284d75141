"""What a model learned from: the name, number, terms and hashes of its pictures, settings, seed, parents and code.

It stands in `learned_from.json` in a run's folder, and in every file saved from the run. Of each picture there are up
to three hashes, packed in the order of the data into one text a side: an exact one, the first 8 bytes of the SHA-256 of
its file; a perceptual one, the 32 bytes of `pictures.duplicates.perceptual_hash` of the picture as training loads it;
and "source", that of what it was cut out of, where its file tells it (else zeros; none of a very large set).
A parent, a model that it began with or learned from, stands there with what its file says, so that it may be deleted.
`publish` copies a model without hashes, and without the names of folders.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import json
import re
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

import s2f_utils
from s2f_utils import runtime, weights
from s2f_utils.data import Manifest, terms_of
from s2f_utils.data.stores import Data, PictureStore
from s2f_utils.inference import find_generator
from s2f_utils.models import checkpoints
from s2f_utils.models.provenance import NUM_BYTES, OWN, hash_file, read
from s2f_utils.pictures.duplicates import perceptual_hash, source_hash
from s2f_utils.training.state import TrainingRun

FILE = "learned_from.json"
AT_ONCE = 256  # pictures
MOST_BYTES_OF_PARENTS = 2_000_000  # more, and their files alone say what they learned from
MOST_SOURCES = 20_000  # of a side: the hashes of more would make every file saved from the run large


def hash_pictures(data: Data, progress: bool = False) -> dict[str, dict[str, Any]]:
    """Number and packed hashes of a training's pictures, by side ("sketches", "photos"); nothing random is drawn.

    A set that is not kept in memory has no perceptual hashes: all of it would have to be decoded before training.
    """
    sides = {"sketches": data.sketches, "photos": data.photos}
    if data.sketches.paths == data.photos.paths:  # photos are turned into photos
        del sides["sketches"]
    return {side: _hash_side(store, progress) for side, store in sides.items() if len(store)}


def _hash_side(store: PictureStore, progress: bool) -> dict[str, Any]:
    num, paths = len(store), store.paths or store.maps
    hashes = dict.fromkeys(NUM_BYTES, b"")
    with ThreadPoolExecutor(runtime.num_cores()) as pool:
        for start in tqdm(range(0, num, AT_ONCE), desc="hashing pictures", disable=not progress or num < 2000):
            places = range(start, min(num, start + AT_ONCE))
            hashes["sha256"] += b"".join(pool.map(hash_file, (paths[place] for place in places)))
            if store.resident:
                pictures = store.batch(places)[:, :3].permute(0, 2, 3, 1).cpu().contiguous().numpy()
                hashes["perceptual"] += b"".join(map(bytes.fromhex, pool.map(perceptual_hash, pictures)))
            if num <= MOST_SOURCES:
                hashes["source"] += b"".join(pool.map(_source_of, (paths[place] for place in places)))
    return {"num": num} | {name: base64.b64encode(packed).decode() for name, packed in hashes.items() if any(packed)}


def _source_of(path: Path) -> bytes:
    return bytes.fromhex(source_hash(path)) or bytes(NUM_BYTES["source"])


def noted(folder: Path) -> dict[str, Any]:
    """What a run's folder says that it learns from; {} where nothing, as in those of before."""
    try:
        return json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def note(run: TrainingRun, manifest: Manifest, pictures: Mapping[str, Any]) -> None:
    """Write what a run learns from into its folder, and keep it for what is saved from it.

    pictures: from `hash_pictures`.
    """
    facts, before = json.loads((run.folder / "config.json").read_text(encoding="utf-8")), noted(run.folder)
    run.learned_from = {
        "method": run.method,
        "settings": dataclasses.asdict(run.config),
        "seed": run.config.seed,
        "code": code_version(),
        "data": manifest.path.resolve().parent.name,
        "layout": manifest.settings.get("layout", ""),
        "terms": sorted({*terms_of(manifest.settings), *_terms_of_parents(facts), *before.get("terms", ())}),
        "pictures": pictures,
        "parents": _parents(facts, before, pictures),
    }
    if run.learned_from == before:
        return
    with runtime.atomic_path(run.folder / FILE) as temporary:
        temporary.write_text(json.dumps(run.learned_from, indent=1), encoding="utf-8")


def _parents(facts: Mapping[str, Any], before: Mapping[str, Any], pictures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The models that a run began with, and those whose answers it learns from, from its config.json: their names,
    without folders, SHA-256, and what their files say of their pictures and parents. before: what the run's folder said
    of them. pictures: the run's own, which are not repeated.
    """
    named = {"init": facts.get("init"), "detail_init": facts["config"].get("detail_init")}
    sums = {key.removesuffix("_sha256"): value for key, value in facts.items() if key.endswith("_sha256") and value}
    asked = [(named.get(key) or key, value) for key, value in sums.items()]
    asked += [(name, None) for name in _experts(facts["config"])]
    known = {parent["name"]: parent for parent in before.get("parents", ())}
    found = [
        _parent(name, digest)
        or known.get(_last_parts(name))
        or (digest and {"name": _last_parts(name), "sha256": digest})
        for name, digest in asked
    ]
    parents = [_without_own(parent, pictures) for parent in found if parent]
    small = len(json.dumps(parents)) <= MOST_BYTES_OF_PARENTS
    return parents if small else [{key: parent[key] for key in ("name", "sha256")} for parent in parents]


def _parent(name: str, digest: str | None) -> dict[str, Any] | None:
    """What a parent's file says, where it is the one with this SHA-256 (None: any); None where it is gone."""
    try:
        path = find_generator(name)
        here = weights.sha256_of(path)
        told = read(path) if path.suffix == ".safetensors" and name not in weights.model_names() else {}
    except (FileNotFoundError, ImportError, ValueError):
        return None
    if digest not in (None, here):
        return None
    lists_all = len(told.get("parents", ())) >= len(_experts(told.get("settings", {})))  # files of before did not
    said = {key: told[key] for key in ("data", "pictures", "parents") if key in told and lists_all}
    return {"name": _last_parts(name), "sha256": here, **said}


def _without_own(parent: Mapping[str, Any], pictures: Mapping[str, Any]) -> dict[str, Any]:
    """A parent, and its parents, without hashes that are the model's own."""
    own = {"pictures": OWN} if parent.get("pictures") == pictures else {}
    before = {"parents": [_without_own(one, pictures) for one in parent["parents"]]} if "parents" in parent else {}
    return {**parent, **own, **before}


def _last_parts(name: str) -> str:
    return "/".join(Path(name).parts[-2:])


def _experts(config: Mapping[str, Any]) -> list[str]:
    """The models whose answers a network that renders learns from."""
    named = (config["expected_by"] or weights.EXPECT) if "expected_by" in config else ""
    return [name.strip() for name in named.split(",") if name.strip()]


def _terms_of_parents(facts: Mapping[str, Any]) -> set[str]:
    """The terms of what the models learned from that a run began with, as far as they can still be read."""
    config = facts["config"]
    names = [facts.get("init"), config.get("detail_init"), *_experts(config)]
    found: set[str] = set()
    for name in filter(None, names):
        if entry := weights.WEIGHTS.get(name):
            found.add(f"{name}: {entry.licence}")
            continue
        try:
            found |= set(terms_of_file(find_generator(name)) or ())
        except (FileNotFoundError, ImportError, ValueError):  # gone, or no file of ours: it says nothing
            continue
    return found


def terms_of_file(path: str | Path) -> list[str] | None:
    """What the owners of a model's training pictures allow: as its file says, else, of a run of before, as its folder
    does; None where neither says anything.

    Raises FileNotFoundError, or CheckpointError where the file cannot be read.
    """
    told = read(path)
    if "terms" in told:
        return told["terms"]
    try:
        facts = json.loads(Path(path).with_name("config.json").read_text(encoding="utf-8"))
        return terms_of(facts["data_settings"]) or None
    except (OSError, ValueError, KeyError):
        return None


@functools.lru_cache(maxsize=1)
def code_version() -> str:
    """The version of this library and, where it runs from a clone, the commit; "dirty" where files were changed."""
    root = Path(s2f_utils.__file__).resolve().parents[1]
    if (root / ".git").exists() and (root / "pyproject.toml").is_file():
        command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"]
        try:
            told = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
            return f"{s2f_utils.__version__} {told}"
        except (OSError, subprocess.SubprocessError):  # no git here, or a folder that it does not trust
            pass
    return s2f_utils.__version__


def without_hashes(told: Mapping[str, Any]) -> dict[str, Any]:
    """What a model learned from, with the number of its pictures, but without their hashes; {} for {}."""
    if not told:
        return {}
    pictures = told.get("pictures", {})
    numbers = OWN if pictures == OWN else {side: {"num": found["num"]} for side, found in pictures.items()}
    parents = {"parents": [without_hashes(parent) for parent in told["parents"]]} if "parents" in told else {}
    return {**told, "pictures": numbers, **parents}


def for_others(told: Mapping[str, Any]) -> dict[str, Any]:
    """What a model learned from, without hashes, and without the folders that its settings and parents lie in."""
    settings = {k: _names_alone(v) if isinstance(v, str) else v for k, v in told.get("settings", {}).items()}
    public = without_hashes(told)
    return {**public, "settings": settings, "parents": _named_for_others(public)} if told else {}


def _named_for_others(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A model's parents by their names alone, and theirs."""
    return [
        {**parent, "name": _names_alone(parent["name"])}
        | ({"parents": _named_for_others(parent)} if "parents" in parent else {})
        for parent in told.get("parents", ())
    ]


def _names_alone(text: str) -> str:
    """Paths, with commas, as names: of a run's file with the run's folder, which has a number, of all else alone."""
    return ",".join(part if part.startswith(weights.hub.PREFIX) else _name_alone(part) for part in text.split(","))


def _name_alone(path: str) -> str:
    *folders, name = re.split(r"[\\/]", path.rstrip("\\/")) if path else [""]
    return f"{folders[-1]}/{name}" if folders and re.match(r"\d{4}-", folders[-1]) else name


def publish(path: str | Path, target: str | Path) -> Path:
    """Copy a model's `.safetensors` file without the hashes of its training pictures, and without the names of folders;
    the number of pictures and the rest stay.

    Raises FileNotFoundError, CheckpointError, or FileExistsError where there is a file in the target's place already.
    """
    from safetensors.torch import save_file

    target = Path(target)
    if target.exists():
        raise FileExistsError(f"{target}: is there already: choose another name, or delete it")
    told = read(path)
    with checkpoints.opened(path) as file:
        tensors, header = {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
    if told:
        header["learned_from"] = json.dumps(for_others(told))
    with runtime.atomic_path(target) as temporary:
        save_file(tensors, temporary, metadata=header)
    return target
