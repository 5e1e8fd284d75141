"""Portraits as tools.shipped.packing packs them, read for a training."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from data_prep.fetch import open_portraits
from s2f_utils.pictures.mesh import MEAN_PX as SIZE_PX


@dataclass
class Packed:
    """N portraits in the mean shape, S = 128 pixels, on one device.

    photo (N, 3, S, S), parts (N, 2, S, S): person and hair, drawings (N, D, 3, S, S): each with how
    it was bent; all uint8. words (N, 7) as `ATTRIBUTES`, NaN where not known; weight (N,); sets:
    whose.
    """

    photo: Tensor
    parts: Tensor
    drawings: Tensor
    words: Tensor
    weight: Tensor
    sets: list[str]


def read(folder: Path, device: torch.device) -> Packed:
    """All parts of a folder."""
    files = sorted(folder.glob("part-*.npz"))
    if not files:
        raise SystemExit(f"{folder}: no part-*.npz; tools.shipped.packing makes them")
    photos, parts, drawings, columns = [], [], [], {}
    for file in files:
        with np.load(file) as part:
            begins = np.concatenate([[0], part["ends"].reshape(-1)])
            pictures = part["pictures"].tobytes()
            four = [_picture(pictures[a:b]) for a, b in zip(begins, begins[1:], strict=False)]
            for name in ("words", "weight", "sets"):
                columns.setdefault(name, []).append(part[name])
        photos += [one.transpose(2, 0, 1) for one in four[::4]]
        parts += [one.reshape(2, SIZE_PX, SIZE_PX) for one in four[1::4]]
        for drawn, planes in zip(four[2::4], four[3::4], strict=True):
            drawn, planes = (
                one.reshape(-1, n, SIZE_PX, SIZE_PX) for one, n in ((drawn, 1), (planes, 2))
            )
            drawings.append(np.concatenate([drawn, planes], axis=1))
    joined = {name: np.concatenate(values) for name, values in columns.items()}
    sets = joined.pop("sets").tolist()
    tensors = {name: torch.from_numpy(values).to(device) for name, values in joined.items()}
    pictures = (torch.from_numpy(np.stack(some)).to(device) for some in (photos, parts, drawings))
    return Packed(*pictures, **tensors, sets=sets)


def _picture(data: bytes) -> np.ndarray:
    """A photo (S, S, 3), or grey planes above each other (K * S, S)."""
    picture = Image.open(io.BytesIO(data))
    return np.asarray(picture if picture.format == "JPEG" else picture.convert("L"))


def learned_from(sets: Iterable[str]) -> list[str]:
    """What a model's file says of the sets that it learned from."""
    return [
        f"{one.name}: {one.what}; credit: {one.credit}; terms: {one.terms}; cut out, scaled and "
        f"bent; {one.page}"
        for one in open_portraits.open_sets(sorted(set(sets))).values()
    ]


def write_row(path: Path, row: dict[str, object]) -> None:
    """One more row of a CSV file, which is printed too."""
    is_new = not path.is_file()
    with open(path, "a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row))
        if is_new:
            writer.writeheader()
        writer.writerow(row)
    print(row, flush=True)
