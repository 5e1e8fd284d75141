"""Pack the open portraits for training a generator: `python tools/pack_portraits.py PORTRAITS OUT.npz [EXPECT]`.

PORTRAITS as `python -m data_prep download open-portraits` leaves them. Each portrait is bent to the mean shape, with
its background; four drawings are made of it, from careful to crude; and of each the network EXPECT (default: the
shipped one) says twice what it expects, by other pens and with other words. EXPECT must not have seen a person, so
those of the set `portraits`, from whom the shipped one learned, are left out, and whoever they are elsewhere.
OUT has, for N portraits: photo (N, 3, 128, 128), expected (N, 8, 5, 128, 128), uint8; values (N, 16), as
`models.portrait.ATTRIBUTES` orders them, NaN where not known; features (2, N, 3072) of the photo and its mirror image;
weight (N,), how often each is to be drawn; group (N,), of people who may lend each other their codes; sets, whose they
are.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from data_prep.make.gallery import Gallery, Sitter, sitters_of
from data_prep.make.scribbles.drawing import scribble
from data_prep.make.scribbles.portrait import Portrait
from s2f_studio.drawings import bending, mesh
from s2f_studio.faces.method import half_known, hidden, misfit, other_pen, sometimes, tones_of
from s2f_studio.faces.networks.portrait import SIZE_PX, pooled_places
from s2f_studio.faces.shaped import planes_of
from s2f_utils import weights
from s2f_utils.models import checkpoints
from s2f_utils.models.pretrained import PretrainedFeatures
from s2f_utils.pictures.attributes import TRAITS

DRAWINGS, WAYS = 4, 2
SEEN_BY_EXPECT = "portraits"
# label → how much rarer looks are drawn more often: weight = share to the power of minus this
EVENED = {"mouth": 0.9, "age": 0.4, "glasses": 0.3, "presents": 0.6, "skin": 0.5, "hair_length": 0.3}
MOST_OFTEN = 5.0
LONG = ("medium", "long")
MEAN = mesh.mean_shape(SIZE_PX)
FIELD = bending.fixed_field(MEAN, SIZE_PX)


def chosen(folder: Path) -> list[Sitter]:
    """Whom to learn from: in colour, for training, unknown to EXPECT."""
    sitters = sitters_of(folder)
    seen = {one.labels["person"] for one in sitters if one.name.startswith(f"{SEEN_BY_EXPECT}/")}
    fits = (one.split == "train" and one.labels["colour"] == "rgb" for one in sitters)
    return [one for one, fit in zip(sitters, fits, strict=True) if fit and one.labels["person"] not in seen]


def bent(picture: np.ndarray, points: np.ndarray, border: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """A picture of 256 px in the mean shape's frame, 128 px, and the field that bent it."""
    where = bending.field_by(FIELD, MEAN, (points + 0.5) / 2 - 0.5, SIZE_PX)
    fine = cv2.resize(where, (2 * SIZE_PX, 2 * SIZE_PX), interpolation=cv2.INTER_LINEAR) * 2 + 0.5
    made = bending.bend(picture, fine.astype(np.float32), border=border)
    return cv2.resize(made, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA), where


def drawn(portrait: Portrait, number: int) -> np.ndarray:
    """Drawings of a portrait and how they were bent: uint8 (DRAWINGS, 3, 128, 128)."""
    out = []
    for n in range(DRAWINGS):
        rng = np.random.default_rng([number, n])
        made = scribble(portrait, rng, (n + rng.random()) / DRAWINGS)
        picture, where = bent(made.image, made.points, 255)
        out.append(np.dstack([picture, planes_of(where)]).transpose(2, 0, 1))
    return np.stack(out)


def words_of(sitter: Sitter) -> np.ndarray:
    """What labels say, as `TOLD` orders it: from -1 to 1, NaN where they do not."""
    labels = sitter.labels
    worn = [labels["glasses"] == "1", labels["beard"] not in ("none", "stubble"), labels["hat"] != "none"]
    traits = [levels.get(labels.get(label, ""), np.nan) for label, levels in TRAITS.values()]
    return np.array([2.0 * one - 1 for one in worn] + traits, np.float32)


def lips_tone(photo: np.ndarray) -> np.ndarray:
    """The mean colour of the lips of a photo in the mean shape, RGB in [-1, 1]."""
    mask = np.zeros((SIZE_PX, SIZE_PX), np.uint8)
    for part, value in (("lips", 1), ("mouth", 0)):
        cv2.fillPoly(mask, [np.rint(MEAN[mesh.PARTS[part]]).astype(np.int32)], value)
    return photo[mask > 0].mean(axis=0) / 127.5 - 1


