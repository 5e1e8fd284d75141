"""Reads what a drawing shows: age, glasses, beard, hat, hair, lips. Ours.

Shapes: N drawings, V values of all looks (`faces.looks`), S = 128 pixels of the mean shape's frame.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from s2f_studio.faces.looks import NUM_VALUES, SPANS
from s2f_utils.networks.landmark_net import Block
from s2f_utils.networks.network import Dropout2d

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


def normalised(logits: Tensor) -> Tensor:
    """Logits (N, V) as logarithms of the probabilities of each look's values."""
    return torch.cat([logits[:, span].log_softmax(1) for span in SPANS.values()], dim=1)
