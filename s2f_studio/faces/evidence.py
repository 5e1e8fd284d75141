"""What speaks for each entry of the bank, part by part: the sum that `FaceModel.weigh` gives.

Shapes: as in `faces.networks.chooser`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from s2f_studio.drawings import shape_prior
from s2f_studio.drawings.landmarks import Landmarks
from s2f_studio.faces.asked import tones_of, values_of
from s2f_studio.faces.looks import place
from s2f_studio.faces.model import FaceModel
from s2f_studio.request import DrawingRequest


@dataclass(frozen=True)
class Entries:
    """What is known of the bank's entries.

    looks: (E, V), 1 for each value that an entry shows. is_adult: bool (E,). skin, hair: (E,), the
    lightness in the picture, CIELAB's L* from 0 to 100, NaN for hair that is not seen. general:
    (V,), the share of each value among the people from whom the reader learned.
    """

    looks: np.ndarray
    is_adult: np.ndarray
    skin: np.ndarray
    hair: np.ndarray
    general: np.ndarray


@dataclass(frozen=True)
class Evidence:
    """What one drawing says of all entries.

    found: its landmarks. looks: (V,), the probability that it shows each value. nats: (2 E,), the
    weights of all entries and then of their mirror images. parts: {"looks", "hair", "shape",
    "rest": (2 E,)}, whose sum is `nats`; the rest is how well a picture looks, and how near it is
    to the average face.
    """

    found: Landmarks
    looks: np.ndarray
    nats: np.ndarray
    parts: dict[str, np.ndarray]


def entries_of(model: FaceModel) -> Entries:
    """What a model, loaded with the engine "torch", knows of its bank."""
    net = model.engine.stage("weigh").net
    looks, general = net.looks.cpu().numpy(), net.prior.exp().cpu().numpy()
    lightness = [tones[:, 0].cpu().numpy() for tones in (net.skin_tones, net.hair_tones)]
    return Entries(looks, looks[:, place("age", "child")] == 0, *lightness, general)


def evidence_of(model: FaceModel, drawing: np.ndarray) -> Evidence:
    """What a drawing, uint8 (256, 256, 3), as `drawings.prepare` leaves it, says of the entries,
    where nothing else is asked for. model: as for `entries_of`.
    """
    import torch

    (found,), ask = model.landmarks(drawing[None]), DrawingRequest()
    average = model.averages(drawing[None], [found], [ask])[0]
    weighed = model.weigh(drawing, found, average, ask)
    stage = model.engine.stage("weigh")
    given = (
        weighed.looks,
        weighed.hair,
        model.engine.run("code", average[None])[0][0],
        shape_prior.coordinates(found.points, found.off_by_hand),
        np.float32(found.flags["crude"]),
        values_of(ask.person),
        tones_of(ask.person),
    )
    device = stage.net.looks.device
    tensors = [torch.as_tensor(one, dtype=torch.float32, device=device)[None] for one in given]
    with torch.no_grad():
        kinds = {name: one[0].cpu().numpy() for name, one in stage.evidence(*tensors).items()}
    parts = {name: kinds[name] for name in ("looks", "hair", "shape")}
    parts["rest"] = kinds["offsets"] + kinds["face"]
    return Evidence(found, np.exp(weighed.looks), weighed.nats, parts)
