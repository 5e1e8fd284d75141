"""PyTorch against onnxruntime: how long answers take on a CPU, and how far they are apart. `python
benchmarks/engine_speed.py`, some four minutes on a quiet machine.

Milliseconds are of one picture, alone or eight in one pass, each of a drawing that nobody has understood before; what
it shows is understood by the same finder for all. Ratios are to PyTorch of the same run. Writes
results/engine_speed.json.
"""

from __future__ import annotations

import functools
import itertools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import common
import numpy as np
import torch

from s2f_studio.drawings import prepare as drawings
from s2f_studio.export.writing import export
from s2f_utils import inference, models, runtime
from s2f_utils.inference import restorers
from s2f_utils.inference.asking import Ask, Model
from s2f_utils.models import checkpoints
from s2f_utils.pictures import images
from s2f_utils.pictures.drawn.synthetic import draw_face

ENGINES = {"torch": {"engine": "torch"}, "torch, bfloat16": {"engine": "torch", "precision": "auto"}}
ENGINES |= {"onnx": {"engine": "onnx"}}
ASKED = {
    "faithful": {"answer": "faithful", "detail": 0.0},
    "faithful, with detail": {"answer": "faithful", "detail": 0.5},
    "expected": {"answer": "expected"},
    "rendered": {"answer": "rendered", "seed": 1},
    "rendered, 512 pixels": {"answer": "rendered", "large": True},
    "rendered, glasses and age said": {"answer": "rendered", "person": {"age": 0.5, "glasses": 1.0}},
}
BATCHES, ROUNDS = (1, 8), 7
PARITY = {
    **ASKED,
    "colours at random": {"answer": "faithful", "detail": 0.7, "seed": 4, "colours": True},
    "rendered, tones said": {"answer": "rendered", "person": {"skin": "#8d5a3c", "hair": "#a0582c", "hat": 1.0}},
}
NETWORKS = {
    "pix2pix's U-Net": ("unet", {"num_downs": 6, "base_filters": 16}, (64, 192)),
    "CycleGAN's ResNet": ("resnet", {"base_filters": 16, "num_blocks": 3}, (64, 180)),
    "ours, 'faithful'": ("resunet", {"widths": (16, 24), "fine": (8, 8), "blocks": 1}, (64, 160)),
}


def speed(
    device: str = "cpu",
    engines: Mapping[str, Mapping[str, str]] = ENGINES,
    asked: Mapping[str, Mapping[str, Any]] = ASKED,
    batches: Sequence[int] = BATCHES,
    rounds: int = ROUNDS,
) -> list[dict[str, Any]]:
    """A row for each kind of answer and batch: milliseconds of a picture by each engine."""
    drawing = images.resize(drawings.prepare(drawings.example("plain-man")).image, 256)
    places = itertools.count()

    def another() -> np.ndarray:
        number = next(places)
        moved = drawing.copy()
        moved[0, number % 256] = (number // 256, 0, 0)  # one pixel: another drawing to whoever remembers
        return moved

    def answered(model: Model, asks: list[Ask]) -> None:
        model.answer([another() for _ in asks], asks)

    rows = []
    for batch in batches:
        held = {
            name: inference.load("sketch-to-photo", device, at_once=batch, **wanted) for name, wanted in engines.items()
        }
        for answer, wanted in asked.items():
            asks = [Ask(**wanted)] * batch
            calls = {name: functools.partial(answered, model, asks) for name, model in held.items()}
            took = common.alternate(calls, rounds)
            row = {name: round(1000 * seconds / batch, 1) for name, seconds in took.items()}
            rows.append({"answer": answer, "batch": batch} | row)
    return rows


def parity() -> list[dict[str, Any]]:
    """A row for each model: by how many of 255 levels the engines are apart at most."""
    rows = []
    both = [inference.load("sketch-to-photo", "cpu", engine=engine) for engine in ("torch", "onnx")]
    pictures = [drawings.prepare(drawings.example(name)).image for name in drawings.EXAMPLES]
    for name, asked in PARITY.items():
        rows.append({"model": f"sketch-to-photo: {name}", "size": "512" if asked.get("large") else "256"})
        rows[-1]["levels"] = max(_apart(*(one.translate(picture, **asked) for one in both)) for picture in pictures)
    faces = [draw_face(number, size_px=256) for number in range(6)]
    for name in ("photo-to-sketch", "sketch-to-face-64", "map-to-face-64"):
        both = [inference.load(name, "cpu", engine=engine) for engine in ("torch", "onnx")]
        given = {"photo": lambda face: face.photo, "map": lambda face: face.mask}.get(
            both[0].facts.reads, lambda face: np.repeat(face.sketch[..., None], 3, axis=2)
        )
        levels = max(
            _apart(*(one.translate(given(face), seed=seed) for one in both)) for face in faces for seed in (0, 3)
        )
        rows.append({"model": name, "size": str(both[0].facts.size_px), "levels": levels})
    both = [restorers.load("restorer-256", "cpu", engine=engine) for engine in ("torch", "onnx")]
    levels = max(_apart(*(one.restore(face.photo, 3) for one in both)) for face in faces)
    return [*rows, {"model": "restorer-256", "size": "256", "levels": levels}, *_exported()]


def _exported() -> list[dict[str, Any]]:
    """As `parity`, of networks by chance, small, that are exported now, at two sizes and three pictures in one pass."""
    rows, rng = [], np.random.default_rng(0)
    for name, (network, args, sizes) in NETWORKS.items():
        with tempfile.TemporaryDirectory() as folder:
            torch.manual_seed(0)
            meta = {"direction": "sketch-to-photo", "size_px": sizes[0]}
            path = checkpoints.save_generator(Path(folder) / "g.safetensors", models.build(network, **args), meta)
            model = inference.load(path, "cpu")
            made = inference.load(export(model, Path(folder) / "out"))
            for side in sizes:
                batch = rng.integers(0, 256, (3, side, side, 3), dtype=np.uint8)
                levels = _apart(made.translate_batch(batch), model.translate_batch(batch))
                rows.append({"model": f"{name}, exported", "size": str(side), "levels": levels})
    return rows


def _apart(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other).max())


def speed_table(found: Mapping[str, Any]) -> str:
    """A row for each kind of answer."""
    rows = found["results"]["speed"]
    cells = []
    for row in rows:
        times = [f"{row[name]:.0f}" for name in ENGINES]
        cells.append([row["answer"], str(row["batch"]), *times, f"{row['onnx'] / row['torch']:.2f}"])
    head = ["answer", "in one pass", *(f"{name}, ms" for name in ENGINES), "onnx / torch"]
    return f"{common.markdown(head, cells)}\n\n{common.machine_of(found)}."


def parity_table(found: Mapping[str, Any]) -> str:
    """A row for each model and size."""
    cells = [[row["model"], row["size"], str(row["levels"])] for row in found["results"]["parity"]]
    return common.markdown(["model", "pixels", "levels of 255, at most"], cells)


TABLES = {"engine-speed": speed_table, "engine-parity": parity_table}


def main() -> None:
    """Measure and write."""
    found = {**common.facts(), "results": {"speed": speed(), "parity": parity()}}
    runtime.write_json(common.RESULTS / "engine_speed.json", found)
    print(speed_table(found), parity_table(found), sep="\n\n")


if __name__ == "__main__":
    main()
