"""Painted people and drawings of them, as `paint` and `read` leave them in a folder.

Shapes: N people, M drawings of each, V values of looks, H = 32 pixels of masks.
"""

from __future__ import annotations

import datetime
import functools
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from s2f_studio.codes import NUM_DIRECTIONS
from s2f_studio.faces.looks import LOOKS, SPANS, TRAITS
from s2f_studio.faces.networks.people import HAIR_PX
from s2f_studio.faces.people_stages import Read
from s2f_utils import weights
from s2f_utils.networks import checkpoints
from s2f_utils.networks.info import ModelInfo
from s2f_utils.pictures.attributes import WORN
from s2f_utils.pictures.mesh import MEAN_PX

USUAL_PSI = 0.75  # of the painted people, on average: their codes have about standard deviation 1
NUM_FOR_DIRECTIONS = 20_000
HAT_IN_HAIR = 0.2, 0.5  # share of hair above the brows that makes a hat doubtful, and impossible
FLAGS = ("photo", "crude", "glasses", "beard", "hat")


@functools.cache
def directions_of_w() -> dict[str, np.ndarray]:
    """The mean of W and its first principal directions, with standard deviations."""
    generator = checkpoints.load_network(weights.generator())[0]
    z = torch.randn(NUM_FOR_DIRECTIONS, 512, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        away = generator.mapping(z) - generator.mean_w
    _, scale, directions = torch.linalg.svd(away, full_matrices=False)
    deviations = USUAL_PSI * scale[:NUM_DIRECTIONS] / len(away) ** 0.5
    return {
        "mean_w": generator.mean_w.numpy(),
        "directions": directions[:NUM_DIRECTIONS].numpy(),
        "deviations": deviations.numpy(),
    }


def learned_from(*others: str) -> ModelInfo:
    """What a file of weights says of its data: the generator's people, and others' terms."""
    generator = checkpoints.info_of(weights.generator())
    return ModelInfo(
        data="people of mobile-stylegan",
        trained=datetime.date.today().isoformat(),
        terms=[*others, *(generator.terms or ())],
    )


class Pool:
    """All people of a folder.

    w: (N, 512). shape: (N, B), ids: (N, 128), dlib's descriptors. drawn_shape: (N, M, B),
    drawn_lips: (N, M, 2), crude: (N, M).
    """

    def __init__(self, folder: Path) -> None:
        self.painted, self.seen = [], []
        for path in sorted(folder.glob("p*.npz")):
            read = path.with_name(f"q{path.name[1:]}")
            if read.is_file():
                self.painted.append(np.load(path, allow_pickle=True))
                self.seen.append(np.load(read))
        self.w = self.column("w")
        self.shape, self.ids = self.column("shape"), self.column("ids")
        self.drawn_shape = self.column("dshape").astype(np.float32)
        self.drawn_lips = self.column("dlips").astype(np.float32)
        self.crude = self.column("dflags")[..., FLAGS.index("crude")]
        self._looks: np.ndarray | None = None  # the reader is slow, and the same for all fits

    def column(self, name: str) -> np.ndarray:
        """One column of all files; of those that were painted since they were read, the first
        rows.
        """
        parts = []
        for painted, seen in zip(self.painted, self.seen, strict=True):
            file = seen if name in seen.files else painted
            parts.append(file[name][: len(seen["age"])])
        return np.concatenate(parts)

    def traits(self) -> np.ndarray:
        """`TRAITS` of all people, NaN where they are not seen: (N, T)."""
        shown = self.column("probs")
        tones = self.column("tones")
        lips = self.column("lips")
        columns = {
            "age": self.column("age"),
            "presents": shown[:, SPANS["presents"]][:, 1],
            **{name: 1 - shown[:, SPANS[name]][:, 0] for name in WORN},
            "hair_length": shown[:, SPANS["length"]] @ np.arange(len(LOOKS["length"])),
            "curls": shown[:, SPANS["texture"]] @ np.arange(len(LOOKS["texture"])),
            "fringe": shown[:, SPANS["fringe"]][:, 1],
            "teeth": shown[:, SPANS["lips"]][:, 2],
            "gap": lips[:, 0],
            "smile": lips[:, 1],
            "busy": self.column("busy"),
            "wall": self.column("wall"),
        }
        for n, name in enumerate(TRAITS[-6:]):
            columns[name] = tones[:, n]
        return np.stack([columns[name] for name in TRAITS], axis=1)

    def hair(self) -> np.ndarray:
        """The mask of each person's hair in the mean shape's frame, from 0 to 1: (N, H * H)."""
        return smaller(self.column("hair"), HAIR_PX).reshape(len(self.w), -1)

    def drawn_masks(self) -> np.ndarray:
        """The masks of person and hair of all drawings: (N, M, 2, H, H)."""
        return smaller(self.column("dparts"), HAIR_PX)

    def drawn_looks(self, read: Read) -> np.ndarray:
        """What the reader and the finder read in all drawings: (N, M, V), logarithms."""
        if self._looks is None:
            self._looks = self._read_looks(read)
        return self._looks

    def _read_looks(self, read: Read) -> np.ndarray:
        flags, above = self.column("dflags"), self.column("dhair_above")
        worn = flags[..., [FLAGS.index(name) for name in WORN]].copy()
        bare, haired = HAT_IN_HAIR
        worn[..., WORN.index("hat")] *= np.clip((haired - above) / (haired - bare), 0, 1)
        inks, parts = self.column("ink"), self.column("dparts")
        found = []
        with torch.inference_mode():
            for start in range(0, len(inks), 64):
                block = slice(start, start + 64)
                ink = 1 - torch.from_numpy(inks[block]).flatten(0, 1)[:, None].float() / 255
                masks = torch.from_numpy(parts[block]).flatten(0, 1).float() / 255
                masks = F.interpolate(masks, size=MEAN_PX, mode="bilinear")
                own = torch.from_numpy(worn[block]).flatten(0, 1)
                found.append(read.looks_of(ink, masks, own).numpy())
        return np.concatenate(found).reshape(*inks.shape[:2], -1)


def smaller(masks: np.ndarray, size_px: int) -> np.ndarray:
    """Masks, uint8 (…, S, S), reduced: float32 (…, size_px, size_px) in [0, 1]."""
    times = masks.shape[-1] // size_px
    blocks = masks.reshape(*masks.shape[:-2], size_px, times, size_px, times)
    return (blocks.mean(axis=(-3, -1)) / 255).astype(np.float32)
