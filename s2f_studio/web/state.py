"""What a sketch pad knows: the drawing, the settings, the face, versions. Its network is somebody else's.

Shapes: P pixels of the pad (512 for drawings, 256 for label maps), S of the face, which the model decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from s2f_studio.drawings import likely
from s2f_studio.faces import hints
from s2f_studio.faces.choosing import advised
from s2f_studio.web import drawing as paper
from s2f_studio.web.drawing import DRAWN, FEATHER, feathered, shown
from s2f_utils import weights
from s2f_utils.inference import Ask, Facts, Model, asking
from s2f_utils.inference.asking import ANSWERS, DETAIL_OF_DRAWINGS, LIKELY, check_for_drawings
from s2f_utils.pictures import images, viz
from s2f_utils.pictures.attributes import Tone, as_tone
from s2f_utils.pictures.remarks import Remark

START = "long-hair"
MOST_VERSIONS = 6
PREVIEW = "expected"  # while a stroke is drawn: what is rendered takes three times as long
TITLES = {  # the shipped models that a pad can have
    weights.DEFAULT: "sketch → photo, 256 px",
    "sketch-to-face-64": "Lesson: sketch → drawn face of 64 px, eight variants",
    "map-to-face-64": "Lesson: label map → drawn face of 64 px, eight variants",
}


class EmptyError(ValueError):
    """Nothing is drawn, so that there is no face."""

    def __init__(self) -> None:
        super().__init__("the drawing is empty: draw a face, or start from one of the list")


@dataclass(frozen=True)
class Version:
    """A version that was kept: its drawing (or map), its face, uint8 (S, S, 3), and the pad's settings."""

    name: str
    given: np.ndarray
    face: np.ndarray
    settings: dict[str, Any] = field(default_factory=dict)


