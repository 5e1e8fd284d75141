"""Images a second, on one core, of everything that happens to pictures before training: drawing synthetic faces, batch
augmentation, alignment, sketches, clean-up, the doctor's look.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import common
import torch

from data_prep.doctor.examine import Subject, examine
from data_prep.make.recipe import PairTask, Recipe, make_pair
from s2f_studio.drawings import background, cleanup
from s2f_utils.pictures import faces, images, sketches
from s2f_utils.pictures.drawn.synthetic import draw_face
from s2f_utils.pictures.images import to_tensor
from s2f_utils.training.augment import PairedAffine, crop_and_flip


def drawing_and_augmentation() -> dict[str, float]:
    """Synthetic faces at four sizes; crop and flip, and affine changes, at two."""
    results = {}
    for size_px, num in ((64, 32), (128, 32), (256, 16), (512, 8)):
        seconds = common.alternate({"draw": lambda n=num, s=size_px: [draw_face(i, size_px=s) for i in range(n)]}, 3)
        results[f"synthetic faces, {size_px} px"] = round(num / seconds["draw"], 1)
    for size_px, load_px in ((128, 143), (256, 286)):
        batch = torch.randint(0, 256, (8, 3, load_px, load_px), dtype=torch.uint8)
        affine = PairedAffine(20.0, 5.0, 5.0)

        def jitter(batch=batch, size_px=size_px):
            return crop_and_flip(batch, batch, size_px)

        def jitter_and_affine(batch=batch, size_px=size_px, affine=affine):
            return affine(*(to_tensor(part) for part in crop_and_flip(batch, batch, size_px)))

        for name, seconds in common.alternate({"crop, flip": jitter, "affine too": jitter_and_affine}, 9).items():
            results[f"augmentation ({name}), {size_px} px, batch of 8 pairs"] = round(8 / seconds, 1)
    return results


def preparation() -> dict[str, float]:
    """Faces, sketches, clean-up and the doctor, each alone, and the whole recipe from file to pair."""
    drawn = [draw_face(i, size_px=512) for i in range(8)]
    photos = [face.photo for face in drawn]
    found = [faces.find_face(photo) for photo in photos]
    crops = [faces.align(photo, face) for photo, face in zip(photos, found, strict=True)]
    inked = [sketches.contour(crop)[..., None].repeat(3, axis=2) for crop in crops]
    sheets = [cleanup_sheet(face.sketch) for face in drawn]
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for n, face in enumerate(drawn):
            images.save(Path(folder) / f"p{n}.jpg", face.photo)
            images.save(Path(folder) / f"s{n}.png", sketches.pencil(face.photo))
        paths = [(str(Path(folder) / f"s{n}.png"), str(Path(folder) / f"p{n}.jpg")) for n in range(len(drawn))]
        recipe = Recipe(align="face", styles=("pencil", "xdog", "contour"))
        work = {
            "finding a face in a photo, 512 px": lambda: [faces.find_face(photo) for photo in photos],
            "finding a face in a contour drawing, 256 px": lambda: [faces.find_face(d, drawing=True) for d in inked],
            "aligned crop, 512 to 256 px": lambda: [faces.align(p, f) for p, f in zip(photos, found, strict=True)],
            **{
                f"sketch, {name}, 256 px": lambda draw=draw: [draw(crop) for crop in crops]
                for name, draw in sketches.STYLES.items()
            },
            "outlines of a label map, 512 px": lambda: [sketches.outlines(face.mask) for face in drawn],
            "clean-up of a drawing, 1000x1250 px": lambda: [cleanup.clean(sheet) for sheet in sheets],
            "background by GrabCut, 512 px": lambda: [
                background.person_mask(p, face=f) for p, f in zip(photos, found, strict=True)
            ],
            "doctor's look at a pair, 512 px": lambda: [examine(Subject("", "", "", *path)) for path in paths],
            "whole recipe, JPEG of 512 px to an aligned photo and three sketches of 256 px": lambda: [
                make_pair(PairTask("", path[1], "", recipe)) for path in paths
            ],
        }
        for name, call in work.items():
            results[name] = round(len(drawn) / common.alternate({name: call}, 3)[name], 1)
    return results


def cleanup_sheet(sketch):
    """A drawing on a sheet of 1000x1250 px, as a scanner gives it: grey paper, light that falls off."""
    import cv2
    import numpy as np

    sheet = np.full((1250, 1000), 235, np.float32)
    sheet[200:1000, 100:900] = cv2.resize(sketch, (800, 800)).astype(np.float32) * 235 / 255
    light = np.linspace(1.0, 0.7, 1000, dtype=np.float32)
    return np.repeat((sheet * light)[..., None], 3, axis=2).astype(np.uint8)


def main() -> None:
    """Measure and write results/data_speed.json."""
    import cv2

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    common.write("data_speed", {"unit": "images a second on one core", **drawing_and_augmentation(), **preparation()})


def table(found: dict) -> str:
    """Images a second of everything."""
    r = found["results"]
    rows = [[name, f"{value:g}"] for name, value in r.items() if name != "unit"]
    return f"Data ({common.machine_of(found)}):\n\n" + common.markdown(["work", r["unit"]], rows)


TABLES = {"bench": table}


if __name__ == "__main__":
    main()
