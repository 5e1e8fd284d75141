"""A set of drawn pairs, made by two processes here and by a Dask cluster of two workers here: same files? how long?

`pip install distributed`, `python benchmarks/cluster_pairs.py` (some five minutes and 200 MB of disk on two cores).
The cluster is on this machine, so that what it costs is seen, not what it gains. A third run has three workers, of
which one is killed (SIGKILL) when a third of the set is there. Compared are all files, by SHA-256. Writes
results/cluster_pairs.json.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import common

CORES = 2


def start(folder: str, what: str, *options: str) -> subprocess.Popen:
    """Start a scheduler or a worker, whose words go into a file."""
    command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *options, "--no-dashboard"]
    with open(f"{folder}/{what}.log", "ab") as log:
        return subprocess.Popen(command, cwd=common.ROOT, stdout=log, stderr=log)


def worker(folder: str) -> subprocess.Popen:
    """One worker of one thread, which nobody starts anew."""
    told = ("--scheduler-file", f"{folder}/scheduler.json", "--nthreads", "1", "--no-nanny")
    return start(folder, "worker", *told, "--local-directory", folder)


def made(out: Path, num: int, *options: str, meanwhile: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Make the set: seconds, the load of the machine (about 2 where nobody else works on it), and the digest
    of all files.
    """
    began = time.monotonic()
    command = [sys.executable, "-m", "data_prep", "synthetic", str(out), "--num", str(num), "--size", "64", *options]
    process = subprocess.Popen(command, cwd=common.ROOT, stderr=subprocess.DEVNULL)
    meanwhile()
    if process.wait():
        raise SystemExit(f"{' '.join(command)} failed")
    seconds = time.monotonic() - began
    files = sorted(path for path in out.rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(out)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    load = round(os.getloadavg()[0], 1)
    return {"seconds": round(seconds, 1), "load": load, "files": len(files), "sha256": digest.hexdigest()}


def main() -> None:
    """Make the set three times, compare, and write results/cluster_pairs.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--num", type=int, default=5_000)
    num = parser.parse_args().num
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file, place = Path(folder) / "scheduler.json", Path(folder)
        processes = [start(folder, "scheduler", "--port", "0", "--host", "127.0.0.1", "--scheduler-file", str(file))]
        while not file.exists() or not file.read_text(encoding="utf-8").rstrip().endswith("}"):
            time.sleep(0.1)
        processes += [worker(folder) for _ in range(CORES)]
        photos = place / "killed" / "photos"
        killed_at = 0

        def kill() -> None:
            nonlocal killed_at
            while not photos.is_dir() or len(list(photos.glob("*.png"))) < num // 3:
                time.sleep(0.2)
            processes[1].kill()
            killed_at = len(list(photos.glob("*.png")))

        try:
            local = made(place / "local", num, "--workers", str(CORES))
            cluster = made(place / "cluster", num, "--scheduler", str(file))
            processes.append(worker(folder))
            killed = made(place / "killed", num, "--scheduler", str(file), meanwhile=kill)
        finally:
            for process in processes:
                process.kill()
                process.wait()
    equal = {name: run["sha256"] == local["sha256"] for name, run in (("cluster", cluster), ("killed", killed))}
    results = {
        "num": num,
        "local": local,
        "cluster": cluster,
        "killed": killed | {"killed_at": killed_at},
        "ratio": round(cluster["seconds"] / local["seconds"], 3),
        "equal": equal,
    }
    common.write("cluster_pairs", results)
    if not all(equal.values()):
        raise SystemExit("not equal")


def table(found: dict[str, Any]) -> str:
    """The runs on the cluster, and whether their files are those of the local run. Their times count on a machine where
    nobody else works: the results file says its load.
    """
    r = found["results"]
    yes = {True: "yes", False: "no"}
    killed = f"three workers, one killed after {r['killed']['killed_at']:,} pairs"
    rows = [["two workers", yes[r["equal"]["cluster"]]], [killed, yes[r["equal"]["killed"]]]]
    said = f"{r['num']:,} drawn pairs of 64 px, {r['local']['files']:,} files ({common.machine_of(found)}):\n\n"
    return said + common.markdown(["made by", "the same files as `--workers 2`"], rows)


TABLES = {"cluster": table}


if __name__ == "__main__":
    main()
