"""Photos of possible people, made from the average face (`faces.average_face`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from s2f_studio.attributes import TEXTURED
from s2f_studio.drawings import shape_prior
from s2f_studio.drawings.landmarks import Landmarks, find_landmarks
from s2f_studio.faces.average_face import (
    EXPECTED,
    ExpectModel,
    resolve_attributes,
    wears_hat,
)
from s2f_studio.request import DrawingRequest
from s2f_utils import weights
from s2f_utils.infer.finding import find_generator

if TYPE_CHECKING:
    from torch import nn

    from s2f_utils.runtime import Precision


@dataclass
class RenderModel(ExpectModel):
    """Photos of possible people, made from the average face, a different person per seed; made by
    `load`.

    A request may ask for the average face instead (`DrawingRequest.answer`).
    """

    SUPPORTS = ExpectModel.SUPPORTS | {"answer"}

    @classmethod
    def build_stages(
        cls, net: nn.Module, precision: Precision, model: str | Path, values: str = "signed"
    ) -> dict[str, Any]:
        """As `Translator.build_stages`, with the stages of the average face."""
        from s2f_studio.render import stage
        from s2f_utils.infer.loading import stages_of

        own = {
            "render": stage.Rendered(precision.prepare(net), precision.images),
            "finish": stage.Finished(),
        }
        return own | stages_of(expected_by(model), precision)

    @classmethod
    def more_files(cls, model: str | Path) -> tuple[Path, ...]:
        """The file of the average face."""
        return (find_generator(expected_by(model)),)

    def people(
        self, squares: np.ndarray, found: Sequence[Landmarks], asks: Sequence[DrawingRequest]
    ) -> np.ndarray:
        """As `ExpectModel.people`: photos of possible people, different for each seed."""
        expected, people, tones = self.expected(squares, found, asks)
        now = [n for n, ask in enumerate(asks) if ask.answer != EXPECTED]
        if now:
            asked = [asks[n] for n in now]
            people[now] = self.rendered(expected[now], tones[now], [found[n] for n in now], asked)
        return people

    def rendered(
        self,
        expected: np.ndarray,
        tones: np.ndarray,
        found: Sequence[Landmarks],
        asks: Sequence[DrawingRequest],
    ) -> np.ndarray:
        """Average faces, (N, 5, 128, 128), and the tones used for them, (N, 6), made into people,
        (N, 4, P, P).
        """
        seeds = np.array([ask.seed for ask in asks])
        traits = np.stack(
            [traits_of(resolve_attributes(ask, one)) for ask, one in zip(asks, found, strict=True)]
        )
        people, hair = self.engine.run("render", expected, seeds, traits)
        hats = np.array(
            [wears_hat(ask, one) for ask, one in zip(asks, found, strict=True)], np.float32
        )
        if hats.any() or np.isfinite(tones).any():
            (people,) = self.engine.run("finish", people, hair, tones, hats)
        return people

    def coded(
        self, square: np.ndarray, codes: Sequence[float], ask: DrawingRequest | None = None
    ) -> np.ndarray:
        """Render a drawing, uint8 (P, P, 3), with given values of the first codes; the rest are 0:
        uint8 (P, P, 3). Codes of 0 give the answer to seed 0. Needs PyTorch.
        """
        import torch

        ask, found = ask or DrawingRequest(), find_landmarks(square, self.engine)
        stage, device = self.engine.stages["render"], self.engine.device
        expected = torch.from_numpy(self.expected(square[None], [found], [ask])[0]).to(device)
        traits = torch.from_numpy(traits_of(resolve_attributes(ask, found)))[None].to(device)
        nobody = torch.zeros(1, dtype=torch.int64, device=device)
        with torch.no_grad():
            style = stage.style(nobody, traits)  # of seed 0: its codes are 0
            style[0, : len(codes)] = torch.tensor(codes, dtype=torch.float32)
            person = stage.of_styles(stage.with_outline(expected), style, nobody)[0].cpu().numpy()
        return self.place_on_points(
            person, shape_prior.regularize(found.points, ask.likely, found.off_by_hand), ask
        )

    def background(self, ask: DrawingRequest) -> int:
        """As `ExpectModel.background`: a studio background behind rendered people."""
        return -1 if ask.answer == EXPECTED else ask.seed


def expected_by(model: str | Path) -> str | Path:
    """The model of the average face for a rendering one: the file beside it, or the shipped one."""
    beside = find_generator(model).with_name("expected.safetensors")
    return beside if beside.is_file() else weights.EXPECT


def traits_of(ask: DrawingRequest) -> np.ndarray:
    """The requested traits that show in the texture, as `TEXTURED`: float32 (3,) in [-1, 1], NaN if
    not requested.
    """
    return np.array([ask.person.get(name, np.nan) for name in TEXTURED], np.float32)
