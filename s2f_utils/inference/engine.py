"""What runs the steps from a picture to an answer: arrays in, arrays out."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np


class EngineError(ValueError):
    """A model that an engine cannot run; the message says why."""


class Engine(ABC):
    """Runs stages by their names; `stages` says what they are, and what goes in and comes out.

    device: where it computes, as a person reads it. num_bytes: what its weights take of the memory.
    """

    name = ""
    device = "cpu"

    @abstractmethod
    def run(self, stage: str, *given: np.ndarray) -> tuple[np.ndarray, ...]:
        """The stage's outputs for its inputs, in the order that the stage says. Threads may ask at once."""

    @abstractmethod
    def has(self, stage: str) -> bool:
        """Whether there is such a stage."""

    @abstractmethod
    def takes(self, stage: str) -> list[tuple[int | str, ...]]:
        """The shape of each of a stage's inputs, without the batch; letters for what may be of any size."""

    @property
    @abstractmethod
    def num_bytes(self) -> int:
        """What the weights take of the memory."""
