"""A pad's page: its scripts, and what it and the pad tell each other (messages, obeyed; the state, to be shown)."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from s2f_studio.web.drawing import shown
from s2f_studio.web.state import EmptyError, PadState, Version
from s2f_utils.inference import Ask, Facts
from s2f_utils.inference.asking import LAYOUTS
from s2f_utils.pictures import images, masks
from s2f_utils.pictures.images import picture_uri

STATIC = Path(__file__).with_name("static")
SCRIPTS = (
    "dom.js", "files.js", "line.js", "overlay.js", "paper.js", "png.js", "settings.js", "sketch_pad.js", "strokes.js",
    "tools.js",
)  # fmt: skip
STYLES = ("sketch_pad.css",)
WORDS = {"crude": "the drawing leaves much open: this is one of many faces that fit it"}
LINES_UNTIL = 0.5  # of how crude a drawing is: of cruder ones nobody wants every line kept
THUMB_PX = 128
QUICK_PX = 256  # variants of faces up to this size follow each stroke; larger ones are made when asked for
REGION_PX = 256
# Messages after which variants are new.
SHOW_VARIANTS = ("restore", "draw", "model", "start", "upload", "set", "back", "variants")
KINDS = (
    "hello", "restore", "draw", "set", "likely", "person", "model", "start", "upload", "region", "hint", "photo",
    "keep", "drop", "back", "choose", "variants", "save",
)  # fmt: skip
# Messages that are answered, too, where something is drawn.
ANSWERED = ("set", "likely", "person", "model", "start", "upload", "hint", "photo")
NAMES = (
    "background", "skin", "nose", "glasses", "left eye", "right eye", "left brow", "right brow", "left ear",
    "right ear", "mouth", "upper lip", "lower lip", "hair", "hat", "earring", "necklace", "neck", "clothes",
)  # fmt: skip


def wants_variants(pad: PadState, kind: str) -> bool:
    """Whether variants are to be shown after a message; of a large model only where somebody asked for them."""
    known = "styles" in pad.facts.knows and pad.face is not None
    return known and (kind == "variants" or pad.facts.size_px <= QUICK_PX)


def variants_shown(made: np.ndarray) -> list[str]:
    """Variants, uint8 (N, S, S, 3), as the page shows them."""
    return [picture_uri(small(one)) for one in made]


def picture_in(uri: str, name: str) -> np.ndarray:
    """The picture in a data address, uint8 (H, W, 3). Raises ImageError for anything else."""
    return images.load_rgb(io.BytesIO(bytes_in(uri)), name=name)


def bytes_in(uri: str) -> bytes:
    """The content of a data address; nothing where it is none."""
    try:
        return base64.b64decode(uri.partition(",")[2], validate=True)
    except ValueError:
        return b""


@contextmanager
def whole(pad: PadState, kind: str) -> Iterator[None]:
    """A message is obeyed, and answered, as a whole: where any step of it is refused, the pad is as it was.

    But a drawing stays, for the page shows it; and nothing is refused where no face is made because nothing is drawn.
    """
    before = dict(vars(pad))
    try:
        yield
    except EmptyError:
        raise
    except BaseException:
        if kind != "draw":
            vars(pad).update(before)
        raise


def obey(
    pad: PadState,
    content: dict[str, Any],
    facts_of: Callable[[str], Facts],
    read: Callable[[str, str], np.ndarray] = picture_in,
) -> bool:
    """Do what a page's message asks for; whether the drawing is to be answered again. Raises what the pad raises.

    facts_of: what the model of this name is. read: makes a picture of a data address and its name.
    """
    kind, number = content["kind"], content.get("number")
    pad.is_preview = kind == "draw" and content.get("preview") is True
    if kind == "restore":
        restore(pad, content, facts_of(content["model"]), read)
    elif kind == "draw":
        pad.set_drawing(read(content["picture"], "the drawing"))
    elif kind == "set":
        for name in ("detail", "strength"):
            if name in content:
                setattr(pad, name, min(1.0, max(0.0, float(content[name]))))
        pad.answer = Ask(answer=content.get("answer", pad.answer)).answer  # what cannot be was refused
        pad.seed = int(content.get("seed", pad.seed))
        if "seed" in content:
            pad.style = None
    elif kind == "likely":
        pad.set_likely(float(content["amount"]), content.get("part"))
    elif kind == "person":
        pad.say(content["name"], None if content.get("value") is None else float(content["value"]))
    elif kind == "model":
        pad.set_facts(facts_of(content["name"]))
    elif kind == "start":
        pad.begin_with(content["name"])
        pad.set_region(None)
    elif kind == "upload":
        pad.begin_with(read(content["picture"], content.get("name") or "upload"))
        pad.set_region(None)
    elif kind == "region":
        pad.set_region(mask_of(content["points"]) if content.get("points") else None)
    elif kind == "hint":
        pad.apply_hint(content["part"], content.get("colour"))
    elif kind == "photo":
        pad.apply_hint(photo=read(content["picture"], content.get("name") or "photo"))
    elif kind == "keep":
        pad.keep_version()
    elif kind == "drop":
        pad.drop_version(number)
    elif kind == "back":
        pad.back_to(number)
    elif kind == "choose":
        pad.choose_style(number)
    elif kind not in ("variants", "save"):
        raise ValueError(f"the pad does not know {kind!r}: reload the page")
    return kind in ("restore", "draw", "choose") or (kind in ANSWERED and bool(pad.given.any()))


def restore(
    pad: PadState, content: dict[str, Any], facts: Facts, read: Callable[[str, str], np.ndarray] = picture_in
) -> None:
    """Make a pad as it was when a page kept what is in this message: the drawing, and all that was set."""
    if facts != pad.facts:
        pad.set_facts(facts)
    pad.set_region(None)
    pad.set_drawing(read(content["picture"], "the drawing"))
    for name in ("detail", "strength"):
        setattr(pad, name, min(1.0, max(0.0, float(content[name]))))
    pad.answer, pad.seed = Ask(answer=content["answer"]).answer, int(content["seed"])
    for part, amount in dict(content["likely"]).items():
        pad.set_likely(float(amount), part)
    pad.person, pad.hints, pad.style = {}, {}, None
    for name, value in dict(content["person"]).items():
        pad.say(name, float(value))
    for part, colour in dict(content["hints"]).items():
        pad.apply_hint(part, colour)


def mask_of(points: list[list[float]]) -> np.ndarray:
    """A polygon in shares of the side as a mask: bool (256, 256)."""
    picture = Image.new("1", (REGION_PX, REGION_PX))
    ImageDraw.Draw(picture).polygon([(x * REGION_PX, y * REGION_PX) for x, y in points], fill=1)
    return np.asarray(picture)


def face_uri(pad: PadState, face: np.ndarray) -> str:
    """A face of this pad as a PNG in a data address, with what `PadState.save` writes beside it."""
    face, enlarged = images.handed_out(face)
    return images.data_uri(images.png_of(face, generated=True, notes=pad.notes() | enlarged))


def small(picture: np.ndarray) -> np.ndarray:
    """At most 128 px large."""
    return images.resize(picture, THUMB_PX, "stretch") if len(picture) > THUMB_PX else picture


def _shown_of(version: Version) -> dict[str, str]:
    """A version as the page shows it."""
    given, face = (picture_uri(small(one)) for one in (shown(version.given), version.face))
    return {"name": version.name, "given": given, "face": face}


class Shown:
    """What a page shows of its pad, and what it has been told. variants: as the page shows them."""

    def __init__(self) -> None:
        self.variants: list[str] = []
        self._loaded = 0  # counts the drawings that the page has to load
        self._kept: dict[int, dict[str, str]] = {}  # what is shown of each version, by its id

    def values(self, pad: PadState, *, with_drawing: bool, words: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What the page is told now. words: of a front end, as in `Remark.worded`; "" for what it does not say."""
        told = {}
        if with_drawing:
            self._loaded += 1
            told = {"drawing": picture_uri(shown(pad.given)), "loaded": self._loaded}
        self._kept = {id(one): self._kept.get(id(one)) or _shown_of(one) for one in pad.versions}
        face = "" if pad.face is None else face_uri(pad, pad.face)
        return told | {"face": face, "state": state_of(pad, self.variants, list(self._kept.values()), words or {})}