class PadState:
    """A drawing or a label map, what its model is, and the face that was made of it.

    facts: of the model. detail: from 0, faithful, to 1, invented; for the model that has it. answer: which of two
    answers a model gives that has several, as in `Ask`. seed: 0, or another answer. strength: of the
    restorer, from 0, off, to 1. hints: {part: Tone}. style: (1, L, D), of the chosen variant. region: float32 (S, S),
    how much is redrawn, or None. face: the newest answer, uint8 (S, S, 3), or None.

    Whatever changes is bound anew, never changed in place, so that `messages.whole` can go back to what was.
    """

    restorer_name = weights.RESTORER

    def __init__(self, facts: Facts, choices: dict[str, str], start: str | int | np.ndarray | None = START) -> None:
        self.facts, self.choices = facts, choices
        self.detail, self.seed, self.strength = DETAIL_OF_DRAWINGS, 0, 0.0
        self.answer = ANSWERS[0]
        self.is_preview = False  # a stroke is not ended yet: the answer that comes first
        self.likely: dict[str, float] = dict.fromkeys(likely.PARTS, LIKELY)
        self.person: dict[str, float] = {}
        self.hints: dict[str, Tone] = {}
        self.style: Any = None
        self.region: np.ndarray | None = None
        self.face: np.ndarray | None = None
        self.versions: list[Version] = []
        self.warnings: tuple[Remark, ...] = ()
        self.hint_warnings: tuple[Remark, ...] = ()  # about the newest answer
        self.listeners: list[Callable[[str], None]] = []  # told "drawing", "face" or "settings"
        self.found: Any = None  # the styles of the variants that were made last
        self.memory: dict[tuple, Any] = {}  # what a model found for a hint
        self._waiting_for: dict[str, tuple] = {}  # {model: (style, memory)} of the models that had their turn
        self._outside: np.ndarray | None = None  # the face as it was when the region was set
        self._seed_outside: int | None = None  # and its seed
        self._starts: dict[str, tuple] = {}  # {"sketch" or "map": (start, layout)} of what is untouched yet
        self._drawn = {reads: paper.blank(reads) for reads in ("sketch", "map")}
        if start is not None:
            self.begin_with(start if facts.reads == "sketch" or isinstance(start, np.ndarray) else DRAWN[1])

    def __repr__(self) -> str:
        return f"SketchPad({self.facts.name}; {len(self.versions)} versions; {images.GENERATED_NOTE})"

    def _tell(self, what: str) -> None:
        for listener in self.listeners:
            listener(what)

    # The drawing

    @property
    def given(self) -> np.ndarray:
        """What the model gets: a drawing, uint8 (P, P, 3), or class numbers, uint8 (P, P)."""
        return self._drawn[self.facts.reads]

    def set_drawing(self, drawing: np.ndarray) -> None:
        """Take a square drawing, uint8 (H, W, 3) or (H, W), or, for a model that reads maps, class numbers, uint8
        (H, W), or their colours.

        Raises ValueError for anything that is no such picture: `begin_with` takes photographed paper of any shape.
        """
        reads = self.facts.reads
        drawing = paper.as_given(drawing, reads).copy()
        if not np.array_equal(drawing, self.given):
            self._drawn = self._drawn | {reads: drawing}
            self._starts = {other: start for other, start in self._starts.items() if other != reads}
            self._tell("drawing")

    def begin_with(self, start: str | int | np.ndarray) -> None:
        """Begin with one of `starts()`, with face number `start` of `synthetic.draw_face`, or with a drawing of one's
        own, uint8 (H, W, 3), which is cleaned and laid so that the face is where the model expects it.

        `warnings` are then what `drawings.prepare` had to say. Raises ValueError for an unknown name or no drawing.
        """
        if isinstance(start, np.ndarray):
            self.take(*paper.own(start, self.facts))
            return
        self.take(paper.begun_with(start, self.facts))
        self._starts = self._starts | {self.facts.reads: (start, self.facts.guide)}

    def take(self, drawing: np.ndarray, warnings: tuple[Remark, ...] = ()) -> None:
        """Begin with a drawing that is cleaned and laid already (`drawing.own`)."""
        self.warnings = warnings
        self.set_drawing(drawing)

    @property
    def is_example(self) -> bool:
        """Whether the drawing is one that a pad can begin with, and nobody has drawn on it."""
        return self.facts.reads in self._starts

    def starts(self) -> tuple[str, ...]:
        """The names of what a drawing, or a map, can begin with."""
        return paper.starts(self.facts.reads)

    # The face

    def question(self) -> tuple[np.ndarray, Ask]:
        """What is to be asked of the model now. Raises EmptyError for an empty drawing, which has no face."""
        if paper.is_empty(self.given):
            self.set_face(None)
            raise EmptyError
        answer, strength = self.answer, self.strength
        if self.is_preview:
            answer, strength = (PREVIEW if answer in (ANSWERS[0], "rendered") else answer), 0.0
        ask = Ask(
            self.seed, self.detail, self.seed > 0, self.style, strength=strength, answer=answer, likely=self.likely,
            person=self.person | {part: tone.colour for part, tone in self.hints.items()},
        )  # fmt: skip
        return self.given, ask

    @property
    def has_large(self) -> bool:
        """Whether the face, as it is set, can be had with twice as many pixels a side."""
        plain = self.region is None and self.strength == 0 and not (self.hints and self.answer == "faithful")
        return plain and self.face is not None and "likely" in self.facts.knows

    def large_question(self) -> tuple[np.ndarray, Ask]:
        """As `question`, for a face with twice as many pixels a side. Raises ValueError where there is none."""
        if not self.has_large:
            raise ValueError("this face has no larger version")
        self.is_preview = False
        given, ask = self.question()
        return given, replace(ask, large=True)

    def complete(self, made: np.ndarray, model: Model | None = None) -> np.ndarray:
        """The model's answer, restored where that is wished, becomes the face: with the hints' tones, for which the
        model is needed, in the region.
        """
        face, self.hint_warnings = self.finished(made, model)
        self.set_face(face)
        return face

    def finished(self, made: np.ndarray, model: Model | None = None) -> tuple[np.ndarray, tuple[Remark, ...]]:
        """As `complete`, but the pad stays as it is: the face, and what there is to say about the hints."""
        warnings: tuple[Remark, ...] = ()
        if self.hints and not model.knows_person(*self.question()):
            if self.facts.reads == "sketch" and hints.is_framed(self.given):
                return self._within(made), (Remark("framed"),)
            parts = hints.parts_of(model, self.given, made)
            missing = [part for part in self.hints if not hints.is_there(parts[part])]
            warnings = tuple(Remark("no-part", {"part": part}) for part in missing)
            made = hints.with_hints(model, self.given, made, self.hints, self.memory)
        return self._within(made), warnings

    def _within(self, made: np.ndarray) -> np.ndarray:
        """The answer in the region alone, where there is one."""
        if self.region is None or self._outside is None:
            return made
        return images.blended(self._outside, made, self.region)

    def answer_warnings(self) -> tuple[Remark, ...]:
        """That the face is the one that the drawing means, where nobody asked for that."""
        if self.face is None or "answer" not in self.facts.knows or self.answer != ANSWERS[0]:
            return ()
        square = images.resize(self.given, self.facts.size_px, "stretch")
        remark = advised(square, Ask(detail=self.detail))
        return (remark,) if remark else ()

    def set_face(self, face: np.ndarray | None) -> None:
        """A new face, uint8 (S, S, 3), or none."""
        self.face = face
        self._tell("face")

    def set_facts(self, facts: Facts) -> None:
        """Another model; the drawing and the map are kept, each for the models that read it.

        A start that nobody has drawn on is laid anew, as the model knows faces; a map pad that is empty gets one.
        Raises ValueError for a model that reads neither; the old one stays then.
        """
        check_for_drawings(facts)
        self._change_facts(facts)
        self.face = None
        self.set_region(None)
        start, layout = self._starts.get(facts.reads, (None, facts.guide))
        if facts.reads == "map" and not self.given.any():
            drawn, _ = self._starts.get("sketch", (None, None))
            self.begin_with(drawn if drawn in DRAWN else DRAWN[1])
        elif layout != facts.guide:
            self.begin_with(start)
        self._tell("drawing")
        self._tell("settings")

    def _change_facts(self, facts: Facts) -> None:
        """What was found for one model (a chosen variant, the shares for a hint) waits until that model is back."""
        if facts != self.facts:
            waiting = self._waiting_for | {self.facts.name: (self.style, self.memory)}
            self.style, self.memory = waiting.pop(facts.name, (None, {}))
            self._waiting_for = waiting
            self.found = None
        self.facts = facts

    def choose_style(self, number: int | None) -> None:
        """Go on with a variant, counted from 0: its styles stay while the drawing changes. None: the drawing's own."""
        if number is not None and (self.found is None or not 0 <= number < len(self.found)):
            raise ValueError(f"there is no variant {number}: call variants() first")
        self.style = None if number is None else self.found[number : number + 1]

    def set_likely(self, amount: float, part: str | None = None) -> None:
        """How far the shape goes from the lines that are drawn, 0, to a face that people have, 1: of a part of
        `likely.PARTS`, or of all. Raises ValueError for another part or amount.
        """
        wanted = self.likely | ({name: amount for name in likely.PARTS} if part is None else {part: amount})
        asking.amounts_of(wanted)
        self.likely = wanted
        self._tell("settings")

    def say(self, name: str, value: float | None) -> None:
        """Say something of the person, from -1 to 1 (`Ask.person`); None takes it back. Raises ValueError."""
        wanted = {other: own for other, own in self.person.items() if other != name}
        if value is not None:
            Ask(person={name: value})
            wanted[name] = float(value)
        self.person = wanted
        self._tell("settings")

    # One region alone

    def set_region(self, mask: np.ndarray | None, *, feather: float = FEATHER) -> None:
        """From now on redraw only this region, bool (H, W) of any size; None: the whole face again.

        Outside of it the face keeps its bytes, and afterwards its seed. feather: the width of the rim, inside the
        region, over which the new answer comes in, a share of the side. Raises ValueError for an empty region, or where
        there is no face yet.
        """
        if mask is None:
            if self._seed_outside is not None:  # the person stays who it was
                self.seed = self._seed_outside
            self.region = self._outside = self._seed_outside = None
        else:
            if self.face is None:
                raise ValueError("there is no face yet to keep: call translate() first")
            self.region, self._outside = feathered(mask, len(self.face), feather), self.face
            self._seed_outside = self.seed if self._seed_outside is None else self._seed_outside
        self._tell("settings")

    # Hints, versions, files

    def apply_hint(
        self, part: str | None = None, colour: Tone | str | tuple | None = None, *, photo: np.ndarray | None = None
    ) -> dict[str, Tone]:
        """A witness's hint, for this face and those that follow; returns all that are in force.

        part: "hair" or "skin"; colour: "#rrggbb", three numbers, or None, which takes the hint back. photo: a reference
        photo, uint8 (H, W, 3), whose hair and skin are taken instead. How it is done is `facts.hint_method`: "style
        mixing" for pSp, "colour transfer" (CIELAB) for the others. Raises ValueError, or FaceError for a photo without
        a face.
        """
        if photo is not None:
            tones = hints.tones_of_photo(photo)
            self.hints = self.hints | {name: tone for name, tone in tones.items() if part in (None, name)}
        elif part not in hints.PARTS:
            raise ValueError(f"part must be one of {', '.join(hints.PARTS)}, got {part!r}")
        elif colour is None:
            self.hints = {other: tone for other, tone in self.hints.items() if other != part}
        else:
            self.hints = self.hints | {part: as_tone(colour)}
        self._tell("settings")
        return dict(self.hints)

    @property
    def settings(self) -> dict[str, Any]:
        """What a version keeps beside the drawing and the face."""
        return {
            "facts": self.facts, "detail": self.detail, "answer": self.answer, "seed": self.seed,
            "strength": self.strength, "hints": self.hints, "style": self.style, "likely": self.likely,
            "person": self.person,
        }  # fmt: skip

    def keep_version(self, name: str | None = None) -> Version:
        """Keep the drawing, the face and the settings. Raises ValueError without a face, and beyond six versions."""
        if self.face is None:
            raise ValueError("there is no face yet to keep: call translate() first")
        if len(self.versions) >= MOST_VERSIONS:
            raise ValueError(f"{MOST_VERSIONS} versions are kept: drop one first")
        taken = {version.name for version in self.versions}
        number = next(n for n in range(1, MOST_VERSIONS + 2) if f"version {n}" not in taken)
        version = Version(name or f"version {number}", self.given, self.face, self.settings)
        self.versions = [*self.versions, version]
        self._tell("settings")
        return version

    def drop_version(self, number: int) -> None:
        """Forget a version, counted from 0."""
        dropped = self.version(number)
        self.versions = [version for version in self.versions if version is not dropped]
        self._tell("settings")

    def back_to(self, number: int) -> np.ndarray:
        """Go back to a version, counted from 0: its drawing, settings and face, byte for byte."""
        version = self.version(number)
        self._change_facts(version.settings["facts"])
        self.set_region(None)
        for name, value in version.settings.items():
            setattr(self, name, value)
        self.set_drawing(version.given)
        self._tell("drawing")
        self.set_face(version.face)
        self._tell("settings")
        return version.face

    def version(self, number: int) -> Version:
        """A version, counted from 0. Raises ValueError where there is none."""
        if not 0 <= number < len(self.versions):
            raise ValueError(f"there is no version {number}: {len(self.versions)} are kept, counted from 0")
        return self.versions[number]

    def compare(self, size_px: int = 256) -> np.ndarray:
        """The versions side by side, the drawings above their faces: uint8 (H, W, 3)."""
        if not self.versions:
            raise ValueError("no version is kept yet: call keep_version() first")
        pairs = [(shown(version.given), version.face) for version in self.versions]
        rows = [np.stack([images.resize(pair[n], size_px, "stretch") for pair in pairs]) for n in (0, 1)]
        return viz.sheet(rows)

    def notes(self) -> dict[str, str]:
        """What the file of a face says about how it came about."""
        told = {"model": self.facts.name, "seed": str(self.seed)}
        if "detail" in self.facts.knows:
            told["detail"] = f"{self.detail:g}"
        if "answer" in self.facts.knows and self.answer != ANSWERS[0]:
            told["answer"] = self.answer
        if "likely" in self.facts.knows:
            told |= {f"likely {part}": f"{own:g}" for part, own in self.likely.items() if own != LIKELY}
            told |= {name: f"{value:g}" for name, value in self.person.items()}
        if self.strength > 0:
            told["restorer"] = f"{self.restorer_name}, strength {self.strength:g}"
        for part, tone in self.hints.items():
            told[part] = "#{:02x}{:02x}{:02x} by ".format(*tone.colour) + self.facts.hint_method
        return told

    def save(self, path: str | Path) -> Path:
        """Write the face; a PNG says in its metadata that it is generated, no evidence, and how it came about."""
        if self.face is None:
            raise ValueError("there is no face yet to save: call translate() first")
        return images.save(path, self.face, generated=True, notes=self.notes())
