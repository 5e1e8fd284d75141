"""The shipped models on a photo that scikit-image brings along: to a sketch and back, and restored
(`make demo`).

`python tools/astronaut.py OUT.png` writes a sheet: the photo (NASA's portrait of Eileen Collins, in
the public domain), the sketch that photo-to-sketch draws of it, and what the sketch-to-photo models
make of that sketch alone. Beside it, OUT-enhanced.png: the photo made bad, with its face restored
and pasted back, and as it was.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import skimage.data

import s2f_studio
from s2f_studio.answers import translate
from s2f_studio.request import DrawingRequest
from s2f_studio.sheet import sheet
from s2f_utils import infer, weights
from s2f_utils.infer import restorers
from s2f_utils.infer.enhance import enhance
from s2f_utils.pictures import degradations, faces, images, viz


def main() -> None:
    """Write the sheet and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    whole = skimage.data.astronaut()
    face = faces.find_face(whole)
    matrix = faces.alignment(face.landmarks, 256)
    photo = faces.warp(whole, matrix, 256)
    sketch = infer.load("photo-to-sketch", "cpu").translate(photo)
    request = DrawingRequest(candidates=3, align="never", clean="never")
    answer = translate(sketch, request, s2f_studio.load(device="cpu"))
    pictures = [photo, sketch, *(face.picture for face in answer.faces)]
    names = ["a photo", "its sketch", *(face.name for face in answer.faces)]
    print(images.save(args.out, sheet(pictures, names), generated=True))
    how = degradations.Degradation((2.2, 2.2), 0.0, 2.5, 7.0, 70)
    bad = degradations.stages(whole, how, np.random.default_rng(4))["degraded"]
    done = enhance(bad, restorers.load(weights.RESTORER), found=[face])
    row = viz.sheet([np.stack([bad, done.image, whole])])
    print(images.save(args.out.with_name(f"{args.out.stem}-enhanced.png"), row, generated=True))


if __name__ == "__main__":
    main()
