"""Training on 20,655 pairs in the layout of Person Face Sketches: rate and memory when the set is read ahead of
training instead of being kept in memory.

`python benchmarks/large_training.py` (a quarter of an hour and 6 GB of disk on two cores). Drawn faces are written as
train/photos, train/sketches, val/… and test/… (a tenth of them is drawn, each lies there under ten names), made into a
data set by data_prep, and trained on: pictures kept in memory (of a part that fits), read ahead, and read when they are
needed, in turns. Results: results/large_training.json.
"""

from __future__ import annotations

import argparse
import multiprocessing
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import common

import data_prep
from s2f_utils.data import SPLITS, Manifest, read_manifest, stores
from s2f_utils.pictures import images
from s2f_utils.pictures.drawn.synthetic import draw_face
from s2f_utils.training import config
from s2f_utils.training.loop import train
from s2f_utils.training.run import open_run

NAMES_A_FACE = 10
SETTINGS = {  # a step that is fast for its size: the loader has to keep up with it
    "pix2pix": {"size_px": 128, "load_size_px": 143, "batch_size": 8, "base_filters": 32, "disc_filters": 32},
    "cyclegan": {"size_px": 128, "load_size_px": 143, "batch_size": 1, "base_filters": 32, "disc_filters": 32},
}
HOW = ("kept in memory", "read ahead", "read when needed")


def draw(task: tuple[int, int, str]) -> None:
    """One face under several names: folder/photos/N.jpg and folder/sketches/N.jpg."""
    index, names, folder = task
    face = draw_face(index, size_px=256)
    for side, picture in (("photos", face.photo), ("sketches", face.sketch)):
        content = images.Image.fromarray(picture).convert("RGB")
        for n in range(names):
            path = Path(folder) / side / f"{index * names + n}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            content.save(path, quality=92)


def write_layout(folder: Path, num: int) -> None:
    """Person Face Sketches as it is distributed, with `num` training pairs."""
    few = max(1, num // 100)
    tasks = [(n, NAMES_A_FACE, str(folder / "train")) for n in range(-(-num // NAMES_A_FACE))]
    tasks += [(10**6 + n, 1, str(folder / split)) for split in ("val", "test") for n in range(few)]
    with multiprocessing.Pool() as pool:
        for _ in pool.imap_unordered(draw, tasks, chunksize=16):
            pass
    for side in ("photos", "sketches"):
        for path in sorted((folder / "train" / side).iterdir(), key=lambda p: int(p.stem))[num:]:
            path.unlink()


def rate(method: str, manifest_path: str, how: str, seconds: float, runs: str) -> dict[str, float]:
    """Images a second and peak memory of training that reads its pictures in this way; in a process of its own."""
    code = (
        f"import sys; sys.path[:0] = [{str(Path(__file__).parent)!r}]; import large_training\n"
        f"print(large_training.measure({method!r}, {manifest_path!r}, {how!r}, {seconds}, {runs!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    images_per_second, memory = map(float, done.stdout.split()[-2:])
    return {"images_per_second": images_per_second, "memory_mib": memory}


def measure(method: str, manifest_path: str, how: str, seconds: float, runs: str) -> str:
    """The same, in this process."""
    manifest = read_manifest(manifest_path)
    if how == "kept in memory":
        manifest = Manifest(manifest.path, manifest.split("train")[:500], manifest.settings)
    else:
        stores.free_bytes = lambda device: 0
    batches = 0 if how == "read when needed" else 4
    stores.PairedData.AHEAD = stores.UnpairedData.AHEAD = {"cpu": batches, "cuda": batches}
    changes = SETTINGS[method] | {"total_images": 10**8, "sample_every_images": 10**8, "save_every_s": 10**6}
    run = open_run(config.resolve(method, "full", changes), manifest, runs, resume="never", progress=False)
    run.images_seen = run.config.batch_size  # past the first sample sheet
    run.save = lambda: run.resume_path
    train(run, max_seconds=seconds / 3, progress=False)
    begun, seen = time.monotonic(), run.images_seen
    train(run, max_seconds=seconds, progress=False)
    return f"{(run.images_seen - seen) / (time.monotonic() - begun):.3f} {common.peak_memory_mib():.0f}"


def main() -> None:
    """Write the layout, make the set, measure, write results/large_training.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--num", type=int, default=20_655)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement (default: 20)")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_layout(Path(folder) / "person-face-sketches", args.num)
        begun = time.monotonic()
        manifest = data_prep.make_pairs(
            Path(folder) / "person-face-sketches", Path(folder) / "set", "person-face-sketches", progress=False
        )
        prepared = args.num / (time.monotonic() - begun)
        rows = read_manifest(manifest)
        results = {
            "pairs": {split: len(rows.split(split)) for split in SPLITS},
            "prepared_pairs_per_second": round(prepared, 1),
            "would_need_gib": round(2 * args.num * 3 * 256**2 / 2**30, 1),
        }
        for method in SETTINGS:
            found: dict[str, list[dict[str, float]]] = {how: [] for how in HOW}
            for _ in range(args.rounds):
                for how in HOW:
                    found[how].append(rate(method, str(manifest), how, args.seconds, f"{folder}/runs"))
            middle = {
                how: {key: sorted(r[key] for r in each)[args.rounds // 2] for key in each[0]}
                for how, each in found.items()
            }
            kept = middle["kept in memory"]["images_per_second"]
            results[method] = {
                how: {**values, "of_kept_in_memory": round(values["images_per_second"] / kept, 3)}
                for how, values in middle.items()
            }
        common.write("large_training", results)


if __name__ == "__main__":
    main()
