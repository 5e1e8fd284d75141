"""The models that a page offers, by id.

A request names an id; which file is opened follows from this list alone, never from the request's
text.
"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from s2f_studio import shipped
from s2f_studio.faces.model import OTHER_FILES_OF_FACES, FaceModel
from s2f_studio.loading import load as load_model
from s2f_studio.refusal import Refusal, without_folders
from s2f_studio.request import DIRECTIONS
from s2f_utils import networks, runtime, weights
from s2f_utils.infer import Model, restorers
from s2f_utils.infer.graphs import RESTORER, read_description
from s2f_utils.networks.info import (
    DESCRIPTION,
    RESTORES,
    TRANSLATES,
    ModelInfo,
    generator_file,
)
from s2f_utils.pictures.mesh import FACE_PX

MANY, MAPS = "sketch-to-face-512", "map-to-face-512"
RESCAN_S = 5.0
RUN_TERMS = "your own"
TITLES = {  # the shipped models that a pad offers
    shipped.MODEL: "sketch → photo, 512 px",
    MANY: "Lesson: sketch → face, 512 px, eight variants",
    MAPS: "label map → face, 512 px, eight variants",
}
# Raised for a run that is being deleted, or whose header is not ours.
NO_RUN = (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Choice:
    """A model or restorer to choose from.

    source: "shipped", "run" or "official". direction: "" for restorers. layout: "aligned", or ""
    if pictures are taken as they are. answers: at most so many for one picture. previews: whether
    it supports `Request.preview`. chooses: whether it has all kinds of `request.ANSWERS`. here:
    whether its file is on this machine. path: of a run's file, never shown. changed_ns: when that
    file was written, so that a run that was trained further is another choice.
    """

    id: str
    title: str
    source: str
    kind: str = "model"
    direction: str = ""
    size_px: int = 256
    chooses: bool = False
    answers: int = 1
    previews: bool = False
    layout: str = "aligned"
    here: bool = True
    size_mb: float = 0.0
    terms: str = weights.OWN_TERMS
    path: Path | None = field(default=None, repr=False)
    changed_ns: int = 0

    @property
    def info(self) -> ModelInfo:
        """The model's facts, without loading its network."""
        return ModelInfo(
            name=self.id, direction=self.direction, size_px=self.size_px, layout=self.layout
        )

    @property
    def reads(self) -> str:
        """ "sketch", "photo" or "map"; restorers read photos."""
        return self.info.reads or "photo"

    def listed(self) -> dict[str, Any]:
        """The model as a page lists it: never with its path."""
        return {
            "id": self.id,
            "title": self.title,
            "source": self.source,
            "kind": self.kind,
            "direction": self.direction,
            "reads": self.reads,
            "size_px": self.size_px,
            "chooses": self.chooses,
            "answers": self.answers,
            "previews": self.previews,
            "layout": self.layout,
            "state": "ready" if self.here else "not here",
            "size_mb": round(self.size_mb, 1),
            "terms": self.terms,
        }


def load(choice: Choice, device: str = "auto", engine: str = "auto") -> Model:
    """Load the model. engine: as in `runtime.choose_engine`.

    Raises Refusal, which says what is wrong with its file, but not its path.
    """
    source = choice.path or choice.id
    try:
        if choice.kind == "restorer":
            return restorers.load(source, device, engine=engine)
        return load_model(
            source,
            device,
            direction=choice.direction,
            name=choice.id,
            engine=engine,
        )
    except (ValueError, OSError, RecursionError) as error:
        text = without_folders(str(error)).removeprefix(f"{choice.id}: ")
        raise Refusal(422, f"{choice.id} cannot be loaded: {text}") from None


