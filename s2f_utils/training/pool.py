"""A history of made pictures, for discriminators that should not forget what they have seen."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class ImagePool:
    """The last `size` made pictures or so. A discriminator sees half of the time one of them instead of the newest.

    All draws come from torch's global CPU generator. Source: Shrivastava et al. 2017, section 2.3, as in CycleGAN.
    """

    def __init__(self, size: int = 50) -> None:
        self.size = size
        self.pictures: list[Tensor] = []

    def query(self, made: Tensor) -> Tensor:
        """For new pictures (N, C, H, W), detached, the pictures to judge, of the same shape.

        Until the pool is full, the new ones are kept and returned. Then each is, with a probability of one half, put
        into the place of an old one, which is returned instead.
        """
        if self.size == 0:
            return made
        judged = []
        for picture in made.detach():
            if len(self.pictures) < self.size:
                self.pictures.append(picture.clone())
                judged.append(picture)
            elif torch.rand(()) < 0.5:
                place = int(torch.randint(self.size, ()))
                judged.append(self.pictures[place])
                self.pictures[place] = picture.clone()
            else:
                judged.append(picture)
        return torch.stack(judged)

    def state_dict(self) -> dict[str, object]:
        """The pictures, for the resume file."""
        return {"pictures": torch.stack(self.pictures) if self.pictures else None}

    def load_state_dict(self, state: Mapping[str, object], device: torch.device) -> None:
        """Take over the pictures of a resume file."""
        kept = state["pictures"]
        self.pictures = [] if kept is None else list(kept.to(device))
