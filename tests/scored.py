"""Small sets of drawn faces, runs of a few steps on them, and what they score: for tests of what a
model has seen.
"""

from __future__ import annotations

import data_prep
from data_prep.procedural_faces.synthetic import draw_face
from s2f_utils import infer
from s2f_utils.data import read_manifest
from s2f_utils.metrics import leaderboard
from s2f_utils.metrics.evaluation import evaluate
from s2f_utils.pictures import images
from s2f_utils.train.loop import train
from s2f_utils.train.run import open_run

SIZE = 32


def drawn_set(root, name, faces, num_test=4):
    for place, number in enumerate(faces):
        face, split = draw_face(number, size_px=SIZE), "test" if place < num_test else "train"
        images.save(root / "raw" / name / split / "sketches" / f"p{number}.png", face.sketch)
        images.save(root / "raw" / name / split / "photos" / f"p{number}.png", face.photo)
    made = data_prep.make_pairs(root / "raw" / name, root / name, size_px=SIZE, progress=False)
    return read_manifest(made)


def run_on(manifest, runs, name, tiny, init=None, **changes):
    resolved = tiny(total_images=4, **changes)
    run = open_run(
        resolved, manifest, runs, name=name, init=init, resume="never", device="cpu", progress=False
    )
    assert train(run, progress=False) == "done"
    return run.folder


def score(model, manifest, out, **options):
    evaluate(
        infer.load(model, "cpu"), manifest, out, metric_names=("ssim",), progress=False, **options
    )
    return out


def trained_on(manifest, folder, **options):
    """What the table says that the model of these outputs was trained on, and whether it is
    known.
    """
    entries = leaderboard.find_outputs(f"it={folder}", [pair.id for pair in manifest.split("test")])
    board = leaderboard.build(entries, manifest, columns=("ssim",), patch_seeds=0, **options)
    contamination = board.rows[0].contamination
    return contamination.trained_on, contamination.known
