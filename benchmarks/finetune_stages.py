"""All stages fine-tuned on a hundred pairs, against the same trained from scratch in the same time.

`python benchmarks/finetune_stages.py --data ../shared/data --work /tmp/faces-work [--sets cuhk …] [--starts …]`. CUHK's
88 training pairs, and the first hundred of each of FS2K's styles; measured on CUHK's 100 test pairs, and on the
first hundred test pairs of the style. What is trained stays in --work, for neither set may be handed on. "from scratch"
begins with random weights, but with the rendering network's principal components. Two sets at once, on a core each,
take no longer than one after the other: --threads 1. Writes results/finetune_stages.json, row by row.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
from pathlib import Path

import common
import numpy as np
import torch
from faces_measures import Yardstick
from faces_sets import FaceSet, fs2k_train, load

import data_prep
from s2f_studio.faces.finetune import finetune
from s2f_utils import inference, models, runtime, weights
from s2f_utils.data import COLUMNS
from s2f_utils.inference.asking import Ask
from s2f_utils.models import checkpoints
from s2f_utils.pictures import images

STYLES = tuple(f"style {n}" for n in (1, 2, 3))
SETS = ("cuhk", *STYLES)
SHIPPED, SCRATCH, NONE = "shipped", "from scratch", "no training"
STARTS = (NONE, SHIPPED, SCRATCH)
MOST = 100  # pairs to train on, and to test on
VAL_EVERY = 25
COLUMNS_SHOWN = ("face_ssim", "face_psnr", "skin_tone", "light_shift", "sharpness", "residue", "landmarks", "patch_auc")


def pairs_of(name: str, data: Path, work: Path) -> tuple[list[str], np.ndarray, np.ndarray, FaceSet]:
    """Ids, sketches and photos to train on, uint8 (N, 256, 256, 3), and the test set."""
    if name == "cuhk":
        chosen = load("cuhk", data, work)
        ids = [f"pair-{n}" for n in range(len(chosen.train_photos))]
        return ids, chosen.train_drawings, chosen.train_photos, chosen
    chosen = load("fs2k-zero-shot", data, work)
    places = [n for n, kind in enumerate(chosen.kinds) if kind == name][:MOST]
    ids, sketches, photos = fs2k_train(data, work)
    with np.load(work / "fs2k-train.npz") as kept:
        style_of = dict(zip(kept["ids"].tolist(), kept["styles"].tolist(), strict=True))
    mine = [n for n, own in enumerate(ids) if style_of[own] == name][:MOST]
    part = {field: [getattr(chosen, field)[n] for n in places] for field in ("people", "kinds")}
    part |= {field: getattr(chosen, field)[places] for field in ("drawings", "truths")}
    part |= {"train_photos": photos[mine], "train_drawings": sketches[mine]}
    return [ids[n] for n in mine], sketches[mine], photos[mine], dataclasses.replace(chosen, **part)


def shaped(name: str, folder: Path, ids: list[str], sketches: np.ndarray, photos: np.ndarray) -> Path:
    """The pairs as a data set with points; its manifest."""
    pairs = folder / "pairs"
    if not (pairs / "manifest.csv").exists():
        rows = []
        for n, own in enumerate(ids):
            for side, picture in (("sketches", sketches[n]), ("photos", photos[n])):
                images.save(pairs / side / f"{own}.png", picture)
            split = "val" if n % VAL_EVERY == 0 else "train"
            rows.append([split, own, own, f"sketches/{own}.png", f"photos/{own}.png", "", name])
        with open(pairs / "manifest.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([COLUMNS, *rows])
    return data_prep.make_shaped(pairs, folder / "shaped")


def random_weights(folder: Path) -> dict[str, Path]:
    """Networks as large as the shipped ones that have learned nothing, as files."""
    made = {}
    for method, name in (("expect", weights.EXPECT), ("render", weights.RENDER)):
        net, meta = checkpoints.load_network(weights.shipped(name))
        torch.manual_seed(0)
        fresh = models.build(net.name, **net.args)
        for own, value in net.named_buffers():  # components and tones: what the numbers mean
            fresh.get_buffer(own).copy_(value)
        made[method] = folder / f"{method}.safetensors"
        checkpoints.save_generator(made[method], fresh, {k: meta[k] for k in ("direction", "size_px")})
    return made


def measured(model: inference.Model, stick: Yardstick, patch_steps: int | None) -> dict[str, dict]:
    """Both answers' rows."""
    inner = getattr(model, "render", model)  # of the shipped models, the one that renders
    rows = {}
    for answer, one in (("expected", inner.expect), ("rendered", inner)):
        made = np.stack([one.answer([drawing], [Ask()])[0] for drawing in stick.set.drawings])
        row = stick.row(made, patch_steps if answer == "rendered" else 0)
        rows[answer] = {key: row.get(key) for key in COLUMNS_SHOWN} | {"intervals": row["intervals"]}
    return rows


