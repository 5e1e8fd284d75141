"""Train the landmark finder: `python -m tools.shipped.train_finder DATA OUT.safetensors [--minutes
45] [--init FILE]`.

DATA as `python -m tools.shipped.scribbles_set` leaves it, or a file that `--pack` made of that for
a training elsewhere, with at most three drawings of each face. On a GPU if there is one. The finder
learns from the drawings, whose points the hand put where it put them, and from their photos: points
by a Laplace distribution's likelihood (so that it knows how sure it is), the person's and the
hair's maps by cross entropy, five flags, and how far lips and lids are open, which tells a closed
mouth from an open one and is a small part of all points' errors. Pictures are turned, scaled, moved
and mirrored at random. What is printed on the way is measured on validation people: the median
error in eye distances by how crude a drawing is, and of photos. An average of the weights is
written, as float16.
"""

from __future__ import annotations

import argparse
import io
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from tqdm import tqdm

from s2f_studio.faces.method import other_pen
from s2f_studio.faces.shaped import HAIR, read_points, worn_in
from s2f_utils import networks
from s2f_utils.data import Manifest, Row, read_manifest
from s2f_utils.networks import checkpoints
from s2f_utils.networks.landmark_net import SIDE_PX
from s2f_utils.pictures import mesh, warping
from s2f_utils.pictures.attributes import FINDER_OUTPUTS

