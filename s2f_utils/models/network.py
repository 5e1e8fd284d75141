"""The base of all networks, which say of themselves what they are."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from torch import nn

from s2f_utils.models.card import ModelCard


class Network(nn.Module):
    """The base of all networks. `name` is its key in `models.NETWORKS`, `args` its constructor's arguments, as plain
    values; `models.build` says both.
    """

    CARD: ClassVar[ModelCard] = ModelCard()
    name = ""
    args: dict[str, Any]
    multiple_px = 1  # what height and width have to be multiples of
    usual_px = 0  # the size that its published files were trained at; 0: multiple_px

    @classmethod
    def build(cls, **given: Any) -> Self:
        """A new network that knows its arguments, those left out too, and those of the networks that it is made of."""
        net = cls(**given)
        bound = inspect.signature(cls).bind(**given)
        bound.apply_defaults()
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in bound.arguments.items()}
        net.args = plain | {name: part.args for name, part in net.named_children() if isinstance(part, Network)}
        return net

    @staticmethod
    def args_from(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
        """The arguments of the network whose state dict has these shapes; None, or a LookupError, where it is none of
        this class. For published files, which do not say it; ours have a header.
        """
        return None

    @classmethod
    def describe(cls, args: Mapping[str, Any]) -> ModelCard:
        """What a network of this class with these arguments is."""
        return cls.CARD

    @property
    def card(self) -> ModelCard:
        """What this network is, as trained."""
        return self.describe(self.args)
