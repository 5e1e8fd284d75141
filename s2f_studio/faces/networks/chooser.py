"""Reads what a drawing shows, and weighs the people of the bank by it. Ours.

Shapes: N drawings, E entries of the bank, L looks with V values in all (`faces.looks`), S = 128
pixels of the mean shape's frame, H = 64 of masks of hair in it, K components of appearance, B of
shape.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from s2f_studio.drawings.landmark_net import Block
from s2f_studio.drawings.mesh import MEAN_PX
from s2f_studio.faces.looks import NUM_VALUES, SPANS
from s2f_utils.networks.info import MEASURES, ModelInfo
from s2f_utils.networks.network import Dropout2d, Network

HAIR_PX = MEAN_PX // 2
NUM_SHAPE = 25
NUM_NEAR = 32
EMPTY = 20.0  # pixels: two masks with hardly more are alike
CHANNELS = 3  # ink, person, hair


class Reader(nn.Module):
    """What a drawing shows: ink and masks of person and hair (N, 3, S, S), from 0 to 1 → logarithms
    of the probabilities of each look's values (N, V).
    """

    def __init__(self, widths: tuple[int, ...] = (24, 32, 64, 96), hidden: int = 96) -> None:
        super().__init__()
        first, second, third, last = widths
        self.stem = nn.Sequential(nn.Conv2d(CHANNELS, first, 5, 2, 2), nn.SiLU())
        self.body = nn.Sequential(
            Block(first, second, 2),
            Block(second, third, 2),
            Block(third, last, 2),
            Dropout2d(0.1),
            Block(last, last),
        )  # (N, 96, 8, 8)
        self.narrow = nn.Conv2d(last, 32, 1)
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(32 * 8 * 8, hidden), nn.SiLU(), nn.Linear(hidden, NUM_VALUES)
        )

    def forward(self, x: Tensor) -> Tensor:
        return normalised(self.head(self.narrow(self.body(self.stem(x)))))


class Chooser(Network):
    """The reader, and what is known of the bank's entries; a mirror image is the same entry.

    hair: (E, H, H), masks from 0 to 1. looks: (E, V), 1 for what an entry shows. prior: (V,), the
    logarithm of each value's share in the reader's training. codes, mirrored_codes: (E, K), of
    appearance; shapes, mirrored_shapes: (E, B), in standard deviations. skin_tones, hair_tones: (E,
    3), CIELAB, NaN for hair that is not seen. offsets: (E,), what is added to the logarithm of an
    entry's weight: how well it looks, and how popular it would be. near: (E, D), coordinates in
    which people who look alike are near to each other; their mean squared distance is 1.
    """

    INFO = ModelInfo(MEASURES, size_px=MEAN_PX)

    def __init__(self, num_entries: int = 1, num_components: int = 160) -> None:
        super().__init__()
        self.reader = Reader()
        entries, codes = num_entries, (num_entries, num_components)
        self.register_buffer("hair", torch.zeros(entries, HAIR_PX, HAIR_PX))
        self.register_buffer("looks", torch.zeros(entries, NUM_VALUES))
        self.register_buffer("prior", torch.zeros(NUM_VALUES))
        self.register_buffer("codes", torch.zeros(codes))
        self.register_buffer("mirrored_codes", torch.zeros(codes))
        self.register_buffer("shapes", torch.zeros(entries, NUM_SHAPE))
        self.register_buffer("mirrored_shapes", torch.zeros(entries, NUM_SHAPE))
        self.register_buffer("skin_tones", torch.zeros(entries, 3))
        self.register_buffer("hair_tones", torch.zeros(entries, 3))
        self.register_buffer("offsets", torch.zeros(entries))
        self.register_buffer("near", torch.zeros(entries, NUM_NEAR))

    def forward(self, x: Tensor) -> Tensor:
        """As the reader, of a drawing and its mirror image: the mean of both is steadier."""
        return normalised(0.5 * (self.reader(x) + self.reader(x.flip(3))))


def normalised(logits: Tensor) -> Tensor:
    """Logits (N, V) as logarithms of the probabilities of each look's values."""
    return torch.cat([logits[:, span].log_softmax(1) for span in SPANS.values()], dim=1)


def sharpened(hair: Tensor) -> Tensor:
    """A soft mask made firmer: what is surely hair is 1, what hardly is 0."""
    x = ((hair - 0.22) / 0.4).clamp(0, 1)
    return x * x * (3 - 2 * x)


def overlap(some: Tensor, others: Tensor, weight: Tensor) -> Tensor:
    """The weighted intersection over union of soft masks (N, P) and (E, P), 1 for the same one: (N,
    E). weight: (P,).
    """
    both = (some * weight) @ others.T
    squares = (some.square() @ weight)[:, None] + (others.square() @ weight)[None]
    return (both + EMPTY) / (squares - both + EMPTY)


def hair_weight() -> Tensor:
    """How much each pixel of a mask of hair counts, (H * H,): half below the mouth, where it is
    clothes as often.
    """
    down = torch.arange(HAIR_PX) / HAIR_PX
    rows = torch.where(down < 0.7, 1.0, 0.5)
    return rows[:, None].expand(-1, HAIR_PX).flatten().clone()
