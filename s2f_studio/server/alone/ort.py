"""What runs the graphs in a browser: files of the npm package onnxruntime-web, of one version, checked."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from s2f_utils.weights.download import DownloadError, fetch

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
ADDRESS = f"https://registry.npmjs.org/{PACKAGE}/-/{PACKAGE}-{VERSION}.tgz"
SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="  # npm's integrity
SCRIPT, BINARY = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
NPM_S = 300.0  # how long npm may take
WHAT_TO_DO = f"give --ort the file that 'npm pack {PACKAGE}@{VERSION}' writes, or the folder that it unpacks to"


class RuntimeMissingError(ValueError):
    """onnxruntime-web cannot be had, or is another one than is tested; the message says what to do."""


def write_runtime(folder: Path, given: str | Path | None = None) -> dict[str, str]:
    """Write the script and its WebAssembly, packed to a quarter of the bytes, into a folder that is there: {"script":
    its file's name, "binary": that of its WebAssembly}.

    given: the package's .tgz, or the folder that it unpacks to; None: npm, where it is installed, or the registry is
    asked. Raises RuntimeMissingError, OSError.
    """
    read = _reader(given)
    packed = f"{BINARY}.gz"
    (folder / SCRIPT).write_bytes(read(f"dist/{SCRIPT}"))
    (folder / packed).write_bytes(gzip.compress(read(f"dist/{BINARY}"), 9, mtime=0))
    return {"script": SCRIPT, "binary": packed}


def _reader(given: str | Path | None) -> Callable[[str], bytes]:
    """A function that gives the content of one of the package's files."""
    if given is None:
        return _in_archive(_fetched())
    path = Path(given)
    if path.is_dir():
        return _in_folder(path)
    if not path.is_file():
        raise RuntimeMissingError(f"{path}: there is no such file or folder: {WHAT_TO_DO}")
    return _in_archive(path.read_bytes())


def _in_folder(folder: Path) -> Callable[[str], bytes]:
    inside = folder if (folder / "package.json").is_file() else folder / "package"
    try:
        told = json.loads((inside / "package.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        told = {}
    found = f"{told.get('name', 'no package')} {told.get('version', '')}".strip()
    if found != f"{PACKAGE} {VERSION}":
        raise RuntimeMissingError(f"{folder}: holds {found}, not {PACKAGE} {VERSION}: {WHAT_TO_DO}")

    def read(name: str) -> bytes:
        if not (inside / name).is_file():
            raise RuntimeMissingError(f"{folder}: {name} is missing: {WHAT_TO_DO}")
        return (inside / name).read_bytes()

    return read


def _in_archive(content: bytes) -> Callable[[str], bytes]:
    if base64.b64encode(hashlib.sha512(content).digest()).decode() != SHA512:
        raise RuntimeMissingError(f"this is not the archive of {PACKAGE} {VERSION}, its SHA-512 differs: {WHAT_TO_DO}")
    archive: Any = tarfile.open(fileobj=io.BytesIO(content), mode="r:gz")  # noqa: SIM115 - read until all is written
    return lambda name: archive.extractfile(f"package/{name}").read()


def _fetched() -> bytes:
    """The archive, by npm or from the registry."""
    with tempfile.TemporaryDirectory() as folder:
        if npm := shutil.which("npm"):
            command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--silent", "--pack-destination", folder]
            try:
                subprocess.run(command, check=True, capture_output=True, timeout=NPM_S, cwd=folder)
                return next(Path(folder).glob("*.tgz")).read_bytes()
            except (subprocess.SubprocessError, OSError, StopIteration):
                pass  # the registry is asked by ourselves
        try:
            return fetch(ADDRESS, Path(folder) / "ort.tgz", sha256=SHA256, attempts=2).read_bytes()
        except DownloadError as error:
            raise RuntimeMissingError(f"{PACKAGE} {VERSION} cannot be had ({error}): {WHAT_TO_DO}") from None
