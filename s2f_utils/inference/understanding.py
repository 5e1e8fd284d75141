"""What a drawing shows: where each point of the face is meant to be, how sure that is, and what else is drawn."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from s2f_utils import weights
from s2f_utils.inference.translator import LEAST_PX
from s2f_utils.models import checkpoints
from s2f_utils.models.finder import FLAGS, PARTS, SIDE_PX, Finder
from s2f_utils.pictures import faces
from s2f_utils.pictures.drawings import LINES_BELOW
from s2f_utils.pictures.faces import mesh

LOOK_PX = 256  # pictures are looked at in this size
REMEMBERED = 16  # pictures that were understood last
INKED = 0.5  # a share of the pixels that only a photo exceeds
SMALL, FILLED = 0.75, 0.9  # a drawing below this share of the picture's side is enlarged, to this share
BY_HAND = 4.0  # times the cruder: points of a part are off together, by one stroke; best on validation people
LOOKS = 2  # at the picture as it is, and with the face laid as the first look found it


@dataclass(frozen=True)
class Understood:
    """A face as it was understood.

    points: float64 (164, 2), pixels of the picture, as `faces.mesh` orders them. off: float64 (164,), by how many
    pixels each is expected to be off. flags: {"photo", "crude", "glasses", "beard", "hat": from 0 to 1}; "crude" is how
    abstract a drawing is. parts: {"person", "hair": float32 (S, S) in [0, 1]}.
    """

    points: np.ndarray
    off: np.ndarray
    flags: dict[str, float]
    parts: dict[str, np.ndarray]

    @property
    def off_by_hand(self) -> np.ndarray:
        """`off` as it counts against a likely shape, (164,): the cruder a drawing, the more a whole part is off."""
        return (1 + BY_HAND * self.flags["crude"]) * self.off

    @property
    def hair_above(self) -> float:
        """How much of the person above the brows is hair, from 0 (a hat, a bald head) to 1."""
        unit = mesh.eye_distance(self.points)
        brows = min(self.points[mesh.PARTS[name], 1].min() for name in ("left_brow", "right_brow"))
        across = self.points[:, 0].mean() + 0.7 * unit * np.array([-1, 1])
        down = brows - unit * np.array([1.3, 0.25])
        (left, right), (top, bottom) = (
            np.clip(span, 0, len(self.parts["hair"]) - 1).astype(int) for span in (across, down)
        )
        hair, person = (self.parts[name][top : bottom + 1, left : right + 1].mean() for name in ("hair", "person"))
        return float(hair / max(person, 0.05))

    @property
    def five(self) -> np.ndarray:
        """Eyes, nose and corners of the mouth, float64 (5, 2), as a face detector gives them."""
        return mesh.five_of(self.points)


@functools.lru_cache(maxsize=1)
def finder() -> Finder:
    """The landmark finder that comes along, on the CPU. Raises WeightsError where its file is not there, or damaged."""
    path = weights.shipped(weights.FINDER)
    try:
        return checkpoints.load_network(path)[0].requires_grad_(False)
    except (FileNotFoundError, checkpoints.CheckpointError):
        raise weights.WeightsError(
            f"{path.name}, which finds the face in a drawing, is not there, or damaged: install the package again"
        ) from None


def understand(pictures: Sequence[np.ndarray], net: Finder | None = None) -> list[Understood]:
    """Find the faces of square pictures, uint8 (S, S, 3), that fill them about as aligned ones do.

    net: another finder than the one that comes along. Raises ValueError for another array, WeightsError as `finder`.
    """
    for picture in pictures:
        _check(picture)
    net = net or finder()
    matrices = [_framed(picture) for picture in pictures]
    laid = [faces.warp(p, matrix, LOOK_PX, border="paper") for p, matrix in zip(pictures, matrices, strict=True)]
    for look in range(LOOKS):
        points, off, parts, flags = _look(np.stack(laid), net)
        if look < LOOKS - 1:
            for n, picture in enumerate(pictures):
                again = faces.alignment(mesh.five_of(points[n]), LOOK_PX)
                matrices[n] = again @ np.vstack([matrices[n], [0, 0, 1]])
                laid[n] = faces.warp(picture, matrices[n], LOOK_PX, border="paper")
    return [
        _in_picture(len(picture), matrices[n], points[n], off[n], parts[n], flags[n])
        for n, picture in enumerate(pictures)
    ]


def understood(picture: np.ndarray) -> Understood:
    """As `understand`, of one picture by the finder that comes along; the last ones are remembered."""
    _check(picture)
    return _remembered(picture.tobytes(), len(picture))


@functools.lru_cache(maxsize=REMEMBERED)
def _remembered(content: bytes, size_px: int) -> Understood:
    return understand([np.frombuffer(content, np.uint8).reshape(size_px, size_px, 3)])[0]


def _framed(picture: np.ndarray) -> np.ndarray:
    """From the pixels of a picture, uint8 (S, S, 3), to those of the size that is looked at: float64 (2, 3).

    Of a small drawing on much empty paper, the drawing fills what is looked at.
    """
    left, top, side = 0.0, 0.0, float(len(picture))
    inked = picture.min(axis=2) < LINES_BELOW
    if 0 < inked.mean() < INKED:
        spans = [np.flatnonzero(inked.any(axis=axis))[[0, -1]] for axis in (0, 1)]
        wide = max(last + 1 - first for first, last in spans) / FILLED
        if wide < SMALL * side:
            (left, top), side = ((first + last + 1 - wide) / 2 for first, last in spans), wide
    scale = LOOK_PX / side
    return np.array([[scale, 0, (0.5 - left) * scale - 0.5], [0, scale, (0.5 - top) * scale - 0.5]])


def _check(picture: np.ndarray) -> None:
    side_px = len(picture) if picture.ndim == 3 else 0
    if picture.dtype != np.uint8 or picture.shape != (side_px, side_px, 3) or side_px < LEAST_PX:
        raise ValueError(
            f"a picture must be uint8 (S, S, 3), got {picture.dtype} {picture.shape}: {LEAST_PX} pixels are the least"
        )


@torch.no_grad()
def _look(laid: np.ndarray, net: Finder) -> tuple[np.ndarray, ...]:
    """Points (N, 164, 2) and how far off (N, 164), in pixels of LOOK_PX; parts (N, 2, S, S) and flags (N, 5)."""
    ink = 1 - torch.from_numpy(laid.astype(np.float32)).mean(3)[:, None] / 255
    ink = torch.nn.functional.avg_pool2d(ink, LOOK_PX // SIDE_PX)
    found = net(ink.to(next(net.parameters()).device))
    points = found.points.double().cpu().numpy() * LOOK_PX - 0.5
    off = found.spread.double().exp().cpu().numpy() * (LOOK_PX / SIDE_PX)
    return points, off, found.parts.sigmoid().float().cpu().numpy(), found.flags.sigmoid().float().cpu().numpy()


def _in_picture(
    size_px: int, matrix: np.ndarray, points: np.ndarray, off: np.ndarray, parts: np.ndarray, flags: np.ndarray
) -> Understood:
    """What was found in a picture as it was laid, in the picture's own pixels."""
    import cv2

    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    back = cv2.invertAffineTransform(matrix)
    maps = {}
    for name, part in zip(PARTS, parts, strict=True):
        large = cv2.resize(part, (LOOK_PX, LOOK_PX), interpolation=cv2.INTER_LINEAR)
        maps[name] = cv2.warpAffine(large, back, (size_px, size_px), flags=cv2.INTER_LINEAR)
    told = {name: float(flag) for name, flag in zip(FLAGS, flags, strict=True)}
    return Understood(faces.transform(points, back), off / scale, told, maps)
