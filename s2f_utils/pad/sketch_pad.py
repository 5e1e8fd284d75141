"""Drawing a face and seeing its translation follow: the pad's core, which needs no page.

Shapes: P pixels of the pad (512 for drawings, 256 for label maps), S of the face, which the model decides.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from s2f_utils import weights
from s2f_utils.inference import enhance, hints, pad_models, restorers
from s2f_utils.inference.hints import Tone
from s2f_utils.pictures import drawings, images, masks, viz
from s2f_utils.pictures.drawn import synthetic

STATIC = Path(__file__).with_name("static")  # the page's scripts and styles
DRAWING_PX, MAP_PX = 512, 256
DRAWN = tuple(f"drawn face {n}" for n in (3, 5, 8, 10, 17, 21))  # of synthetic.draw_face's endless series
START = "long-hair"
MOST_STEPS, MOST_VERSIONS = 40, 6
DETAIL = 0.5  # of drawings: more of it glitters on lines and smooth paper
FEATHER = 0.05  # width of a region's soft rim, a share of the side; it lies inside the region
INK_BELOW = 200  # grey level
EMPTY = "the drawing is empty: draw a face, or start from one of the list"


class History:
    """The steps of one drawing: arrays, the newest last, at most `most` of them."""

    def __init__(self, first: np.ndarray, most: int = MOST_STEPS) -> None:
        self._steps, self._at, self._most = [first], 0, most

    @property
    def now(self) -> np.ndarray:
        """The drawing as it is."""
        return self._steps[self._at]

    def push(self, drawing: np.ndarray) -> bool:
        """Add a step; what had been undone is gone. False where nothing is different."""
        if drawing.shape == self.now.shape and np.array_equal(drawing, self.now):
            return False
        self._steps = [*self._steps[: self._at + 1], drawing][-self._most :]
        self._at = len(self._steps) - 1
        return True

    def move(self, by: int) -> bool:
        """Back (-1) or forward (1); False where there is no such step."""
        if not 0 <= self._at + by < len(self._steps):
            return False
        self._at += by
        return True


@dataclass(frozen=True)
class Version:
    """A version that was kept: its drawing (or map), its face, uint8 (S, S, 3), and the pad's settings."""

    name: str
    given: np.ndarray
    face: np.ndarray
    settings: dict[str, Any] = field(default_factory=dict)


