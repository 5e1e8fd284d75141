"""Structure first, then detail: a faithful network, and a second one that adds detail to its answer.

Shapes: N images, C channels, H and W pixels, both multiples of `multiple_px`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from s2f_utils.models.card import ModelCard
from s2f_utils.models.network import Network
from s2f_utils.models.resunet import ResUNet

EASE = 0.2  # of 2: light on black is light on a dark grey
MOST_COLOUR = 0.08  # of 2: ten grey levels


def grey_of(picture: Tensor) -> Tensor:
    """The grey of pictures, (N, 3, H, W) → (N, 1, H, W), float32; ITU-R BT.601."""
    red, green, blue = picture.float().split(1, dim=1)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def on_colours(base: Tensor, added: Tensor) -> Tensor:
    """What detail (N, 3, H, W) adds to a picture (N, 3, H, W) in [-1, 1].

    Its grey part is light and shade, stronger where a colour is strong, so that skin stays skin and hair stays hair; of
    its colours ten grey levels are left: opponents that look at colours ask for speckles otherwise.
    """
    base, grey = base.clamp(-1, 1), grey_of(added)
    tone = (base + 1 + EASE) / (grey_of(base) + 1 + EASE)
    return grey * tone + MOST_COLOUR * torch.tanh((added - grey) / MOST_COLOUR)


class TwoStage(Network):
    """Sketch (N, 3, H, W) → photo (N, 3, H, W), both in [-1, 1]: y + amount · on_colours(y, detail(x, y))
    with y = structure(x).

    `structure` is trained already and is not changed; `detail`, which sees the sketch and the first answer, begins with
    0. `amount` goes from 0, faithful, to 1, realistic; what lies between is the best compromise between the error and
    the distance from photos that two such answers allow (Freirich, Michaeli and Meir 2021).
    """

    def __init__(self, structure: Mapping[str, Any] | None = None, detail: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.structure = ResUNet.build(**(structure or {}))
        given, made = self.structure.in_channels, self.structure.out_channels
        if made != 3:
            raise ValueError(f"the structure must answer in 3 channels, red, green and blue, not in {made}")
        channels = {"in_channels": given + made, "out_channels": made}
        self.detail = ResUNet.build(**({"widths": (32, 64, 96, 128)} | dict(detail or {}) | channels))
        for last in (self.detail.colours, self.detail.detail):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    CARD = ModelCard(knows=frozenset({"seed", "detail"}))

    @property
    def multiple_px(self) -> int:
        """What height and width have to be multiples of."""
        return max(self.structure.multiple_px, self.detail.multiple_px)

    def train(self, mode: bool = True) -> TwoStage:
        """As usual, but the structure answers as in use: without dropout and without new noise."""
        super().train(mode)
        self.structure.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """All of the detail, with seed 0 in eval mode."""
        return self.with_detail(x, self.structure(x))

    def with_detail(
        self, x: Tensor, base: Tensor, amount: float | Tensor = 1.0, seed: int | Sequence[int] | Tensor = 0
    ) -> Tensor:
        """The structure's answer `base`, (N, 3, H, W), with detail.

        amount: one for all, or (N, 1, 1, 1). seed: of the detail's noise in eval mode, one for all or one for each.
        """
        added = self.detail(torch.cat([x, base.to(x.dtype)], dim=1), seed=seed)
        return base + amount * on_colours(base, added)
