"""What runs the steps from a picture to an answer: arrays in, arrays out."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np


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

    @property
    @abstractmethod
    def num_bytes(self) -> int:
        """What the weights take of the memory."""


class Joined(Engine):
    """Engines whose stages answer together; the first that has a stage runs it."""

    def __init__(self, *engines: Engine) -> None:
        self.engines = engines
        self.name, self.device = engines[0].name, engines[0].device

    def has(self, stage: str) -> bool:
        """As `Engine.has`."""
        return any(engine.has(stage) for engine in self.engines)

    def run(self, stage: str, *given: np.ndarray) -> tuple[np.ndarray, ...]:
        """As `Engine.run`."""
        return next(engine for engine in self.engines if engine.has(stage)).run(stage, *given)

    @property
    def num_bytes(self) -> int:
        """As `Engine.num_bytes`."""
        return sum(engine.num_bytes for engine in self.engines)