class SketchPad:
    """A drawing or a label map, a model, and the face that it makes of it; its page is somebody else's.

    detail: from 0, faithful, to 1, invented; for the model that has it. seed: 0, or another answer. strength: of the
    restorer, from 0, off, to 1. hints: {part: Tone}. region: float32 (S, S), how much is redrawn, or None. face: the
    newest answer, uint8 (S, S, 3), None until `translate` is called; before: the one before it.
    """

    most_steps = MOST_STEPS

    def __init__(
        self,
        model: Any = None,
        *,
        start: str | int | np.ndarray | None = START,
        models: Sequence[Any] = (),
        restorer: restorers.Restorer | str | Path = weights.RESTORER,
        device: str = "auto",
    ) -> None:
        self.device, self.restorer = device, restorer
        self.detail, self.seed, self.strength = DETAIL, 0, 0.0
        self.hints: dict[str, Tone] = {}
        self.region: np.ndarray | None = None
        self.face: np.ndarray | None = None
        self.before: np.ndarray | None = None
        self.versions: list[Version] = []
        self.warnings: tuple[str, ...] = ()
        self.hint_warnings: tuple[str, ...] = ()  # about the newest answer
        self.listeners: list[Callable[[str], None]] = []  # told "drawing", "face" or "settings"
        self._outside: np.ndarray | None = None  # the face as it was when the region was set
        self._found: Any = None  # the styles of the variants that were made last
        self._starts: dict[str, tuple] = {}  # {"sketch" or "map": (start, layout)} of what is untouched yet
        self._busy, self._waiting = threading.RLock(), None
        self._history = {
            "sketch": History(np.full((DRAWING_PX, DRAWING_PX, 3), 255, np.uint8), self.most_steps),
            "map": History(np.zeros((MAP_PX, MAP_PX), np.uint8), self.most_steps),
        }
        self._models: dict[str, pad_models.PadModel] = {}
        self.model = self._load(model)
        own = [self.model.name, *(self._load(other).name for other in models)]
        self.choices = {name: pad_models.SHIPPED.get(name, name) for name in (*own, *pad_models.SHIPPED)}
        if start is not None:
            self.begin_with(start if self.model.reads == "sketch" or isinstance(start, np.ndarray) else DRAWN[1])

    def __repr__(self) -> str:
        return f"SketchPad({self.model.name}; {len(self.versions)} versions; {images.GENERATED_NOTE})"

    def answer_first(self) -> None:
        """Answer what the pad begins with, where something is drawn."""
        if self.given.any() and self.given.min() <= INK_BELOW:
            self.translate()

    def _load(self, model: Any) -> pad_models.PadModel:
        key = str(model) if isinstance(model, str | Path) else None
        if key in self._models:
            return self._models[key]
        made = pad_models.load(model, self.device)
        self._models[made.name] = made
        return made

    def _tell(self, what: str) -> None:
        for listener in self.listeners:
            listener(what)

    # The drawing

    @property
    def given(self) -> np.ndarray:
        """What the model gets: a drawing, uint8 (P, P, 3), or class numbers, uint8 (P, P)."""
        return self._history[self.model.reads].now

    def set_drawing(self, drawing: np.ndarray) -> None:
        """Take a square drawing, uint8 (H, W, 3) or (H, W), or, for a model that reads maps, class numbers, uint8
        (H, W), or their colours; a step that `undo` takes back.

        Raises ValueError for anything that is no such picture: `begin_with` takes photographed paper of any shape.
        """
        drawing = np.asarray(drawing)
        square = drawing.ndim in (2, 3) and drawing.shape[0] == drawing.shape[1] >= 16
        if drawing.dtype != np.uint8 or not square or (drawing.ndim == 3 and drawing.shape[2] != 3):
            raise ValueError(
                f"a drawing must be uint8 and square, (P, P, 3) or (P, P), 16 pixels or more, got {drawing.dtype}"
                f" {drawing.shape}: begin_with takes drawings of any shape"
            )
        if self.model.reads == "map":
            taken = masks.resize(pad_models.check_map(drawing), MAP_PX)
        else:
            rgb = np.repeat(drawing[..., None], 3, axis=2) if drawing.ndim == 2 else drawing
            taken = rgb if len(rgb) == DRAWING_PX else images.resize(rgb, DRAWING_PX, "stretch")
        if self._history[self.model.reads].push(taken.copy()):
            self._starts.pop(self.model.reads, None)
            self._tell("drawing")

    def begin_with(self, start: str | int | np.ndarray) -> None:
        """Begin with one of `starts()`, with face number `start` of `synthetic.draw_face`, or with a drawing of one's
        own, uint8 (H, W, 3), which is cleaned and laid so that the face is where the model expects it.

        `warnings` are then what `drawings.prepare` had to say. Raises ValueError for an unknown name or no drawing.
        """
        if isinstance(start, np.ndarray):
            taken, self.warnings = self._own(start)
        elif isinstance(start, str) and start in drawings.EXAMPLES and self.model.reads == "sketch":
            taken, self.warnings = _laid_example(start, self.model.layout, weights.find("yunet") is not None), ()
        else:
            if isinstance(start, str) and start not in self.starts():
                raise ValueError(f"there is no start {start!r} for this model: {', '.join(self.starts())}")
            taken, self.warnings = self._synthetic(start if isinstance(start, int) else int(start.split()[-1])), ()
        self.set_drawing(taken)
        if not isinstance(start, np.ndarray):
            self._starts[self.model.reads] = (start, self.model.layout)

    def starts(self) -> tuple[str, ...]:
        """The names of what a drawing, or a map, can begin with."""
        return (*drawings.EXAMPLES, *DRAWN) if self.model.reads == "sketch" else DRAWN

    def _own(self, picture: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
        if self.model.reads == "map":
            labels = pad_models.check_map(picture)
            return masks.resize(labels, MAP_PX), ()
        prepared = drawings.prepare(picture, size_px=DRAWING_PX)
        return self._laid(prepared.paper, prepared.face.landmarks), prepared.warnings

    def _laid(self, paper: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        return pad_models.laid(paper, landmarks, self.model.layout, DRAWING_PX)

    def _synthetic(self, index: int) -> np.ndarray:
        if self.model.reads == "map":
            return synthetic.draw_face(index, size_px=MAP_PX).mask
        face = synthetic.draw_face(index, size_px=DRAWING_PX)
        sketch = np.repeat(face.sketch[..., None], 3, axis=2)
        return sketch if self.model.layout == "drawn" else self._laid(sketch, face.landmarks)

    def undo(self) -> bool:
        """Take the last step back; False where there is none."""
        return self._moved(-1)

    def redo(self) -> bool:
        """Do again what was undone; False where there is none."""
        return self._moved(1)

    def _moved(self, by: int) -> bool:
        moved = self._history[self.model.reads].move(by)
        if moved:
            self._starts.pop(self.model.reads, None)
            self._tell("drawing")
        return moved

    def clear(self) -> None:
        """White paper, or an empty map: a step that `undo` takes back."""
        if self._history[self.model.reads].push(np.full_like(self.given, 0 if self.model.reads == "map" else 255)):
            self._starts.pop(self.model.reads, None)
            self._tell("drawing")

    # The face

    def translate(self) -> np.ndarray:
        """The face of the drawing as it is now, uint8 (S, S, 3): the model's answer, restored as far as `strength`
        says, with the hints' tones, and inside the region alone where there is one.

        Raises ValueError for an empty drawing, which has no face, and what the model and the restorer raise; the last
        face stays then.
        """
        with self._busy:
            given = self.given
            if given.max() == 0 if self.model.reads == "map" else given.min() > INK_BELOW:
                self._set_face(None)
                raise ValueError(EMPTY)
            made = self.model.answer(given, self.detail, self.seed)
            return self._completed(self._restored(made) if self.strength > 0 else made)

    def _restored(self, made: np.ndarray) -> np.ndarray:
        if isinstance(self.restorer, str | Path):
            self.restorer = restorers.load(self.restorer, self.device)
        return enhance.enhance(made, self.restorer, strength=self.strength, aligned=True).image

    def _completed(self, made: np.ndarray) -> np.ndarray:
        """The model's answer, restored where that is wished, becomes the face: with the hints' tones, in the region."""
        self.hint_warnings = ()
        if self.hints:
            found = self.model.parts(self.given, made)
            missing = [part for part in self.hints if not hints.is_there(found[part])]
            self.hint_warnings = tuple(f"no {part} was found whose tone could be changed" for part in missing)
            made = self.model.with_hints(self.given, made, self.hints)
        if self.region is not None and self._outside is not None:
            made = pad_models.blended(self._outside, made, self.region)
        self._set_face(made)
        return made

    def _set_face(self, face: np.ndarray | None) -> None:
        self.before, self.face = self.face, face
        self._tell("face")

    def follow(self, drawing: np.ndarray) -> bool:
        """Take a drawing and translate it, from any thread; False where a newer one came meanwhile and was translated
        instead, so that of many only the newest waits.
        """
        self._waiting = drawing
        with self._busy:
            newest, self._waiting = self._waiting, None
            if newest is None:
                return False
            self.set_drawing(newest)
            self.translate()
            return True

    def set_model(self, model: Any) -> None:
        """Change the model (`pad_models.load`); the drawing and the map are kept, each for the models that read it.

        A start that nobody has drawn on is laid anew, as the model knows faces; a map pad that is empty gets one.
        Raises ValueError for a model that takes something else; the old one stays then.
        """
        with self._busy:
            self.model = self._load(model)
            self.face = self.before = self._found = None
            self.set_region(None)
            start, layout = self._starts.get(self.model.reads, (None, self.model.layout))
            if self.model.reads == "map" and not self.given.any():
                drawn, _ = self._starts.get("sketch", (None, None))
                self.begin_with(drawn if drawn in DRAWN else DRAWN[1])
            elif layout != self.model.layout:
                self.begin_with(start)
            self._tell("drawing")
            self._tell("settings")

    def variants(self, num: int = pad_models.NUM_VARIANTS) -> np.ndarray:
        """Answers to the same drawing, uint8 (num, S, S, 3), by a pSp model, before the restorer and the hints.

        Raises ValueError for any other model.
        """
        if not self.model.has_variants:
            raise ValueError(f"{self.model.name} has one answer: choose a pSp model, such as {pad_models.MANY}")
        with self._busy:
            made, self._found = self.model.variants(self.given, num, self.seed)
            return made

    def choose(self, number: int | None) -> np.ndarray:
        """Go on with a variant, counted from 0: its styles stay while the drawing changes. None: the drawing's own."""
        if number is not None and (self._found is None or not 0 <= number < len(self._found)):
            raise ValueError(f"there is no variant {number}: call variants() first")
        self.model.chosen = None if number is None else self._found[number : number + 1]
        return self.translate()

    # One region alone

    def set_region(self, mask: np.ndarray | None, *, feather: float = FEATHER) -> None:
        """From now on redraw only this region, bool (H, W) of any size; None: the whole face again.

        Outside of it the face keeps its bytes; feather: the width of the rim, inside the region, over which the new
        answer comes in, a share of the side. Raises ValueError for an empty region, or where there is no face yet.
        """
        if mask is None:
            self.region = self._outside = None
        else:
            if self.face is None:
                raise ValueError("there is no face yet to keep: call translate() first")
            self.region, self._outside = feathered(mask, len(self.face), feather), self.face
        self._tell("settings")

    def blend_region(self, mask: np.ndarray, *, feather: float = FEATHER) -> np.ndarray:
        """The newest answer inside of a region, bool (H, W), the one before it outside; it becomes the face."""
        if self.face is None or self.before is None:
            raise ValueError("there are not two faces yet: translate, change the drawing, and translate again")
        if self.before.shape != self.face.shape:
            raise ValueError(f"both faces must be of one size, got {self.before.shape} and {self.face.shape}")
        made = pad_models.blended(self.before, self.face, feathered(mask, len(self.face), feather))
        self._set_face(made)
        return made

    # Hints, versions, files

    def apply_hint(
        self, part: str | None = None, colour: Tone | str | tuple | None = None, *, photo: np.ndarray | None = None
    ) -> dict[str, Tone]:
        """A witness's hint, for this face and those that follow; returns all that are in force.

        part: "hair" or "skin"; colour: "#rrggbb", three numbers, or None, which takes the hint back. photo: a reference
        photo, uint8 (H, W, 3), whose hair and skin are taken instead. How it is done is `model.hint_method`: "style
        mixing" for pSp, "colour transfer" (CIELAB) for the others. Raises ValueError, or FaceError for a photo without
        a face.
        """
        if photo is not None:
            found = hints.tones_of_photo(photo)
            self.hints |= found if part is None else {part: found[part]} if part in found else {}
        elif part not in hints.PARTS:
            raise ValueError(f"part must be one of {', '.join(hints.PARTS)}, got {part!r}")
        elif colour is None:
            self.hints.pop(part, None)
        else:
            self.hints[part] = hints.as_tone(colour)
        self._tell("settings")
        return dict(self.hints)

    @property
    def settings(self) -> dict[str, Any]:
        """What a version keeps beside the drawing and the face."""
        return {
            "model": self.model.name, "detail": self.detail, "seed": self.seed, "strength": self.strength,
            "hints": dict(self.hints), "chosen": getattr(self.model, "chosen", None),
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
        self.versions.append(version)
        self._tell("settings")
        return version

    def drop_version(self, number: int) -> None:
        """Forget a version, counted from 0."""
        self._version(number)
        del self.versions[number]
        self._tell("settings")

    def back_to(self, number: int) -> np.ndarray:
        """Go back to a version, counted from 0: its drawing, settings and face, byte for byte."""
        version = self._version(number)
        with self._busy:
            settings = dict(version.settings)
            chosen = settings.pop("chosen")
            self.model = self._load(settings.pop("model"))
            if self.model.has_variants:
                self.model.chosen = chosen
            self.set_region(None)
            for name, value in settings.items():
                setattr(self, name, dict(value) if name == "hints" else value)
            self.set_drawing(version.given)
            self._tell("drawing")
            self._set_face(version.face)
            self._tell("settings")
        return version.face

    def _version(self, number: int) -> Version:
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
        told = {"model": self.model.name, "seed": str(self.seed)}
        if self.model.has_detail:
            told["detail"] = f"{self.detail:g}"
        if self.strength > 0:
            name = self.restorer.name if isinstance(self.restorer, restorers.Restorer) else str(self.restorer)
            told["restorer"] = f"{name}, strength {self.strength:g}"
        for part, tone in self.hints.items():
            told[part] = "#{:02x}{:02x}{:02x} by ".format(*tone.colour) + self.model.hint_method
        return told

    def save(self, path: str | Path) -> Path:
        """Write the face; a PNG says in its metadata that it is generated, no evidence, and how it came about."""
        if self.face is None:
            raise ValueError("there is no face yet to save: call translate() first")
        return images.save(path, self.face, generated=True, notes=self.notes())


@functools.lru_cache(maxsize=16)
def _laid_example(name: str, layout: str, with_detector: bool) -> np.ndarray:
    """An example with its face where models of this layout expect it: uint8 (512, 512, 3)."""
    prepared = drawings.prepare(drawings.example(name), size_px=DRAWING_PX)
    return pad_models.laid(prepared.paper, prepared.face.landmarks, layout, DRAWING_PX)


def shown(given: np.ndarray) -> np.ndarray:
    """A drawing as it is, or a map in its colours: uint8 (P, P, 3)."""
    return masks.colour(given) if given.ndim == 2 else given


def feathered(mask: np.ndarray, size_px: int, feather: float = FEATHER) -> np.ndarray:
    """How much of a region is redrawn: bool (H, W) → float32 (size_px, size_px), exactly 0 outside, rising inside.

    In a region that is narrower than two rims it rises to 1 in the middle. Raises ValueError for an empty region.
    """
    import cv2

    mask = np.asarray(mask)
    if mask.ndim != 2 or not mask.any():
        raise ValueError(f"a region must be bool (H, W) with some pixels set, got {mask.dtype} {mask.shape}")
    inside = np.asarray(
        Image.fromarray((mask > 0).astype(np.uint8)).resize((size_px, size_px), Image.Resampling.NEAREST)
    )
    framed = np.pad(np.asarray(inside), 1, mode="edge")  # the picture's own edge is no rim
    depth = cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1]
    if not depth.any():
        raise ValueError("the region is too small: draw a larger one")
    rise = np.clip(depth / min(max(1.0, feather * size_px), float(depth.max())), 0, 1)
    return (rise * rise * (3 - 2 * rise)).astype(np.float32)
