"""One drawing, our answer and the guests', beside each other: what each takes, and what it keeps of the drawing."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from s2f_utils import weights
from s2f_utils.inference import restored, restorers
from s2f_utils.inference.opening import load
from s2f_utils.inference.understanding import understood
from s2f_utils.pictures import images
from s2f_utils.pictures.faces import mesh
from s2f_utils.pictures.faces.mesh import FACE_PX

OURS, RESTORED = "ours", "restored"
NOT_MEASURED = "not measured"
DECIDES = {  # what an answer's face comes from, beside the lines
    OURS: "portraits of US politicians", RESTORED: "the same, and 70,000 photos off the web (FFHQ)",
}  # fmt: skip
OF_GUESTS = "billions of pictures off the web"


@dataclass(frozen=True)
class Beside:
    """One answer to a drawing. picture: uint8 (S, S, 3), or None where it cannot be had here; `why` says it then.

    seconds: of one answer, when everything is loaded. num_bytes: of its weights in the memory. moved: how far points of
    the face lie from where they are drawn, in distances between the eyes. download: bytes. decides: what else the face
    comes from.
    """

    name: str
    picture: np.ndarray | None
    download: int
    terms: str
    decides: str
    seconds: float | None = None
    num_bytes: int | None = None
    moved: float | None = None
    why: str = ""

    @property
    def row(self) -> list[str]:
        """For a table under `HEAD`."""
        told = self.picture is not None
        return [
            self.name, f"{self.download / 1e9:.1f} GB" if self.download else "comes along",
            f"{self.seconds:.1f} s" if told else NOT_MEASURED,
            f"{self.num_bytes / 1e6:,.0f} MB" if told else NOT_MEASURED,
            f"{self.moved:.3f}" if told else NOT_MEASURED, self.decides,
        ]  # fmt: skip

    @property
    def told(self) -> str:
        """A line below it: its terms, and why it is not here."""
        return f"{self.name}: {self.terms}{f'. {self.why}' if self.why else ''}"


HEAD = ("answer", "download", "time", "memory", "points moved", "who else decides")


def moved(drawing: np.ndarray, answer: np.ndarray) -> float:
    """How far the points of an answer's face lie from the drawing's, on average, in distances between the drawn eyes.

    Both uint8 (S, S, 3), of any sizes, with the face in the same place.
    """
    drawn, made = (understood(images.resize(one, FACE_PX, "stretch")) for one in (drawing, answer))
    return float(np.linalg.norm(made.points - drawn.points, axis=1).mean() / mesh.eye_distance(drawn.points))


def beside(
    drawing: np.ndarray, guests: Iterable[str] | None = None, *, seed: int = 1, device: str = "auto"
) -> list[Beside]:
    """Ours first, then, where a published restorer is here, what it makes of the expected face, then the guests.

    drawing: prepared, uint8 (256, 256, 3). guests: names of `weights.guests`; None: all. A guest whose files are not
    here, or that does not fit, is in the list without a picture; nothing is fetched.
    """
    ours = load(weights.DEFAULT, device)
    found = [_asked(OURS, lambda: ours.translate(drawing, seed=seed), ours.num_bytes, drawing, 0, weights.OWN_TERMS)]
    if name := restored.here():
        restorer = restorers.load(name, device)
        face = ours.translate(drawing, answer="expected")
        size = weights.entry_of(name).size
        made = _asked(RESTORED, lambda: restored.restored(face, restorer), restorer.engine.num_bytes, drawing, size,
                      restored.terms_of(name))  # fmt: skip
        found.append(made)
    for name in weights.guests.GUESTS if guests is None else guests:
        guest = weights.guests.entry_of(name)
        try:
            if why := weights.guests.problem(name):
                raise weights.WeightsError(why)
            model = load(name, device)
            square = images.resize(drawing, guest.size_px, "stretch")
            made = _asked(name, lambda model=model, square=square: model.translate(square, seed=seed), model.num_bytes,
                          drawing, guest.size, guest.terms)  # fmt: skip
            del model  # room for the next
        except (ValueError, ImportError) as error:
            made = Beside(name, None, guest.size, guest.terms, OF_GUESTS, why=str(error))
        found.append(made)
    return found


def _asked(name, ask, num_bytes: int, drawing: np.ndarray, download: int, terms: str) -> Beside:
    """An answer, asked for twice: the first time has what is done once."""
    ask()
    began = time.perf_counter()
    picture = ask()
    seconds = time.perf_counter() - began
    away = moved(drawing, picture)
    return Beside(name, picture, download, terms, DECIDES.get(name, OF_GUESTS), seconds, num_bytes, away)
