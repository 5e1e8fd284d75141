"""Write the bank into the package: `python -m tools.shipped.bank.build FACES WORK`.

FACES as `tools.shipped.bank.read` has it; WORK with its `read.npz`, `likeness.npz` and `reader.pt`.
An entry ships if the list of `entries.csv` keeps it and it is no nearer to a real person than the
nearest thousandth of people are to their nearest stranger. Writes the pictures and `bank.csv` to
s2f_studio/faces/bank_pictures and sketch-to-photo-bank.safetensors; then `ship_graphs`. To take an
entry out, set its keep to 0 and run this again: numbers, and so seeds, stay.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from s2f_studio import shipped
from s2f_studio.drawings import mesh, shape_prior
from s2f_studio.drawings.mesh import FACE_PX, MEAN_PX
from s2f_studio.faces import skin
from s2f_studio.faces.bank import FOLDER, LIST
from s2f_studio.faces.looks import LOOKS, SPANS, UNKNOWN, place
from s2f_studio.faces.networks.chooser import NUM_NEAR, Chooser, sharpened
from s2f_utils import networks
from s2f_utils.networks import checkpoints
from s2f_utils.networks.info import ModelInfo
from tools.shipped.bank.entries import Entry, read_entries
from tools.shipped.bank.read import CANVAS_PX, MARGIN_PX, MASK_PX, SETS

QUALITY = 86  # of WebP
LEAST_EYES_PX = 40
MOST_CUT = 0.04  # of the frame that lies above the picture
NEAREST_SHARE = 0.001  # of people, who are so near to their nearest stranger
DRAWN_OFF_PX = 4.0  # of 256: as a drawing's shape is read
# Share of the mean shape's frame that is hair, with less its tone is not known: of bare heads, and
# under something worn, where stray pixels of it count as hair.
LEAST_HAIR, LEAST_UNDER_HAT = 0.05, 0.12
COLUMNS = ("number", "set", "file", "path", "sha256", "left", "top", "right", "bottom", "licence")
LICENCES = {"sfhq-t2i": "MIT", "sfhq": "MIT", "faker-portraits": "CC0"}
# How much less an entry weighs, in nats, that looks like a photo (3), a retouched one (2), or a
# rendering to a strict eye: these come only where nobody else has the drawn hat, beard or curls.
LOOKS_LIKE = {"3": 0.0, "2": -4.5, "1": -11.0}
# The same where the crown of the hair is cut off, by how wide the cut is.
CUT_CROWN, WIDE_CROWN, LEAST_CUT = 8.0, 0.2, 0.003


def source_rows(folder: Path) -> dict[str, dict[str, str]]:
    """The rows of the sets' CSVs by key, each with its number, its place among all."""
    rows = {}
    for name in SETS:
        with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                key = f"{name}/{Path(row['name']).stem}"
                rows[key] = row | {"number": f"{len(rows):04d}", "set": name, "file": row["name"]}
    return rows


def kept_entries(read: Mapping[str, np.ndarray], likeness: Mapping[str, np.ndarray]) -> list[Entry]:
    """The entries that ship."""
    at = {key: n for n, key in enumerate(read["key"])}
    limit = np.quantile(likeness["strangers"], NEAREST_SHARE)
    kept, too_near = [], 0
    for entry in read_entries():
        row = at[entry.key]
        is_whole = read["cut"][row, 0] <= MOST_CUT and read["eyes_px"][row] >= LEAST_EYES_PX
        if not entry.keep or not is_whole:
            continue
        if likeness["nearest"][row] < limit:
            too_near += 1
            continue
        kept.append(entry)
    print(f"{len(kept)} entries; {too_near} left out, nearer to a real person than {limit:.3f}")
    return kept


def one_hot(entries: list[Entry]) -> Tensor:
    """What entries show: (E, V)."""
    looks = torch.zeros(len(entries), sum(map(len, LOOKS.values())))
    for row, entry in zip(looks, entries, strict=True):
        for span, number in zip(SPANS.values(), entry.looks, strict=True):
            if number != UNKNOWN:
                row[span.start + int(number)] = 1
    return looks


