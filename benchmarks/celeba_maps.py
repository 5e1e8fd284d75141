"""CelebAMask-HQ's part files joined into maps: how many a second, and 30,000 faces with an interruption, their memory.

`python benchmarks/celeba_maps.py` (half an hour and 3 GB of disk on two cores). Drawn faces are written in that very
layout: first some with photos of 1024 px and parts of 512 px, as in the real set, whose maps are timed alone and with
all that `data_prep pairs` does; then 30,000 small ones, which `pairs` is killed amidst, and goes on with.
"""

from __future__ import annotations

import argparse
import signal
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import common
import numpy as np
from large_set import run, summary

from data_prep import files
from s2f_utils.pictures import images, masks
from s2f_utils.pictures.drawn.synthetic import draw_face

REAL_PX, PARTS_PX = 1024, 512
CORES = 2


def write_face(root: str, number: int, photo_px: int, parts_px: int) -> None:
    """One face's photo and its part files."""
    face = draw_face(number, size_px=parts_px, seed=77)
    images.save(Path(root) / "CelebA-HQ-img" / f"{number}.jpg", images.resize(face.photo, photo_px, "stretch"))
    folder = Path(root) / "CelebAMask-HQ-mask-anno" / str(number // 2000)
    for label, name in enumerate(masks.CLASSES):
        place = face.mask == label
        if label and place.any():
            picture = np.repeat(np.where(place, 255, 0).astype(np.uint8)[..., None], 3, axis=2)  # as theirs: RGB
            images.save(folder / f"{number:05d}_{name}.png", picture)


def write_set(root: str, num: int, photo_px: int, parts_px: int) -> None:
    """A folder in CelebAMask-HQ's layout, with its mapping file."""
    with ProcessPoolExecutor(CORES) as pool:
        list(pool.map(write_face, [root] * num, range(num), [photo_px] * num, [parts_px] * num, chunksize=16))
    rows = [f"{n} {n * 202_598 // num} {n:06d}.jpg" for n in range(num)]
    text = "idx orig_idx orig_file\n" + "\n".join(rows) + "\n"
    (Path(root) / "CelebA-HQ-to-CelebA-mapping.txt").write_text(text, encoding="ascii")


def join(path: str) -> int:
    """One map, joined from its parts: how many classes it has."""
    return len(np.unique(files.load_labels(path)))


def maps_per_second(root: str, num: int) -> float:
    """How many maps are joined a second, by as many processes as cores."""
    folder = Path(root) / "CelebAMask-HQ-mask-anno" / "0"
    paths = [str(folder / f"{n:05d}{files.ALL_PARTS}") for n in range(num)]
    with ProcessPoolExecutor(CORES) as pool:
        list(pool.map(join, paths[:8]))  # the processes are there
        start = time.perf_counter()
        classes = list(pool.map(join, paths, chunksize=4))
    assert min(classes) > 5, "a face has more than five classes"
    return num / (time.perf_counter() - start)


def main() -> None:
    """Measure and write results/celeba_maps.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--num", type=int, default=30_000)
    parser.add_argument("--real", type=int, default=240, help="faces of the real sizes (default: 240)")
    args = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    results: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = f"{folder}/real/CelebAMask-HQ"
        write_set(root, args.real, REAL_PX, PARTS_PX)
        parts = len(list(Path(root).rglob("*_*.png")))
        results["maps_per_second"] = round(maps_per_second(root, args.real), 1)
        results["parts_per_face"] = round(parts / args.real, 1)
        seconds, memory, code = run("pairs", root, f"{folder}/real-out", "--size", "256", "--style", "pencil")
        results["pairs_of_1024_px"] = summary(seconds, memory, args.real) | {"exit_code": code}
    with tempfile.TemporaryDirectory() as folder:
        root, out = f"{folder}/CelebAMask-HQ", f"{folder}/out"
        write_set(root, args.num, 64, 64)
        command, made = ("pairs", root, out, "--size", "64", "--style", "pencil"), Path(out) / "masks"
        first, memory, _ = run(*command, stop_after=args.num // 3, how=signal.SIGKILL, folder=made)
        before = {path.name: path.stat().st_mtime_ns for path in made.glob("*.png")}
        second, rest, code = run(*command)
        kept = sum(path.stat().st_mtime_ns == before[path.name] for path in made.glob("*.png") if path.name in before)
        rows = (Path(out) / "manifest.csv").read_text(encoding="utf-8").splitlines()[1:]
        results["many"] = {
            "num": args.num,
            "killed_at": len(before),
            "kept_as_they_were": kept,
            "exit_code": code,
            "rows_at_the_end": len(rows),
            "maps_at_the_end": len(list(made.glob("*.png"))),
            **summary(first + second, memory + rest, args.num),
        }
    common.write("celeba_maps", results)


if __name__ == "__main__":
    main()