def state_of(
    pad: PadState, variants: list[str], versions: list[dict[str, str]], words: Mapping[str, str]
) -> dict[str, Any]:
    """All that the page shows beside the drawing and the face, as JSON knows it."""
    facts, remarks = pad.facts, (*pad.warnings, *pad.answer_warnings(), *pad.hint_warnings)
    return {
        "models": [list(pair) for pair in pad.choices.items()], "model": facts.name, "reads": facts.reads,
        "face_px": facts.size_px, "has_detail": "detail" in facts.knows, "has_seed": "seed" in facts.knows,
        "has_variants": "styles" in facts.knows, "has_answer": "answer" in facts.knows, "detail": pad.detail,
        "has_likely": "likely" in facts.knows, "likely": pad.likely, "has_person": "person" in facts.knows,
        "person": pad.person, "answer": pad.answer, "seed": pad.seed,
        "strength": pad.strength, "restorer": pad.restorer_name,
        "starts": list(pad.starts()),
        "hints": {part: "#{:02x}{:02x}{:02x}".format(*tone.colour) for part, tone in pad.hints.items()},
        "hint_method": facts.hint_method, "takes_photos": True, "region": pad.region is not None,
        "warnings": [text for one in remarks if (text := one.worded(WORDS | words))],
        "codes": [one.code for one in remarks], "has_large": pad.has_large, "is_example": pad.is_example,
        "offers_lines": any(one.code == "crude" and one.data["degree"] <= LINES_UNTIL for one in remarks),
        "versions": versions, "variants": variants, "guide": LAYOUTS[facts.guide].tolist(),
        "labels": [[name, "#{:02x}{:02x}{:02x}".format(*map(int, masks.PALETTE[n]))] for n, name in enumerate(NAMES)],
        "note": images.GENERATED_NOTE,
    }  # fmt: skip


def joined(script: Path) -> str:
    """A script and all that it imports from beside it, as the one text that a notebook's widget takes.

    An import is one line, `import { name } from "./file.js";`, and renames nothing; names are unique over all files.
    """
    seen: set[Path] = set()

    def text_of(path: Path) -> str:
        if path in seen:
            return ""
        seen.add(path)
        text = path.read_text(encoding="utf-8")
        before = "".join(
            text_of(path.with_name(name)) for name in re.findall(r'^import .* from "\./(.*)";$', text, re.M)
        )
        own = re.sub(r"^import .*\n", "", text, flags=re.M)
        return before + (own if path == script else re.sub(r"^export ", "", own, flags=re.M))

    return text_of(script)
