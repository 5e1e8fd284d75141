"""A sheet of people for drawings: the drawing, the average face, and a person for each seed.

`python -m tools.shipped.people.answers STATE SHEET DRAWING…`, STATE the folder of the renderer's
training, with `posterior.npz` beside it. Each answer is warped to the likely shape of the drawing.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

import s2f_utils as s2f
from s2f_studio.drawings import mesh, shape_prior, warping
from s2f_studio.drawings.landmarks import find_landmarks
from s2f_studio.drawings.prepare import prepare
from s2f_studio.request import DrawingRequest
from s2f_utils.pictures import images
from s2f_utils.pictures.faces.geometry import similarity, transform
from tools.shipped.people.appearance import Appearance
from tools.shipped.people.drawings import EXPECTED, SEEN
from tools.shipped.people.network import Renderer
from tools.shipped.people.posterior import Posterior
from tools.shipped.people.renderer import inputs

SIZE_PX, SHOWN_PX = 256, 160
LIKELY = 0.9  # how far the drawn shape goes to the nearest likely one
WORN = (0.5, 0.3, 0.5)  # of glasses, beard, hat: from here on they count as worn


class Answers:
    """Everything that turns a drawing into people."""

    def __init__(self, state: Path, temperature: float) -> None:
        self.appearance = Appearance.load(state / "appearance.npz")
        self.posterior = Posterior.load(state / "posterior.npz")
        self.temperature = temperature
        self.renderer = Renderer().eval()
        weights = load_file(state / "renderer.safetensors")
        self.renderer.load_state_dict({name: value.float() for name, value in weights.items()})
        self.expect = s2f.load(EXPECTED, device="cpu")
        self.mean = mesh.mean_shape(SIZE_PX)

    @torch.no_grad()
    def row(self, drawing: np.ndarray, num: int) -> list[np.ndarray]:
        """The drawing, uint8 (256, 256, 3), the average face, and `num` people, alike."""
        seen = find_landmarks(drawing)
        expected = self.expect.expected(drawing[None], [seen], [DrawingRequest()])[0][0][:3]
        average = torch.from_numpy(np.asarray(expected, np.float32))[None] * 2 - 1
        worn = [float(seen.flags[name] > least) for name, least in zip(SEEN, WORN, strict=True)]
        codes = self.posterior.sample(
            self.appearance.code(average)[0],
            seen.flags["crude"],
            torch.tensor(worn),
            num,
            self.temperature,
            torch.Generator().manual_seed(0),
        )
        all_codes = torch.zeros(num, len(self.appearance.deviation))
        all_codes[:, : codes.shape[1]] = codes
        blank = torch.ones(num, 1, mesh.MEAN_PX, mesh.MEAN_PX)
        noise = torch.randn(blank.shape, generator=torch.Generator().manual_seed(1))
        people = self.renderer(inputs(self.appearance.picture(all_codes), blank, noise))
        points = shape_prior.regularize(seen.points, LIKELY, seen.off_by_hand)
        points = transform(points, similarity(points, self.mean))
        field = warping.field(points, self.mean, SIZE_PX)
        return [drawing, *(warped(face, field) for face in (*average, *people))]


def warped(face: torch.Tensor, field: np.ndarray) -> np.ndarray:
    """A face (3, 128, 128) of the mean shape in another: uint8 (256, 256, 3)."""
    picture = (127.5 * (face.clamp(-1, 1) + 1)).permute(1, 2, 0).numpy()
    size = (SIZE_PX, SIZE_PX)
    picture = cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)
    return warping.bend(np.clip(picture, 0, 255).astype(np.uint8), field)


def sheet(rows: Sequence[Sequence[np.ndarray]]) -> Image.Image:
    """Rows of pictures as one."""
    whole = Image.fromarray(np.concatenate([np.concatenate(row, axis=1) for row in rows]))
    size = tuple(side * SHOWN_PX // SIZE_PX for side in whole.size)
    return whole.resize(size, Image.Resampling.LANCZOS)


def main() -> None:
    """Answer the drawings."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("state", type=Path)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("drawings", type=Path, nargs="+")
    parser.add_argument("--people", type=int, default=7, help="to each drawing")
    parser.add_argument("--temperature", type=float, default=0.75)
    args = parser.parse_args()
    torch.set_num_threads(1)
    answers = Answers(args.state, args.temperature)
    drawings = [prepare(images.load_rgb(path), size_px=SIZE_PX).image for path in args.drawings]
    sheet([answers.row(one, args.people) for one in drawings]).save(args.sheet)


if __name__ == "__main__":
    main()