def main() -> None:
    """Train what is not trained yet, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of cufs and fs2k")
    parser.add_argument("--work", type=Path, required=True, help="folder outside of the project, for pictures")
    parser.add_argument("--sets", nargs="*", default=SETS, choices=SETS)
    parser.add_argument("--starts", nargs="*", default=STARTS, choices=STARTS)
    parser.add_argument("--minutes", type=float, default=25.0, help="of training, of both cores")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--patch-steps", type=int, help="of the patch test; 0: without it")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    for name in args.sets:
        folder = args.work / "finetune" / name.replace(" ", "-")
        ids, sketches, photos, chosen = pairs_of(name, args.data, args.work)
        manifest = shaped(name, folder, ids, sketches, photos)
        stick = Yardstick(chosen)
        for start in args.starts:
            if start == NONE:
                model = inference.load("sketch-to-photo", device="cpu")
            else:
                begin = {"begin": random_weights(folder)} if start == SCRATCH else {}
                runs = folder / f"runs-{start.replace(' ', '-')}-{args.minutes:g}"
                minutes = args.minutes * 2 / args.threads
                model = inference.load(finetune(manifest, runs, minutes=minutes, device="cpu", **begin), "cpu")
            write(name, start, len(ids), 0.0 if start == NONE else args.minutes,
                  measured(model, stick, args.patch_steps))  # fmt: skip


def write(name: str, start: str, num: int, minutes: float, answers: dict[str, dict]) -> None:
    """Put rows into the results, in place of those they replace."""
    path = common.RESULTS / "finetune_stages.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"results": {"rows": []}}
    rows = found["results"]["rows"]
    for answer, row in answers.items():
        key = {"set": name, "start": start, "answer": answer}
        rows[:] = [one for one in rows if {k: one[k] for k in key} != key]
        rows.append(common.new(key | {"pairs": num, "minutes": minutes} | row))
        print(key, {k: row[k] for k in COLUMNS_SHOWN})
    rows.sort(key=lambda one: (SETS.index(one["set"]), one["answer"], STARTS.index(one["start"])))
    runtime.write_json(path, {**common.facts(), "results": {"rows": rows}})


def table(found: dict) -> str:
    """A row for each set, answer and start."""
    head = ["set", "answer", "start", "in the face: SSIM ↑", "PSNR ↑", "skin tone ↓", "sharpness → 1", "residue → 0",
            "landmarks ↓", "patch AUC → .5"]  # fmt: skip
    shown = ("face_ssim", "face_psnr", "skin_tone", "sharpness", "residue", "landmarks", "patch_auc")
    digits = {"face_psnr": 1, "skin_tone": 1, "sharpness": 2, "residue": 2, "patch_auc": 2}
    rows = []
    for row in found["results"]["rows"]:
        values = ["–" if row[key] is None else f"{row[key]:.{digits.get(key, 3)}f}" for key in shown]
        took = f", {row['minutes']:g} minutes" if row["minutes"] else ""
        rows.append([f"{row['set']} ({row['pairs']})", row["answer"], row["start"] + took, *values])
    return common.markdown(head, rows)


TABLES = {"finetune-stages": table}


if __name__ == "__main__":
    main()
