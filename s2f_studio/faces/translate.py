"""Drawings in files to pictures in files, by the shipped models: what `s2f translate drawing.jpg` does."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from s2f_studio.drawings.prepare import FRAMES, Drawing, Which, framed, prepare
from s2f_studio.faces import candidates
from s2f_utils import runtime
from s2f_utils.inference.asking import DETAIL_OF_DRAWINGS
from s2f_utils.inference.loading import load
from s2f_utils.inference.translator import Model
from s2f_utils.pictures import images
from s2f_utils.pictures.remarks import Remark

_shipped = functools.lru_cache(maxsize=1)(load)  # threads and callers may share it


@dataclass(frozen=True)
class Translated:
    """What became of one drawing: how it was prepared, the candidates, and the files that were written."""

    prepared: Drawing
    candidates: list[candidates.Candidate]
    files: tuple[Path, ...]
    remarks: tuple[Remark, ...] = ()  # about the answers

    @property
    def sheet(self) -> Path:
        """The picture with the drawing and all candidates."""
        return self.files[0]


def translate_drawing(
    drawing: np.ndarray,
    out: str | Path,
    stem: str = "drawing",
    *,
    model: Model | None = None,
    points: np.ndarray | Sequence | None = None,
    clean: str = "auto",
    face: Which = None,
    frame: str = "square",
    seed: int = 1,
    num_variations: int = 1,
    detail: float = DETAIL_OF_DRAWINGS,
    **asked: Any,
) -> Translated:
    """Prepare a drawing, uint8 (H, W, 3), make the candidates, write them and a sheet of them into the folder `out`.

    model: None for the shipped one. points, clean, face: as in `drawings.prepare`. frame: as in
    `drawings.framed`. detail: of the realistic answers, from 0 to 1. asked: further fields of `Ask`. Files that are
    there are never overwritten. Raises what `prepare` raises, and OSError where nothing can be written.
    """
    if frame not in FRAMES:
        raise ValueError(f"frame must be one of {', '.join(FRAMES)}, got {frame!r}")
    model = model or _shipped()
    ready = prepare(drawing, size_px=model.facts.size_px, points=points, clean=clean, face=face)
    found = candidates.candidates(model, ready.image, seed, num_variations, detail=detail, **asked)
    out, names = Path(out), ["candidates", *(candidate.name.replace(" ", "-") for candidate in found)]
    stem = runtime.free_stem(out, stem, [f"-{name}.png" for name in names])
    sheet = candidates.sheet(ready, found, frame=frame)
    files = [images.save(out / f"{stem}-{names[0]}.png", sheet, generated=True)]
    for candidate, name in zip(found, names[1:], strict=True):
        picture = framed(candidate.picture, ready, frame)
        files.append(images.save(out / f"{stem}-{name}.png", picture, generated=True, notes=candidate.notes))
    advice = model.advice(ready.image)
    return Translated(ready, found, tuple(files), (advice,) if advice else ())