@torch.no_grad()
def expected(net: torch.nn.Module, drawings: Tensor, words: Tensor, tones: Tensor) -> Tensor:
    """What is expected of drawings, uint8 (B, 3, S, S): uint8 (B, 5, S, S)."""
    pen = other_pen(misfit(drawings.float() / 127.5 - 1, 1.2))
    told = words.nan_to_num(0.0)[..., None, None].expand(-1, -1, SIZE_PX, SIZE_PX)
    given = torch.cat([pen, half_known(told[:, :3], 0.9), sometimes(told[:, 3:], 0.6)], dim=1)
    with torch.autocast("cpu", torch.bfloat16):
        out = net(given.contiguous(memory_format=torch.channels_last), hidden(tones, 0.5)).float()
    out = torch.cat([out[:, :3].clamp(-1, 1), 2 * out[:, 3:].sigmoid() - 1], dim=1)
    return ((out + 1) * 127.5).round().byte()


def evened(sitters: list[Sitter]) -> np.ndarray:
    """How often each is to be drawn, 1 on average."""
    drawn = np.ones(len(sitters))
    for label, power in EVENED.items():
        counts = Counter(one.labels[label] for one in sitters)
        drawn *= [(counts[one.labels[label]] / len(sitters)) ** -power for one in sitters]
    return np.minimum(drawn / drawn.mean(), MOST_OFTEN)


@torch.no_grad()
def pack(folder: Path, out: Path, expect: Path) -> None:
    """Make all of it and write it."""
    torch.manual_seed(0)
    sitters = chosen(folder)
    gallery, photos, parts, drawings = Gallery(sitters), [], [], []
    for number in tqdm(range(len(sitters)), desc="drawing", unit="portrait"):
        portrait = gallery.cut_out(number)
        photos.append(bent(portrait.photo, portrait.points)[0])
        both = np.dstack([portrait.person, portrait.hair])
        parts.append(bent((255 * both).astype(np.uint8), portrait.points)[0])
        drawings.append(drawn(portrait, number))
    net = checkpoints.load_network(expect)[0].eval().float()
    features = PretrainedFeatures().to(memory_format=torch.channels_last)
    words = torch.from_numpy(np.stack([words_of(one) for one in sitters]))
    pictures = torch.from_numpy(np.concatenate([np.stack(photos), np.stack(parts)], axis=3)).permute(0, 3, 1, 2)
    tones = torch.cat([tones_of(some.float() / 127.5 - 1) for some in pictures.split(64)])
    mirrored = [pictures[:, :3], pictures[:, :3].flip(3)]
    pooled = [
        torch.cat([pooled_places(features(some.float() / 127.5 - 1)) for some in side.split(32)]) for side in mirrored
    ]
    said = np.empty((len(sitters), DRAWINGS * WAYS, 5, SIZE_PX, SIZE_PX), np.uint8)
    for first in tqdm(range(0, len(sitters), 16), desc="expecting", unit="batch"):
        some = slice(first, first + 16)
        for n in range(DRAWINGS * WAYS):
            given = torch.from_numpy(np.stack([one[n // WAYS] for one in drawings[some]]))
            said[some, n] = expected(net, given, words[some], tones[some])
    glasses, beard, hat, age, smile, length, curls = words.unbind(1)
    asked = torch.stack([glasses, beard, hat, smile, age, curls, length], dim=1)
    lips = torch.tensor(np.stack([lips_tone(one) for one in photos]), dtype=torch.float32)
    long = np.array([one.labels["hair_length"] in LONG for one in sitters])
    woman = np.array([one.labels["presents"] == "woman" for one in sitters])
    np.savez(
        out, photo=pictures[:, :3].numpy(), expected=said, values=torch.cat([asked, tones, lips], dim=1).numpy(),
        features=torch.stack(pooled).half().numpy(), weight=evened(sitters), group=2 * woman + (woman & long),
        sets=np.unique([one.name.partition("/")[0] for one in sitters]),
    )  # fmt: skip
    print(f"{out}: {len(sitters)} portraits, {out.stat().st_size / 1e6:.0f} MB")


def main() -> None:
    """Pack, by the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("portraits", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("expect", type=Path, nargs="?", default=weights.shipped(weights.EXPECT))
    args = parser.parse_args()
    pack(args.portraits, args.out, args.expect)


if __name__ == "__main__":
    main()