BATCH, BATCH_GPU, PHOTO_SHARE = 32, 96, 0.2
SPLITS, KINDS = ("train", "val"), ("drawings", "photos")
LR, WEIGHT_DECAY, WARM_UP = 1e-3, 0.02, 200
LR_GOING_ON = 4e-4  # of a finder that was trained before
TURN, SCALE, SHIFT = (
    0.16,
    0.14,
    0.06,
)  # standard deviations: radians, natural logarithm, share of the side
EMA = 0.999
MIRROR = torch.from_numpy(mesh.mirror())
PACKED_DRAWINGS = 3  # of a face
# pairs of points, one above the other, of lips and lids
_RINGS = [mesh.PARTS[name] for name in ("mouth", "left_eye", "right_eye")]
PAIRS = torch.tensor(
    [(ring[n], ring[-n]) for ring in _RINGS for n in range(1, len(ring) // 2)]
)  # (K, 2)


@dataclass
class Faces:
    """Pictures with what is to be found in them: grey, person, hair as uint8 (N, 3, S, S), points
    as shares of the side (N, 164, 2), flags (N, 5), NaN where one is not known.
    """

    pictures: Tensor
    points: Tensor
    flags: Tensor

    def take(self, which: Tensor) -> Faces:
        return Faces(self.pictures[which], self.points[which], self.flags[which])

    def to(self, device: torch.device) -> Faces:
        return Faces(self.pictures.to(device), self.points.to(device), self.flags.to(device))


def read(manifest: Manifest, rows: list[Row]) -> tuple[Faces, Faces]:
    """The drawings of these rows, and their photos, each once."""
    drawings, photos, seen = [], [], {}
    for row in tqdm(rows, desc="reading", unit="drawing"):
        drawn, true = (
            read_points(manifest.path.parent / row.attributes[c])
            for c in ("points", "photo_points")
        )
        if row.photo not in seen:
            labels = np.asarray(Image.open(row.mask))
            parts = np.dstack([labels > 0, labels == HAIR]).astype(np.uint8) * 255
            seen[row.photo] = parts
            photos.append((_grey(row.photo), parts, true, _flags(row, photo=True)))
        moved = warping.bend(seen[row.photo], warping.field(drawn, true, SIDE_PX))
        drawings.append((_grey(row.sketch), moved, drawn, _flags(row, photo=False)))
    return _stacked(drawings), _stacked(photos)


def _grey(path: Path) -> np.ndarray:
    picture = np.asarray(Image.open(path).convert("L"))
    if picture.shape != (SIDE_PX, SIDE_PX):
        raise SystemExit(f"{path}: expected {SIDE_PX} pixels: make the set with --size {SIDE_PX}")
    return picture


def _flags(row: Row, photo: bool) -> list[float]:
    """As `attributes.FINDER_OUTPUTS` orders them."""
    return [float(photo), math.nan if photo else float(row.attributes["degree"]), *worn_in(row)]


def _stacked(found: list[tuple]) -> Faces:
    pictures = np.stack([np.dstack([grey, parts]) for grey, parts, _, _ in found]).transpose(
        0, 3, 1, 2
    )
    points = torch.tensor(np.stack([points for _, _, points, _ in found]) + 0.5) / SIDE_PX
    return Faces(
        torch.from_numpy(np.ascontiguousarray(pictures)),
        points,
        torch.tensor([f for *_, f in found]),
    )


def pack(sides: dict[str, Faces], out: Path) -> None:
    """Write faces into one file, their pictures as WebP."""
    columns = {}
    for name, faces in sides.items():
        files = [_webp(np.concatenate(list(one))) for one in faces.pictures.numpy()]
        columns[f"{name} pictures"] = np.frombuffer(b"".join(files), np.uint8)
        columns[f"{name} ends"] = np.cumsum([len(one) for one in files])
        columns[f"{name} points"] = (faces.points.clamp(-0.5, 1.5) * 16_384).round().short().numpy()
        columns[f"{name} flags"] = faces.flags.numpy()
    np.savez_compressed(out, **columns)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


def unpack(file: Path, name: str) -> Faces:
    """What `pack` wrote of one side."""
    with np.load(file) as data:
        joined, ends = data[f"{name} pictures"].tobytes(), data[f"{name} ends"].tolist()
        points, flags = (torch.from_numpy(data[f"{name} {what}"]) for what in ("points", "flags"))
    pictures = [
        Image.open(io.BytesIO(joined[a:b])).convert("L")
        for a, b in zip([0, *ends], ends, strict=False)
    ]
    stacked = np.stack([np.asarray(one).reshape(3, SIDE_PX, SIDE_PX) for one in pictures])
    return Faces(torch.from_numpy(stacked), points.float() / 16_384, flags)


def _webp(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "WEBP", quality=35)
    return file.getvalue()


def moved(faces: Faces) -> tuple[Tensor, Tensor]:
    """Faces turned, scaled, shifted and mirrored at random: ink and maps (B, 3, S, S) in [0, 1],
    points (B, 164, 2).
    """
    num, device = len(faces.points), faces.points.device
    angle, scale, *shift = torch.randn(4, num, device=device)
    angle, scale, shift = TURN * angle, torch.exp(SCALE * scale), SHIFT * torch.stack(shift, 1)
    mirrored = torch.rand(num, device=device) < 0.5
    side = torch.where(mirrored, -1.0, 1.0)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    matrix = torch.stack(
        [torch.stack([cos * side, -sin], -1), torch.stack([sin * side, cos], -1)], 1
    )  # (B, 2, 2)
    points = (faces.points - 0.5) @ matrix.transpose(1, 2) + 0.5 + shift[:, None]
    points = torch.where(mirrored[:, None, None], points[:, MIRROR.to(device)], points)
    back = torch.linalg.inv(matrix)
    grid = F.affine_grid(
        torch.cat([back, -(back @ (2 * shift)[..., None])], 2), (num, 1, SIDE_PX, SIDE_PX), False
    )
    return F.grid_sample(as_given(faces), grid, align_corners=False), points


def as_given(faces: Faces) -> Tensor:
    """Ink and maps, (B, 3, S, S) in [0, 1]."""
    pictures = faces.pictures.float() / 255
    return torch.cat([1 - pictures[:, :1], pictures[:, 1:]], 1)


def losses(net: nn.Module, x: Tensor, points: Tensor, flags: Tensor) -> dict[str, Tensor]:
    """What is to be lowered, by name; x as `as_given`."""
    pen = other_pen(torch.cat([1 - 2 * x[:, :1], x[:, 1:]], 1))
    with torch.autocast(x.device.type, torch.bfloat16):
        found = net((0.5 - 0.5 * pen[:, :1]).contiguous(memory_format=torch.channels_last))
    apart = found.points - points
    error = apart.abs().sum(-1) * SIDE_PX
    above, below = PAIRS.to(x.device).unbind(1)
    opening = (apart[:, above] - apart[:, below]).abs().sum(-1).mean() * SIDE_PX
    known = flags.isfinite()
    doubt = F.binary_cross_entropy_with_logits(found.flags, flags.nan_to_num(0.0), reduction="none")
    return {
        "likelihood": (error * torch.exp(-found.spread) + found.spread).mean(),
        "error": error.mean(),
        "parts": F.binary_cross_entropy_with_logits(found.parts, x[:, 1:].clamp(0, 1)),
        "flags": (doubt * known).sum() / known.sum(),
        "opening": opening,
    }


@torch.no_grad()
def measure(net: nn.Module, drawings: Faces, photos: Faces) -> str:
    """On validation people: errors in eye distances, overlap of maps, flags."""
    net.eval()
    told, right = [], []
    for name, faces in (("drawings", drawings), ("photos", photos)):
        found = [
            net(as_given(faces.take(part))[:, :1])
            for part in torch.arange(len(faces.points)).split(64)
        ]
        faces = faces.to(torch.device("cpu"))
        points = torch.cat([f.points for f in found]).cpu()
        eyes = torch.from_numpy(mesh.eye_distance(faces.points.numpy()))
        error = (points - faces.points).norm(dim=-1).mean(1) / eyes
        degree = faces.flags[:, 1]
        groups = [(n / 5, error[(degree >= n / 5) & (degree < (n + 1) / 5)]) for n in range(5)]
        told.append(f"{name} {float(error.median()):.4f}")
        if name == "drawings":
            told.append(
                "by degree " + " ".join(f"{float(e.median()):.4f}" for _, e in groups if len(e))
            )
        parts, true = torch.cat([f.parts for f in found]).cpu() > 0, faces.pictures[:, 1:] > 127
        overlap = (parts & true).sum((0, 2, 3)) / (parts | true).sum((0, 2, 3))
        gap = (points[:, PAIRS[:9, 0]] - points[:, PAIRS[:9, 1]]).norm(dim=-1).mean(1) / eyes
        true_gap = (faces.points[:, PAIRS[:9, 0]] - faces.points[:, PAIRS[:9, 1]]).norm(
            dim=-1
        ).mean(1) / eyes
        told.append(f"lips' opening off by {float((gap - true_gap).abs().mean()):.4f}")
        told.append("person {:.3f}, hair {:.3f}".format(*overlap.tolist()))
        right.append((torch.cat([f.flags for f in found]).cpu(), faces.flags))
    guessed, true = (torch.cat(side) for side in zip(*right, strict=True))
    for n, flag in enumerate(FINDER_OUTPUTS):
        known = true[:, n].isfinite()
        off = (guessed[known, n].sigmoid() - true[known, n]).abs()
        told.append(f"{flag} off by {float(off.mean()):.3f}")
    net.train()
    return "; ".join(told)


def train(data: Path, out: Path, minutes: float, init: Path | None = None) -> None:
    """Train for so long, print what validation people say on the way, and write the average of the
    weights.
    """
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    known, val = ([side.to(device) for side in sides] for sides in read_data(data))
    net = checkpoints.load_network(init)[0] if init else networks.build("finder")
    net = net.float().train().to(device, memory_format=torch.channels_last)
    average = networks.build("finder").to(device, memory_format=torch.channels_last)
    average.load_state_dict(net.state_dict())
    most = LR_GOING_ON if init else LR
    opt = torch.optim.AdamW(net.parameters(), most, weight_decay=WEIGHT_DECAY, fused=True)
    began, step, said = time.monotonic(), 0, 0.0
    while (done := (time.monotonic() - began) / 60 / minutes) < 1:
        rate = most * min(1, (step + 1) / WARM_UP) * (0.49 * (1 + math.cos(math.pi * done)) + 0.02)
        for group in opt.param_groups:
            group["lr"] = rate
        batch = drawn_batch(*known)
        found = losses(net, *moved(batch), batch.flags)
        loss = (
            found["likelihood"] + 0.3 * found["error"] + 2.0 * found["parts"] + 0.3 * found["flags"]
        )
        loss = loss + 0.5 * found["opening"]
        opt.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        opt.step()
        step += 1
        kept = min(EMA, (1 + step) / (10 + step))
        torch._foreach_lerp_(
            [p.data for p in average.parameters()], [p.data for p in net.parameters()], 1 - kept
        )
        if done - said > 0.1:
            said = done
            values = ", ".join(f"{name} {float(value):.3f}" for name, value in found.items())
            print(
                f"step {step}, {60 * minutes * done:.0f} s: {values}; {measure(average, *val)}",
                flush=True,
            )
    seconds = round(time.monotonic() - began)
    facts = {
        "name": "finder",
        "size_px": SIDE_PX,
        "training_pairs": len(known[0].points),
        "training_seconds": seconds,
    }
    print(f"{step} steps: {measure(average, *val)}")
    checkpoints.save_generator(out, average.cpu().half(), facts)
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB")


def read_data(data: Path) -> list[list[Faces]]:
    """Drawings and photos of training and of validation people, from a folder or a packed file."""
    if data.is_file():
        return [[unpack(data, f"{split} {kind}") for kind in KINDS] for split in SPLITS]
    manifest = read_manifest(data)
    return [list(read(manifest, manifest.split(split))) for split in SPLITS]


def pack_data(data: Path, out: Path) -> None:
    """Write a folder's faces into one file, with some drawings of each."""
    manifest, rng = read_manifest(data), np.random.default_rng(0)
    sides = {}
    for split in SPLITS:
        of_face: dict[Path, list[Row]] = {}
        for row in manifest.split(split):
            of_face.setdefault(row.photo, []).append(row)
        some = [
            rows[n]
            for rows in of_face.values()
            for n in sorted(rng.permutation(len(rows))[:PACKED_DRAWINGS])
        ]
        sides |= {
            f"{split} {kind}": faces
            for kind, faces in zip(KINDS, read(manifest, some), strict=True)
        }
    pack(sides, out)


def drawn_batch(drawings: Faces, photos: Faces) -> Faces:
    """Some of them, chosen at random, PHOTO_SHARE of them photos."""
    device = drawings.points.device
    num = BATCH if device.type == "cpu" else BATCH_GPU
    num_photos = int((torch.rand(num) < PHOTO_SHARE).sum())
    parts = [
        side.take(torch.randint(len(side.points), (count,), device=device))
        for side, count in ((drawings, num - num_photos), (photos, num_photos))
    ]
    return Faces(
        *(
            torch.cat([getattr(part, name) for part in parts])
            for name in ("pictures", "points", "flags")
        )
    )


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=45.0)
    parser.add_argument("--init", type=Path, help="a finder to begin with")
    parser.add_argument(
        "--pack", action="store_true", help="write DATA into the file OUT, and do not train"
    )
    args = parser.parse_args()
    if args.pack:
        return pack_data(args.data, args.out)
    train(args.data, args.out, args.minutes, args.init)


if __name__ == "__main__":
    main()
