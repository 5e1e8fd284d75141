"""What speaks for each entry of the bank, part by part: the sum that `FaceModel.weigh` gives.

Shapes: as in `faces.networks.chooser`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from s2f_studio.drawings import shape_prior
from s2f_studio.drawings.landmarks import Landmarks
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

    from s2f_studio.faces import bank_stages
    from s2f_studio.faces.networks.chooser import NUM_SHAPE, overlap

    (found,), ask = model.landmarks(drawing[None]), DrawingRequest()
    average = model.averages(drawing[None], [found], [ask])[0]
    weighed = model.weigh(drawing, found, average, ask)
    stage, crude = model.engine.stage("weigh"), found.flags["crude"]
    net, seen = stage.net, bank_stages.NUM_SEEN
    first, last = bank_stages.CRUDE
    firm = np.clip((last - crude) / (last - first), 0, 1)
    firm = float(bank_stages.LEFT + (1 - bank_stages.LEFT) * firm)

    def batch(values: np.ndarray) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float32, device=net.looks.device)[None]

    code = batch(model.engine.run("code", average[None])[0][0])
    shape = batch(shape_prior.coordinates(found.points, found.off_by_hand))
    looks, hair = batch(weighed.looks), batch(weighed.hair)
    careful = bank_stages.OF_CODE * (1 - crude)
    sides: list[dict[str, torch.Tensor]] = []
    with torch.no_grad():
        of_looks = stage.of_looks(looks, torch.full_like(looks, torch.nan))[0]
        for own, codes, shapes in (
            (hair, net.codes, net.shapes),
            (hair.flip(2), net.mirrored_codes, net.mirrored_shapes),
        ):
            fits = overlap(own.flatten(1), net.hair.flatten(1), stage.area)[0]
            off = bank_stages.squared(shape, shapes)[0] / NUM_SHAPE
            unlike = bank_stages.squared(code[:, :seen], codes[:, :seen])[0] / seen
            side = {"looks": of_looks, "hair": firm * bank_stages.OF_HAIR * fits}
            side["shape"] = -firm * bank_stages.OF_SHAPE * off
            side["rest"] = net.offsets - careful * unlike
            sides.append(side)
    parts = {name: torch.cat([side[name] for side in sides]).cpu().numpy() for name in sides[0]}
    return Evidence(found, np.exp(weighed.looks), weighed.nats, parts)
