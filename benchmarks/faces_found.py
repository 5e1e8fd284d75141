"""How often a face is found in photos and in drawings of them, how far off its landmarks are, and how well the eyes lie
after alignment.

`python benchmarks/faces_found.py --portraits data/raw/portraits [--pairs data/cuhk]`. What is found in the photo
stands for the truth about its drawing, which lies on it. Only numbers are written into the repository.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import common
import numpy as np

from s2f_utils.data import read_manifest
from s2f_utils.pictures import faces, images, sketches

FAR_OFF = 0.35  # of the distance between the eyes: a landmark that lies on another part of the face


def in_drawings(drawings: list[np.ndarray], truths: list[faces.Face]) -> dict[str, float]:
    """Shares of drawings in which a face is found, by how it was found, and how far off the landmarks are."""
    at = {score: np.mean([bool(faces.detect(d, min_score=score)) for d in drawings]) for score in (0.9, 0.6)}
    errors, doubted, found = [], [], 0
    for drawing, truth in zip(drawings, truths, strict=True):
        try:
            face = faces.find_face(drawing, drawing=True)
        except faces.FaceError:
            continue
        found += 1
        doubted.append(face.score < faces.TRUSTED_IN_DRAWINGS)
        errors.append(np.hypot(*(face.landmarks - truth.landmarks).T).max() / truth.eye_distance)
    return {
        "num": len(drawings),
        "found_at_0.9": round(float(at[0.9]), 4),
        "found_at_0.6": round(float(at[0.6]), 4),
        "found_as_drawing": round(found / len(drawings), 4),
        "left_to_the_fallback": round(1 - found / len(drawings), 4),
        "far_off": round(float(np.mean(np.array(errors) > FAR_OFF)), 4),
        "doubted": round(float(np.mean(doubted)), 4),
        "far_off_and_not_doubted": round(float(np.mean((np.array(errors) > FAR_OFF) & ~np.array(doubted))), 4),
        "median_error_in_eye_distances": round(float(np.median(errors)), 4),
    }


def main() -> None:
    """Measure and write results/faces_found.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--portraits", type=Path, required=True, help="folder with the 591 portraits")
    parser.add_argument("--pairs", type=Path, help="data set with drawn sketches, such as CUFS, made by data_prep")
    args = parser.parse_args()
    photos = [images.load_rgb(path) for path in sorted(args.portraits.glob("*.jpg"))]
    found = [faces.find_face(photo, fallback="centre") for photo in photos]
    sure = [(photo, face) for photo, face in zip(photos, found, strict=True) if face.method == "yunet"]
    eyes = []
    for photo, face in sure:
        again = faces.detect(faces.align(photo, face, 256))
        if again:
            eyes.append(again[0].landmarks[:2] / 256)
    results = {
        "portraits": {
            "num": len(photos),
            "found": round(len(sure) / len(photos), 4),
            "eyes_spread_percent_of_width": np.round(100 * np.std(eyes, axis=0), 2).tolist(),
        }
    }
    truths = [face for _, face in sure]
    for style in (*sketches.STYLES, "mixture"):
        if style == "mixture":
            drawings = [sketches.mixture(photo, n) for n, (photo, _) in enumerate(sure)]
        else:
            drawings = [sketches.make_sketch(photo, style) for photo, _ in sure]
        results[style] = in_drawings([np.repeat(d[..., None], 3, axis=2) for d in drawings], truths)
    if args.pairs:
        pairs = read_manifest(args.pairs).pairs
        photos = [faces.find_face(images.load_rgb(pair.photo)) for pair in pairs]
        name = f"sketches of {pairs[0].source.partition('/')[0]}"
        results[name] = in_drawings([images.load_rgb(pair.sketch) for pair in pairs], photos)
    common.write("faces_found", results)


def table(found: dict) -> str:
    """How often a face is found in drawings, and how often a landmark is far off."""
    photos = found["results"]["portraits"]
    spread = max(value for eye in photos["eyes_spread_percent_of_width"] for value in eye)
    shown = ("found_at_0.9", "found_as_drawing", "far_off", "far_off_and_not_doubted", "doubted")
    rows = [
        [f"{name} ({r['num']})", *(f"{100 * r[key]:.1f} %" for key in shown)]
        for name, r in found["results"].items()
        if name != "portraits"
    ]
    return (
        f"Faces: found in {100 * photos['found']:.1f} % of {photos['num']} portraits; after alignment the eyes' places"
        f" spread by {spread:.1f} % of the width or less (standard deviation). In drawings of them, and how often a"
        " landmark is far off:\n\n"
        + common.markdown(
            ["drawings", "score 0.9", "found as a drawing", "far off", "far off, not warned", "warned"], rows
        )
    )


TABLES = {"bench": table}


if __name__ == "__main__":
    main()
