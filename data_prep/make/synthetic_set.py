"""A data set of drawn faces: photo, pencil sketch and label map, with nothing to download."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from data_prep.make.parallel import Workers
from data_prep.make.profiles import profile_of
from data_prep.make.write import (
    MASK,
    PHOTO,
    SKETCH,
    Item,
    Prepared,
    SetPlan,
    digest_of_code,
    write_set,
)
from data_prep.messages import describe_counts, say
from s2f_utils.data import DataError

TEST_SHARE, VAL_SHARE = 0.1, 0.05


def draw_pictures(index: int, size_px: int, seed: int) -> Prepared:
    """Draw one face: sketch (S, S), photo (S, S, 3), mask (S, S), uint8;
    the mask holds class numbers.
    """
    from data_prep.procedural_faces.synthetic import draw_face

    face = draw_face(index, size_px=size_px, seed=seed)
    return Prepared({SKETCH: face.sketch, PHOTO: face.photo, MASK: face.mask})


def make_synthetic(
    out: str | os.PathLike,
    num: int | None = None,
    size_px: int | None = None,
    seed: int = 0,
    *,
    profile: str | None = None,
    workers: Workers = None,
    dry_run: bool = False,
    progress: bool = True,
) -> Path:
    """Draw `num` faces into the folder `out`: photos, sketches, label maps, and a manifest.

    num, size_px: how many, and their height and width, 32 to 512; None: the profile's. profile:
    "full", "demo" or "fast"; None: the environment's S2F_PROFILE, else "demo". The last tenth of
    the faces is for testing, the twentieth before it for validation. The same `seed` draws the same
    faces, whatever `num` and `workers` (as in `make_pairs`) are. dry_run: say what would be
    done, write nothing. progress: show the bar and say what is done.

    Returns the manifest's path. What an interrupted call left is gone on with. Raises DataError
    (a ValueError) for impossible options or a folder that holds something else, and OSError when
    the disk is full or may not be written.
    """
    from data_prep.procedural_faces import synthetic

    _, chosen = profile_of(profile)
    num = chosen["num"] if num is None else num
    size_px = chosen["size_px"] if size_px is None else size_px
    if not 1 <= num <= 1_000_000:
        raise DataError(f"--num must be from 1 to 1,000,000, got {num}")
    if not synthetic.MIN_SIZE_PX <= size_px <= synthetic.MAX_SIZE_PX:
        raise DataError(
            f"--size must be from {synthetic.MIN_SIZE_PX} to {synthetic.MAX_SIZE_PX}, got {size_px}"
        )
    if seed < 0:
        raise DataError(f"--seed must be 0 or more, got {seed}")
    settings = {
        "layout": "synthetic",
        "source": "synthetic",
        "drawing_digest": digest_of_code(synthetic),
        "num": num,
        "size_px": size_px,
        "fit": "",
        "seed": seed,
    }
    items = []
    for index, split in enumerate(_splits(num)):
        name = f"face-{index:05d}"
        row = {"split": split, "id": name, "identity": name, "source": f"synthetic seed={seed}"}
        items.append(Item(row, index, (SKETCH, PHOTO, MASK)))
    draw = functools.partial(draw_pictures, size_px=size_px, seed=seed)
    plan = SetPlan(items, draw, settings)
    counts = describe_counts(plan.counts())
    say(f"{counts}: faces of {size_px}x{size_px} pixels, seed {seed}", progress and not dry_run)
    return write_set(Path(out), plan, workers=workers, progress=progress, dry_run=dry_run)


def _splits(num: int) -> list[str]:
    """Training first, then validation, then testing; a set of one or two has no validation."""
    num_test = min(num - 1, max(1, round(TEST_SHARE * num)))
    num_val = min(num - 1 - num_test, max(1, round(VAL_SHARE * num))) if num > 2 else 0
    return ["train"] * (num - num_test - num_val) + ["val"] * num_val + ["test"] * num_test
