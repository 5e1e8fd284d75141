"""What runs the graphs in a browser: files of the npm package onnxruntime-web, of one version,
checked.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import tempfile
from pathlib import Path

from s2f_utils.weights.download import DownloadError, fetch

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
ADDRESS = f"https://registry.npmjs.org/{PACKAGE}/-/{PACKAGE}-{VERSION}.tgz"
SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
SCRIPT, BINARY = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
WHAT_TO_DO = f"give --ort the file that 'npm pack {PACKAGE}@{VERSION}' writes"


class RuntimeMissingError(ValueError):
    """onnxruntime-web cannot be had, or is not the tested one; the message says what to do."""


def write_runtime(folder: Path, given: str | Path | None = None) -> dict[str, str]:
    """Write the script and its WebAssembly, packed to a quarter of the bytes, into a folder that is
    there: {"script": its file's name, "binary": that of its WebAssembly}.

    given: the package's .tgz; None: npm's registry is asked. Raises RuntimeMissingError, OSError.
    """
    packed = f"{BINARY}.gz"
    with tarfile.open(fileobj=io.BytesIO(_archive(given)), mode="r:gz") as package:
        script, binary = (
            package.extractfile(f"package/dist/{name}").read() for name in (SCRIPT, BINARY)
        )
    (folder / SCRIPT).write_bytes(script)
    (folder / packed).write_bytes(gzip.compress(binary, 9, mtime=0))
    return {"script": SCRIPT, "binary": packed}


def _archive(given: str | Path | None) -> bytes:
    """The package's .tgz, the one that is given or the registry's, checked."""
    if given is None:
        content = _fetched()
    elif Path(given).is_file():
        content = Path(given).read_bytes()
    else:
        raise RuntimeMissingError(f"{given}: there is no such file: {WHAT_TO_DO}")
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise RuntimeMissingError(
            f"this is not the archive of {PACKAGE} {VERSION}, its SHA-256 differs: {WHAT_TO_DO}"
        )
    return content


def _fetched() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        try:
            return fetch(ADDRESS, Path(folder) / "ort.tgz", sha256=SHA256, attempts=2).read_bytes()
        except DownloadError as error:
            raise RuntimeMissingError(
                f"{PACKAGE} {VERSION} cannot be had ({error}): {WHAT_TO_DO}"
            ) from None
