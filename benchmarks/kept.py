"""Results that are saved row by row: what a session that ended did not measure, the next one does."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import common

from s2f_utils import runtime

HERE = Path(__file__).parent
GOES_ON = "S2F_AFTER_A_FAULT"  # in the environment: rows that failed are not tried again
IMPORTED = re.compile(r"^\s*(?:import|from) (\w+)", re.MULTILINE)


def code_of(script: str | Path) -> str:
    """A checksum of what a script runs: the library, itself, and the scripts here that it imports (of `gpu_tests`, the
    tests, too). What was measured with other code counts for nothing.
    """
    root = common.ROOT
    files = [*(root / "s2f_utils").rglob("*.py"), *_imported(HERE / script, set())]
    if Path(script).stem == "gpu_tests":
        files += (root / "tests").glob("*.py")
    hashed = hashlib.sha256()
    for path in sorted(files):
        hashed.update(f"{path.name}\0".encode() + path.read_bytes())
    return hashed.hexdigest()[:12]


def _imported(path: Path, seen: set[Path]) -> Iterator[Path]:
    if path in seen or not path.is_file():
        return
    seen.add(path)
    yield path
    for other in IMPORTED.findall(path.read_text(encoding="utf-8")):
        yield from _imported(HERE / f"{other}.py", seen)


def path_of(name: str, folder: Path | None = None) -> Path:
    """Where a results file lies: `common.RESULTS`, or another folder."""
    return (folder or common.RESULTS) / f"{common.on_device(name)}.json"


def found(path: Path, script: str | Path, machine: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What a results file holds; {} where there is none, or it comes from other code, another GPU or torch.

    machine: as `runtime.machine_facts`, which makes itself known to a GPU and takes some of its memory.
    """
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    here = machine or runtime.machine_facts()
    alike = all(held["machine"][name] == here[name] for name in ("gpu", "torch"))
    return held if alike and held.get("code") == code_of(script) else {}


def write(path: Path, code: str, results: Mapping[str, Any], finished: bool) -> None:
    """Write a results file with the machine; code: as `code_of`. finished: it need not be measured again."""
    facts = {**common.facts(), "code": code, "finished": finished}
    runtime.write_json(path, facts | {"results": results})


def one_line(error: BaseException) -> str:
    """An error's kind and the first line that it says, 300 characters at most."""
    said = next((line for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {said}"[:300]


def why_not(row: Mapping[str, Any]) -> str:
    """Why a row was not measured: it failed, or was left out; "" where it was."""
    return row.get("failed") or row.get("left_out") or ""


class Kept:
    """Rows by name, {"machine", "code", "finished", "results": {name: row}}, written after each of them.

    name: of the file. script: the caller's `__file__`. tiny: what is measured only shows that it can be. A row that was
    left out says so, {"left_out": why}.
    """

    def __init__(self, name: str, script: str | Path, *, tiny: bool = False) -> None:
        self.path = path_of(name)
        if tiny and self.path.parent.resolve() == common.SAVED.resolve():
            raise SystemExit(f"tiny results do not belong in {common.SAVED}: name another folder in S2F_RESULTS")
        held = found(self.path, script).get("results", {})
        self.code, self.finished = code_of(script), False
        self.rows: dict[str, Any] = {k: v for k, v in held.items() if GOES_ON in os.environ or "failed" not in v}

    def row(self, name: str, measure: Callable[[], Any]) -> Any:
        """The row of this name, measured now unless it is saved. What fails is a row {"failed": why}."""
        if name in self.rows:
            return self.rows[name]
        try:
            self.rows[name] = measure()
        except Exception as error:
            self.rows[name] = {"failed": one_line(error)}
        self.save()
        print(f"{name}: {json.dumps(self.rows[name], ensure_ascii=False)}", flush=True)
        if "CUDA error" in str(self.rows[name].get("failed", "")):  # nothing works on it in this process any more
            os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, GOES_ON: "1"})
        free()
        return self.rows[name]

    def save(self) -> None:
        """Write all rows."""
        write(self.path, self.code, self.rows, self.finished)

    def finish(self, may_fail: Callable[[str], bool] = lambda name: False) -> None:
        """All is measured. SystemExit where a row failed, unless `may_fail(its name)`: then that is the result."""
        failed = {name: row["failed"] for name, row in self.rows.items() if "failed" in row}
        faults = {name: why for name, why in failed.items() if not may_fail(name)}
        self.finished = not faults
        self.save()
        if faults:
            name, why = next(iter(faults.items()))
            raise SystemExit(f"{len(faults)} of {len(self.rows)} rows failed: {name}: {why}")
        told = f", {len(failed)} of them say why they could not be measured" if failed else ""
        print(f"{len(self.rows)} rows{told}, in {self.path}")


def free() -> None:
    """Give back a GPU's memory that nobody uses any more."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
