"""A LoRA (Hu et al. 2022): low-rank changes of a guest's layers, and nothing else of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from s2f_utils.models.about import DIRECTIONS, GUIDES, About
from s2f_utils.models.network import Network

DOWN, UP = "lora_A", "lora_B"  # as peft and diffusers name them


class Lora(Network):
    """What was learned of a guest (`weights.guests`): of each of its `layers`, {name: [inputs, outputs]}, two matrices,
    (rank, inputs) and (outputs, rank), whose product is added to the layer's. The second begins at zero.

    prompt: the words that it was trained with. It answers nothing by itself.
    """

    ABOUT = About(GUIDES, DIRECTIONS[0])

    def __init__(self, guest: str, rank: int, layers: Mapping[str, list[int]], prompt: str = "") -> None:
        super().__init__()
        self.guest, self.rank, self.prompt = guest, rank, prompt
        for name, (inputs, outputs) in layers.items():
            self._put(f"{name}.{DOWN}", nn.Parameter(torch.randn(rank, inputs) / rank))
            self._put(f"{name}.{UP}", nn.Parameter(torch.zeros(outputs, rank)))

    def _put(self, path: str, weight: nn.Parameter) -> None:
        """Keep a matrix under its path, a module for each of the path's parts."""
        place: nn.Module = self
        for part in path.split("."):
            if part not in place._modules:
                place.add_module(part, nn.Module())
            place = place._modules[part]
        place.register_parameter("weight", weight)

    def share(self, weights: Mapping[str, nn.Parameter]) -> None:
        """Have these matrices, {path: weight}, from now on, with the values that were here: whoever trains one of the
        two trains the other.
        """
        own = dict(self.named_parameters())
        for path, weight in weights.items():
            with torch.no_grad():
                weight.copy_(own[f"{path}.weight"])
            self._put(path, weight)

    def tensors(self) -> dict[str, Tensor]:
        """Its matrices, as diffusers reads them: {"unet.<layer>.lora_A.weight": …}."""
        return {f"unet.{name}": value for name, value in self.state_dict().items()}

    def forward(self, *_given: Any) -> Tensor:
        raise RuntimeError("a LoRA answers nothing by itself: load its run with inference.load")