class Catalogue:
    """The list of models: shipped ones, those of a runs folder, and official ones, which `s2f
    weights` downloads.

    runs: a folder of run folders, or None. official: whether published models are listed.
    """

    def __init__(self, runs: str | Path | None = "runs", *, official: bool = True) -> None:
        self.runs, self.official = Path(runs) if runs else None, official
        self._lock, self._listed, self._at = threading.Lock(), {}, 0.0
        self._headers: dict[tuple, dict[str, Any]] = {}

    def list(self) -> dict[str, Choice]:
        """{id: Choice}, at most five seconds old."""
        with self._lock:
            if not self._listed or time.monotonic() - self._at > RESCAN_S:
                found = [*_shipped(), *self._exported()]
                if runtime.has_engine(runtime.TORCH):
                    found += [*self._runs(), *(_official() if self.official else ())]
                self._listed, self._at = {choice.id: choice for choice in found}, time.monotonic()
            return self._listed

    def choose(self, model: str = "", direction: str = "") -> Choice:
        """The requested model; without a name, the shipped one for the direction.

        Raises Refusal for an unknown model, for a direction that is not its own, and if its file is
        not here.
        """
        if direction and direction not in DIRECTIONS:
            raise Refusal(422, f"direction must be one of {', '.join(DIRECTIONS)}")
        choice = self.list().get(model or shipped.DEFAULTS[direction or DIRECTIONS[0]])
        if choice is None or choice.kind != "model":
            raise Refusal(404, "there is no such model: GET /api/models lists them")
        if direction and choice.direction != direction:
            raise Refusal(
                422,
                f"{choice.id} goes {choice.direction}, not {direction}: leave one of the two out",
            )
        return self._checked(choice)

    def restorer(self, name: str = "") -> Choice:
        """The requested restorer; without a name, the shipped one. Raises what `choose` raises."""
        choice = self.list().get(name or weights.RESTORER)
        if choice is None or choice.kind != "restorer":
            raise Refusal(404, "there is no such restorer: GET /api/models lists them")
        return self._checked(choice)

    def _checked(self, choice: Choice) -> Choice:
        if not choice.here:
            raise Refusal(
                409,
                f"{choice.id} is not on this machine ({choice.size_mb:,.0f} MB; {choice.terms}):"
                " it is fetched by"
                f" 's2f weights {choice.id}'",
            )
        return choice

    def _exported(self) -> list[Choice]:
        """Folders of `s2f export` among the runs, which need no PyTorch."""
        if self.runs is None:
            return []
        found = []
        for file in sorted(self.runs.glob(f"*/{DESCRIPTION}"))[-200:]:
            try:
                choice = _of_folder(file.parent, read_description(file))
                found += [replace(choice, changed_ns=file.stat().st_mtime_ns)] if choice else []
            except NO_RUN:
                continue
        return found

    def _runs(self) -> list[Choice]:
        if self.runs is None or not self.runs.is_dir():
            return []
        from s2f_utils.networks import checkpoints

        found, headers = [], {}
        for file in sorted(self.runs.glob("*/generator*.safetensors"))[-200:]:
            try:
                about = file.stat()
                key = (str(file), about.st_mtime_ns, about.st_size)
                headers[key] = self._headers.get(key) or checkpoints.header_of(file)
                choice = _of_run(file, headers[key])
                size_mb = _size_mb(file, headers[key]["network"])
            except NO_RUN:
                continue
            if choice is not None:
                found.append(replace(choice, size_mb=size_mb, changed_ns=about.st_mtime_ns))
        self._headers = headers
        return found


def _size_mb(file: Path, network: str) -> float:
    """Of all files that a run's model reads."""
    if network != FaceModel.NETWORK:
        return file.stat().st_size / 1e6
    files = [file, *OTHER_FILES_OF_FACES]
    return sum(one.stat().st_size for one in files) / 1e6 + _generator_mb()


def _generator_mb() -> float:
    """Of the pretrained generator; 0 where it is not here."""
    found = weights.find(weights.GENERATOR) if weights.has_generator() else None
    return found.stat().st_size / 1e6 if found else 0.0


def _id_of(folder: Path) -> str:
    """The id of a run folder: another one for each name."""
    return "run:" + re.sub(
        r"[^\w.-]", lambda odd: quote(odd[0], "", errors="surrogatepass"), folder.name
    )