def codes_of(canvas: np.ndarray) -> Tensor:
    """The codes of appearance of pictures, uint8 (E, C, C, 3): (E, K)."""
    appearance = checkpoints.load_network(shipped.file_of(shipped.PERSON))[0].appearance
    inner = canvas[:, MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
    small = [cv2.resize(one, (MEAN_PX, MEAN_PX), interpolation=cv2.INTER_AREA) for one in inner]
    pictures = torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return torch.cat([appearance.code(some) for some in pictures.split(64)])


def shapes_of(points: np.ndarray) -> tuple[Tensor, Tensor]:
    """The coordinates of shapes (E, 164, 2), and of their mirror images: (E, B) each."""
    found: list[list[np.ndarray]] = [[], []]
    for one in points:
        flipped = (one * [-1, 1] + [FACE_PX - 1, 0])[mesh.mirror()]
        for kept, some in zip(found, (one, flipped), strict=True):
            scale = mesh.eye_distance(some) / mesh.eye_distance(mesh.mean_shape(FACE_PX))
            kept.append(shape_prior.coordinates(some, float(DRAWN_OFF_PX * scale)))
    return tuple(torch.from_numpy(np.stack(kept)).float() for kept in found)


def tones_of(canvas: np.ndarray, hair: np.ndarray, looks: Tensor) -> np.ndarray:
    """CIELAB of the cheeks and of hair, the medians: (E, 6), NaN for hair that is hardly seen.

    A scarf is easily taken for hair, so that under one no tone is known.
    """
    tones = np.full((len(canvas), 6), np.nan, np.float32)
    seen = is_hair_seen(hair, looks)
    for row, picture, mask, is_seen in zip(tones, canvas, hair, seen, strict=True):
        inner = picture[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
        row[:3] = skin.tone_of(inner)
        if is_seen:
            inside = cv2.resize(mask, (FACE_PX, FACE_PX)) > 0.7
            lab = cv2.cvtColor(inner.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
            row[3:] = np.median(lab[inside], axis=0)
    return tones


def is_hair_seen(hair: np.ndarray, looks: Tensor) -> np.ndarray:
    """Whether the tone of an entry's hair can be told: bool (E,).

    hair: (E, H, H), looks: (E, V).
    """
    bare = looks[:, place("hat", "none")].numpy() > 0
    scarf = looks[:, place("hat", "scarf")].numpy() > 0
    share = hair.mean(axis=(1, 2))
    return (share >= np.where(bare, LEAST_HAIR, LEAST_UNDER_HAT)) & ~scarf


def near_of(codes: Tensor, tones: np.ndarray, hair: np.ndarray, looks: Tensor) -> Tensor:
    """Coordinates in which people who look alike are near: (E, D), the mean squared distance is 1.

    Half of it is the face's appearance, the rest tones, hair and looks, in equal parts.
    """
    filled = np.where(np.isnan(tones), np.nanmean(tones, axis=0), tones)
    groups = [codes[:, :64], torch.from_numpy(filled), torch.from_numpy(hair).flatten(1), looks]
    parts = []
    for share, values in zip((0.5, 0.17, 0.17, 0.16), groups, strict=True):
        centred = values.float() - values.float().mean(0)
        size = 2 * centred.square().sum(1).mean()
        parts.append(centred * (share / size).sqrt())
    left, values, _ = torch.linalg.svd(torch.cat(parts, dim=1), full_matrices=False)
    near = (left * values)[:, :NUM_NEAR]
    return near / (2 * near.square().sum(1).mean()).sqrt()


def cut_crowns(read: Mapping[str, np.ndarray], at: list[int]) -> Tensor:
    """How much of an entry's hair ends where its picture ends, from 0 to 1: (E,)."""
    found = []
    for n in at:
        cut = read["cut"][n, 0]
        row = round((MARGIN_PX + cut * FACE_PX) * MASK_PX / CANVAS_PX) + 1
        share = float((read["hair"][n][row] > 127).mean())
        found.append(min(1.0, share / WIDE_CROWN) if cut > LEAST_CUT else 0.0)
    return torch.tensor(found)


def chooser_of(entries: list[Entry], read: Mapping[str, np.ndarray], work: Path) -> Chooser:
    """The network with all that is known of the entries."""
    at = [list(read["key"]).index(entry.key) for entry in entries]
    canvas = read["canvas"][at]
    inside = slice(MARGIN_PX // 4, (CANVAS_PX - MARGIN_PX) // 4)  # of masks, whose pixels are 4
    hair = read["hair"][at][:, inside, inside].astype(np.float32) / 255
    hair = sharpened(torch.from_numpy(hair)).numpy()
    codes, mirrored = codes_of(canvas), codes_of(canvas[:, :, ::-1])
    net = networks.build("chooser", num_entries=len(entries), num_components=codes.shape[1])
    trained = torch.load(work / "reader.pt", weights_only=True)
    net.reader.load_state_dict(trained["reader"])
    looks = one_hot(entries)
    tones = tones_of(canvas, hair, looks)
    photo_like = torch.tensor([LOOKS_LIKE[entry.labels["photo"]] for entry in entries])
    shapes, mirrored_shapes = shapes_of(read["points"][at])
    known = {
        "hair": torch.from_numpy(hair),
        "looks": looks,
        "prior": trained["prior"],
        "codes": codes,
        "mirrored_codes": mirrored,
        "shapes": shapes,
        "mirrored_shapes": mirrored_shapes,
        "skin_tones": torch.from_numpy(tones[:, :3]),
        "hair_tones": torch.from_numpy(tones[:, 3:]),
        "near": near_of(codes, tones, hair, looks),
        "offsets": photo_like - CUT_CROWN * cut_crowns(read, at),
    }
    for name, values in known.items():
        getattr(net, name).copy_(values)
    popular = work / "popularity.npz"
    if popular.is_file():
        with np.load(popular) as file:
            more = dict(zip(file["key"].tolist(), file["offset"].tolist(), strict=True))
        net.offsets += torch.tensor([more.get(entry.key, 0.0) for entry in entries])
    return net


def write_pictures(entries: list[Entry], read: Mapping[str, np.ndarray], faces: Path) -> None:
    """Write bank.csv and the pictures, all or nothing."""
    rows, at = source_rows(faces), {key: n for n, key in enumerate(read["key"])}
    with tempfile.TemporaryDirectory(dir=FOLDER.parent) as temporary:
        new = Path(temporary) / FOLDER.name
        new.mkdir()
        with (new / LIST).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", extrasaction="ignore")
            writer.writeheader()
            licence = Path(__file__).with_name("LICENSE.txt")
            shutil.copyfile(licence, new / licence.name)
            for entry in entries:
                row = rows[entry.key]
                writer.writerow(row | {"licence": LICENCES[row["set"]]})
                picture = Image.fromarray(read["canvas"][at[entry.key]])
                picture.save(new / f"{row['number']}.webp", quality=QUALITY, method=6)
        shutil.rmtree(FOLDER, ignore_errors=True)
        shutil.move(new, FOLDER)


def main() -> None:
    """Write pictures, list and weights."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("work", type=Path)
    args = parser.parse_args()
    with np.load(args.work / "read.npz") as file:
        read = dict(file)
    with np.load(args.work / "likeness.npz") as file:
        likeness = dict(file)
    entries = kept_entries(read, likeness)
    path = shipped.file_of(shipped.BANK)
    meta = {"name": shipped.BANK, "trained": datetime.date.today().isoformat()}
    terms = ("sfhq-t2i, sfhq: MIT, (c) 2022, 2024 David Beniaguev", "faker-portraits: CC0")
    info = ModelInfo(data="open-portraits, sfhq-t2i, sfhq, faker-portraits", terms=terms)
    checkpoints.save_generator(path, chooser_of(entries, read, args.work), meta, info, compact=True)
    write_pictures(entries, read, args.faces)
    size = sum(one.stat().st_size for one in FOLDER.iterdir())
    print(f"{FOLDER}: {size / 1e6:.1f} MB; {path.name}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
