"""A sketch pad with its models at hand: drawing a face and seeing its translation follow, in a notebook or without."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from s2f_studio.web.drawing import is_empty
from s2f_studio.web.state import START, TITLES, PadState
from s2f_utils import inference, weights
from s2f_utils.inference import Ask, Facts, Model

if TYPE_CHECKING:
    from s2f_utils.inference.enhance import Enhancer
    from s2f_utils.inference.restorers import Restorer

NUM_VARIANTS = 8


class SketchPad(PadState):
    """A pad and its models, for one person: `set_drawing`, `translate`, and look at `face`."""

    def __init__(
        self,
        model: Any = None,
        *,
        start: str | int | np.ndarray | None = START,
        models: Sequence[Any] = (),
        restorer: Restorer | str | Path = weights.RESTORER,
        device: str = "auto",
    ) -> None:
        self.device, self.restorer = device, restorer
        self._models: dict[str, Model] = {}
        self.busy = threading.RLock()  # a page's messages may come in another thread than the cells (ipykernel 7)
        facts = self.facts_of(model)
        own = [facts.name, *(self.facts_of(other).name for other in models)]
        super().__init__(facts, {name: TITLES.get(name, name) for name in (*own, *TITLES)}, start)

    @property
    def model(self) -> Model:
        """The model that answers now."""
        return self._models[self.facts.name]

    @property
    def restorer_name(self) -> str:
        """What restores a face, by name."""
        return str(self.restorer) if isinstance(self.restorer, str | Path) else self.restorer.name

    def facts_of(self, model: Any = None) -> Facts:
        """What a model is, which is loaded now where it is not yet (`load_for_drawings`)."""
        key = weights.DEFAULT if model is None else str(model) if isinstance(model, str | Path) else None
        if key not in self._models:
            made = inference.load_for_drawings(model, self.device)
            self._models[made.facts.name] = made
            return made.facts
        return self._models[key].facts

    def translate(self) -> np.ndarray:
        """The face of the drawing as it is now, uint8 (S, S, 3): the model's answer, restored as far as `strength`
        says, with the hints' tones, and inside the region alone where there is one.

        Raises ValueError for an empty drawing, which has no face, and what the model and the restorer raise; the last
        face stays then.
        """
        with self.busy:
            given, ask = self.question()
            made = self.model.answer([given], [ask])
            if ask.strength > 0:
                made = self._enhancer().answer(made, [Ask(strength=ask.strength)])
            return self.complete(made[0], self.model)

    def large_face(self) -> np.ndarray:
        """The face with twice as many pixels a side, uint8 (2S, 2S, 3). Raises ValueError where there is none."""
        with self.busy:
            given, ask = self.large_question()
            return self.finished(self.model.answer([given], [ask])[0], self.model)[0]

    def _enhancer(self) -> Enhancer:
        from s2f_utils.inference import restorers
        from s2f_utils.inference.enhance import Enhancer

        if isinstance(self.restorer, str | Path):
            self.restorer = restorers.load(self.restorer, self.device)
        return Enhancer(self.restorer)

    def answer_first(self) -> None:
        """Answer what the pad begins with, where something is drawn."""
        if not is_empty(self.given):
            self.translate()

    def set_model(self, model: Any) -> None:
        """Change the model (`load_for_drawings`); the drawing and the map are kept, each for the models that read it.

        Raises ValueError for a model that takes something else; the old one stays then.
        """
        with self.busy:
            self.set_facts(self.facts_of(model))

    def variants(self, num: int = NUM_VARIANTS) -> np.ndarray:
        """Answers to the same drawing, uint8 (num, S, S, 3), by a pSp model, before the restorer and the hints.

        Raises ValueError for any other model.
        """
        with self.busy:
            made, self.found = variants_of(self, self.model, num)
            return made

    def choose(self, number: int | None) -> np.ndarray:
        """Go on with a variant, as `choose_style`; its face."""
        self.choose_style(number)
        return self.translate()


def variants_of(pad: PadState, model: Model, num: int = NUM_VARIANTS) -> tuple[np.ndarray, Any]:
    """Other answers to a pad's drawing, uint8 (num, S, S, 3), and their styles, (num, L, D).

    Raises ValueError for a model that knows no styles.
    """
    if "styles" not in pad.facts.knows:
        raise ValueError(f"{pad.facts.name} has one answer: choose a pSp model, such as sketch-to-face-64")
    styles = model.variants(model.encode(pad.given), num, seed=pad.seed)
    return model.decode(styles), styles
