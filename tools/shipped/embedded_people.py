"""The people that come with `data_prep`: chosen from a pool of painted codes, painted, packed.

`python -m tools.shipped.embedded_people POOL WORK --real IDS.npz`. POOL has, for each part K,
pK.npz with N codes and what the finder said of their previews, and qK.npz with what was read off
these:

    p  w (N, 512), the codes; full (N,), previews as JPEG files; points (N, 164, 2) and
       off (N, 164), landmarks and their expected errors in pixels of the aligned preview;
       flags (N, 5)
    q  probs (N, 30), of the values of `looks.LOOKS`; age (N,), the logarithm of years;
       tones (N, 6), CIELAB of skin and hair; busy (N,), the logarithm of the gradient at the rim;
       ids (N, 128), dlib's descriptors

IDS.npz has dlib's descriptors of real people, "ids" (M, 128). Who might be under 18, is turned
away, not alone, or too like a real person is left out, and so is who has a fault in
embedded_people.csv, the list of what people saw who looked at each. Then `chosen` evens out the
traits. WORK keeps each painted person, so that a run which was stopped goes on. Writes people.npz
and people.csv into data_prep/sources, and prints the counts by trait.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from data_prep.files import TABLES
from data_prep.make.face_maps import map_of
from data_prep.make.portraits import STORED_PER_PX
from data_prep.portrait import Portrait
from s2f_studio.faces.looks import LOOKS, SPANS
from s2f_utils import weights
from s2f_utils.infer.landmarks import find_landmarks
from s2f_utils.networks import checkpoints
from s2f_utils.pictures import faces, images, mesh
from s2f_utils.runtime import atomic_path
from tools.shipped.people_traits import SHARES, chosen, labels_of, print_counts

SEEN = Path(__file__).with_name("embedded_people.csv")
SIZE_PX, PAINTED_PX = mesh.FACE_PX, 512
MARGIN_PX = 32  # around an aligned picture, so that the masks reach its edges
SOFT_PX = 2.0  # standard deviation of the blur of the masks, for rims without crumbs
QUALITY = 84  # of WebP: 37 dB, no difference to be seen

# The reader errs by some 30 % of the years.
LEAST_YEARS, MOST_CHILD = 26.0, 0.03
MOST_YAW = 0.7  # logarithm of the ratio of the face's halves
MOST_BUSY = 4.0
MOST_OFF = 0.043  # mean expected error of a landmark, in eye distances
LEAST_DISTANCE = 0.35  # dlib's, of two photos of one person
SECOND_SCORE, SECOND_SHARE = 0.3, 0.08  # of a second face

COLUMNS = ("id", "split", *SHARES)


def key_of(code: np.ndarray) -> str:
    """A name for a code (512,), the same in every pool."""
    return hashlib.sha256(code.astype(np.float16).tobytes()).hexdigest()[:10]


def read_pool(folder: Path) -> dict[str, np.ndarray]:
    """The columns of all parts, joined, and "keys" of the codes."""
    parts: dict[str, list[np.ndarray]] = {}
    for path in sorted(folder.glob("q*.npz")):
        read = np.load(path)
        painted = np.load(path.with_name(f"p{path.name[1:]}"), allow_pickle=True)
        num = len(read["age"])
        for name in ("w", "full", "points", "off", "flags"):
            parts.setdefault(name, []).append(painted[name][:num])
        for name in ("probs", "age", "tones", "busy", "ids"):
            parts.setdefault(name, []).append(read[name])
    columns = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    return columns | {"keys": np.array([key_of(code) for code in columns["w"]])}


def read_seen(path: Path = SEEN) -> dict[str, dict[str, str]]:
    """What people saw, by key: "fault", or labels that the readers got wrong."""
    with path.open(newline="", encoding="utf-8") as file:
        return {row.pop("key"): row for row in csv.DictReader(file)}


def yaw_of(points: np.ndarray) -> np.ndarray:
    """How far heads with landmarks (…, 164, 2) are turned: the logarithm of the ratio of the face's
    halves, 0 for one that looks straight ahead.
    """
    oval = points[..., mesh.PARTS["oval"], 0]
    nose = mesh.five_of(points)[..., 2, 0]
    left = np.maximum(nose - oval.min(-1), 1)
    right = np.maximum(oval.max(-1) - nose, 1)
    return np.abs(np.log(left / right))


def is_usable(
    pool: Mapping[str, np.ndarray], real: np.ndarray, seen: Mapping[str, Mapping[str, str]]
) -> np.ndarray:
    """Who has no fault: bool (N,). Prints how many have which. real: descriptors (M, 128)."""
    points = pool["points"]
    eyes = mesh.eye_distance(points)
    child = pool["probs"][:, SPANS["age"]][:, LOOKS["age"].index("child")]
    distance = torch.cdist(torch.as_tensor(pool["ids"]).float(), torch.as_tensor(real).float())
    faults = {
        "might be under 18": (np.exp(pool["age"]) < LEAST_YEARS) | (child > MOST_CHILD),
        "turned": yaw_of(points) > MOST_YAW,
        "busy": pool["busy"] > MOST_BUSY,
        "unsure landmarks": pool["off"].mean(1) / eyes > MOST_OFF,
        "no tone of skin": ~np.isfinite(pool["tones"][:, :3]).all(1),
        "like a real person": distance.min(1).values.numpy() < LEAST_DISTANCE,
        "seen by people": np.array([bool(seen.get(key, {}).get("fault")) for key in pool["keys"]]),
    }
    usable = ~np.any(list(faults.values()), axis=0)
    alone = usable.copy()
    for number in tqdm(np.nonzero(usable)[0], desc="faces"):
        alone[number] = _is_alone(pool["full"][number])
    for name, mask in {**faults, "not alone": usable & ~alone}.items():
        print(f"left out of {len(usable):,}: {name} {mask.sum():,}")
    return alone


def _is_alone(preview: np.ndarray) -> bool:
    picture = cv2.imdecode(preview, cv2.IMREAD_COLOR_RGB)
    return len(faces.detect(picture, min_score=SECOND_SCORE, min_share=SECOND_SHARE)) == 1


def paint(
    net: torch.nn.Module, code: np.ndarray, labels: Mapping[str, str]
) -> dict[str, np.ndarray]:
    """One person from a stored code, float16 (512,), as `person_in` a picture of `PAINTED_PX`."""
    with torch.inference_mode():
        painted = images.to_uint8(net(torch.from_numpy(code.astype(np.float32))[None], PAINTED_PX))[
            0
        ]
    return person_in(painted, labels)


def person_in(painted: np.ndarray, labels: Mapping[str, str]) -> dict[str, np.ndarray]:
    """The person in a painted picture, uint8 (S, S, 3): the aligned picture, landmarks and label
    map in its pixels, and the way there from the painted one of `SIZE_PX`. Raises FaceError.
    """
    matrix = faces.alignment(faces.find_face(painted).landmarks, SIZE_PX)
    picture = faces.warp(painted, matrix, SIZE_PX)
    with_margin = cv2.copyMakeBorder(picture, *[MARGIN_PX] * 4, cv2.BORDER_REPLICATE)
    found = find_landmarks(with_margin)
    inside = slice(MARGIN_PX, -MARGIN_PX)
    person, hair = (
        cv2.GaussianBlur(found.parts[name], (0, 0), SOFT_PX)[inside, inside]
        for name in ("person", "hair")
    )
    points = (found.points - MARGIN_PX).astype(np.float32)
    portrait = Portrait(picture, points, person, hair, dict(labels))
    return {
        "picture": picture,
        "points": points,
        "map": map_of(portrait),
        "alignment": faces.rescaled(matrix, len(painted) / SIZE_PX).astype(np.float32),
    }


def painted_people(
    codes: np.ndarray, labels: Sequence[Mapping[str, str]], work: Path
) -> Iterator[dict[str, np.ndarray]]:
    """Each person, painted or as WORK has them."""
    net, _ = checkpoints.load_network(weights.generator())
    net = net.eval()
    for code, label in zip(tqdm(codes, desc="painted"), labels, strict=True):
        path = work / f"{key_of(code)}-{label['hat']}.npz"
        if not path.is_file():
            with atomic_path(path) as temporary, temporary.open("wb") as file:
                np.savez(file, **paint(net, code, label))
        with np.load(path) as person:
            yield dict(person)


def split_of(place: int) -> str:
    """A tenth is for testing and a twentieth for validation, also of the first few people."""
    if place % 10 == 1:
        return "test"
    return "val" if place % 20 == 2 else "train"


def pack(codes: np.ndarray, labels: Sequence[Mapping[str, str]], work: Path, out: Path) -> None:
    """Write people.npz and people.csv into the folder `out`."""
    people = list(painted_people(codes, labels, work))
    files = {"pictures": [], "maps": []}
    for person in people:
        files["pictures"].append(_file_of(person["picture"], "WEBP", quality=QUALITY, method=6))
        files["maps"].append(_file_of(person["map"], "PNG", optimize=True))
    columns = {"codes": codes, "alignments": np.stack([person["alignment"] for person in people])}
    points = np.stack([person["points"] for person in people])
    columns["points"] = np.round(points * STORED_PER_PX).astype(np.int16)
    for name, content in files.items():
        columns[name] = np.frombuffer(b"".join(content), np.uint8)
        columns[f"{name}_end"] = np.cumsum([len(one) for one in content])
    with atomic_path(out / "people.npz") as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **columns)
    with (
        atomic_path(out / "people.csv") as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for place, label in enumerate(labels):
            writer.writerow({"id": f"person-{place + 1:04d}", "split": split_of(place), **label})


def _file_of(picture: np.ndarray, kind: str, **options: int | bool) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind, **options)
    return file.getvalue()


def main() -> None:
    """Choose, paint and pack."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pool", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--num", type=int, default=1200)
    parser.add_argument("--real", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=TABLES)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    pool, seen = read_pool(args.pool), read_seen()
    usable = np.nonzero(is_usable(pool, np.load(args.real)["ids"], seen))[0]
    keys = pool["keys"]
    labels = [labels_of(pool, number, seen.get(keys[number], {})) for number in usable]
    order = chosen(labels, args.num)
    labels = [labels[place] for place in order]
    print_counts(labels)
    args.work.mkdir(parents=True, exist_ok=True)
    pack(pool["w"][usable[order]].astype(np.float16), labels, args.work, args.out)


if __name__ == "__main__":
    main()