def _of_run(file: Path, header: dict[str, Any]) -> Choice | None:
    """A run's generator, None if it is no translator."""
    network, direction = header["network"], header.get("direction", DIRECTIONS[0])
    name = _id_of(file.parent)
    which = name if file.name == generator_file() else f"{name}:{direction}"
    title = f"{file.parent.name} ({header.get('method', network)})".encode(
        "utf-8", "replace"
    ).decode()
    common = {
        "source": "run",
        "terms": RUN_TERMS,
        "path": file,
        "size_px": int(header.get("size_px", 256)),
    }
    if network == FaceModel.NETWORK:  # it reads drawings of this size, though its networks less
        common |= {"size_px": FACE_PX, "direction": direction, "chooses": True}
        return Choice(which, title, answers=8, previews=True, **common)
    about = networks.NETWORKS[network].describe(header.get("args") or {})
    if about.task == RESTORES:
        return Choice(which, title, kind="restorer", **common)
    if about.task != TRANSLATES or direction not in DIRECTIONS:
        return None
    layout = "aligned" if header.get("aligned", "none") not in ("none", "") else ""
    common |= {
        "answers": 8 if "styles" in about.supports else 1,
        "previews": "preview" in about.supports,
    }
    return Choice(which, title, direction=direction, layout=layout, **common)


def _of_folder(folder: Path, spec: dict[str, Any]) -> Choice | None:
    """An exported model, None if it is no translator."""
    size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    common = {
        "source": "run",
        "terms": RUN_TERMS,
        "path": folder,
        "size_px": int(spec["size_px"]),
        "size_mb": size,
    }
    title = f"{folder.name} (ONNX)".encode("utf-8", "replace").decode()
    if spec["kind"] == RESTORER:
        return Choice(_id_of(folder), title, kind="restorer", **common)
    if spec["direction"] not in DIRECTIONS:
        return None
    knows = set(spec["knows"])
    common |= {
        "chooses": spec["kind"] == FaceModel.__name__,
        "answers": 8 if knows & {"answer", "styles"} else 1,
        "previews": "preview" in knows,
    }
    return Choice(
        _id_of(folder),
        title,
        direction=spec["direction"],
        layout=spec["layout"],
        **common,
    )


def _shipped() -> list[Choice]:
    mb = {
        path.stem: path.stat().st_size / 1e6
        for folder in (weights.SHIPPED_FOLDER, shipped.FOLDER)
        for path in folder.glob("*.safetensors")
    }
    of_generator = mb[weights.PREVIEW] + _generator_mb()
    of_faces = sum(mb[name] for name in (*shipped.FILES, weights.FINDER)) + of_generator
    return [
        Choice(
            shipped.MODEL,
            TITLES[shipped.MODEL],
            "shipped",
            direction="sketch-to-photo",
            chooses=True,
            answers=8,
            previews=True,
            size_mb=of_faces,
        ),
        Choice(
            "photo-to-sketch",
            "photo → sketch, 256 px",
            "shipped",
            direction="photo-to-sketch",
            size_mb=mb["photo-to-sketch"],
        ),
        Choice(
            MANY,
            TITLES[MANY],
            "shipped",
            direction="sketch-to-photo",
            size_px=512,
            answers=8,
            previews=True,
            size_mb=mb[MANY] + of_generator,
        ),
        Choice(
            MAPS,
            TITLES[MAPS],
            "shipped",
            direction="map-to-photo",
            size_px=512,
            answers=8,
            previews=True,
            layout="",
            size_mb=mb[MAPS] + of_generator,
        ),
        Choice(
            weights.RESTORER,
            "our own restorer, small",
            "shipped",
            kind="restorer",
            size_mb=mb[weights.RESTORER],
        ),
    ]


def _official() -> list[Choice]:
    found, places = [], weights.places()
    ways = {"psp-sketch": "sketch-to-photo", "psp-map": "map-to-photo"}
    for name, entry in weights.WEIGHTS.items():
        here = any(
            (place / entry.file_name).is_file() for place in places
        )  # its digest is checked when it is loaded
        common = {
            "source": "official",
            "here": here,
            "size_mb": entry.size / 1e6,
            "terms": entry.licence,
        }
        if name in ways:
            layout = "" if name == "psp-map" else "aligned"
            found.append(
                Choice(
                    name,
                    entry.what,
                    direction=ways[name],
                    size_px=1024,
                    answers=8,
                    layout=layout,
                    **common,
                )
            )
        elif entry.use == "restorer":
            found.append(Choice(name, entry.what, kind="restorer", size_px=512, **common))
    return found
