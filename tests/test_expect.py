"""From portraits to drawings with points, to faces in the mean shape, to the face to be
expected.
"""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import s2f_studio.faces.method  # noqa: F401  its method is known by it
from data_prep.make import portraits
from s2f_studio import load
from s2f_studio.attributes import ATTRIBUTES
from s2f_studio.drawings import prepare as drawings
from s2f_studio.faces.shaped import HAIR, ShapedData, read_points
from s2f_studio.faces.stages import Laid, ToMeanShape
from s2f_utils import networks
from s2f_utils.data import DataError, read_manifest
from s2f_utils.infer.landmarks import find_all_landmarks
from s2f_utils.infer.stages import FindLandmarks, TorchEngine
from s2f_utils.pictures import images, mesh, warping
from s2f_utils.pictures.mesh import FACE_PX, MEAN_PX, filled
from s2f_utils.train.config import resolve
from s2f_utils.train.loop import train
from s2f_utils.train.run import open_run
from tests.test_training import StopAt
from tools.shipped import portraits as all_portraits
from tools.shipped.scribbles_set import make_scribbles

NUM = 7
CPU = torch.device("cpu")


def portrait(number: int, size: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """A face of plain colours on a coloured wall, uint8 (S, S, 3), and its points in pixels."""
    rng = np.random.default_rng(number)
    points = (
        mesh.mean_shape(size) + rng.normal(0, 2.0, 2) + rng.normal(0, 0.4, (mesh.NUM_POINTS, 2))
    )
    oval = points[mesh.PARTS["oval"]]
    middle = oval.mean(axis=0)
    photo = np.full((size, size, 3), (70, 110, 150), np.uint8)
    photo[filled(middle - [0, 12] + (oval - middle) * 1.3, size) > 0] = (50, 35, 25)
    photo[filled(oval, size) > 0] = (200 - 12 * number, 150 - 8 * number, 60)
    for part in ("left_eye", "right_eye", "lips", "left_brow", "right_brow"):
        photo[filled(points[mesh.PARTS[part]], size) > 0] = (40, 20, 50)
    return np.clip(photo + rng.normal(0, 5, photo.shape), 0, 255).astype(np.uint8), points


@pytest.fixture(scope="module")
def people(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("people")
    made = [portrait(n) for n in range(NUM)]
    names = [f"person-{n}" for n in range(NUM)]
    for name, (photo, _) in zip(names, made, strict=True):
        images.save(folder / f"{name}.png", photo)
    points = np.rint(np.stack([p for _, p in made]) * portraits.STORED_PER_PX).astype(np.uint16)
    masks = np.stack([np.packbits((np.indices((256, 256))[1] < 250).ravel()) for _ in names])
    np.savez(folder / "points.npz", names=names, points=points, people=masks)
    rows = [
        {
            "name": name,
            "split": "val" if n == 6 else "train",
            "glasses": str(n % 2),
            "beard": "none",
            "hat": "none",
        }
        for n, name in enumerate(names)
    ]
    rows[5]["hat"] = "cap"
    (folder / "labels.csv").write_text(
        "\n".join(map(",".join, (rows[0], *(row.values() for row in rows))))
    )
    return folder


@pytest.fixture(scope="module")
def drawn(people, tmp_path_factory) -> Path:
    """A set of their drawings: 6 faces for training, 2 for validation, 3 drawings each, 128 px."""
    return make(people, tmp_path_factory.mktemp("drawn") / "set")


def make(people: Path, out: Path, **changes) -> Path:
    given = {
        "points": people / "points.npz",
        "labels": people / "labels.csv",
        "progress": False,
        "workers": 1,
    }
    return make_scribbles(people, out, **({"num": 6, "drawings": 3} | given | changes))


# Data


def test_every_drawing_has_its_points_its_degree_and_its_photos_labels(drawn):
    manifest = read_manifest(drawn)
    assert [len(manifest.split(split)) for split in ("train", "val", "test")] == [18, 6, 0]
    assert "person-5" not in {
        row.identity for row in manifest.pairs
    }  # a hat, which no drawing would show
    for row in manifest.pairs:
        points, photo_points = (
            read_points(drawn.parent / row.attributes[c]) for c in ("points", "photo_points")
        )
        assert points.shape == photo_points.shape == (mesh.NUM_POINTS, 2)
        assert float(row.attributes["degree"]) == pytest.approx(
            (int(row.id[-1]) - 0.5) / 3, abs=1e-3
        )
        assert int(row.attributes["glasses"]) >= int(row.identity[-1]) % 2 and row.attributes[
            "hat"
        ] in ("0", "1")
        photo = images.load_rgb(row.photo).astype(int)
        skin = photo[filled(photo_points[mesh.PARTS["nose"]], 128) > 0]
        assert (
            skin[:, 0].mean() > skin[:, 2].mean() + 20
        )  # the points lie on the face, not on the blue wall
        labels = images.load_labels(row.mask)
        least = 0.6 if row.attributes["hat"] == "1" else 0.9
        assert set(np.unique(labels)) <= {0, 1, HAIR} and (labels > 0).mean() > least
    apart = []
    for row in manifest.pairs:
        drawn_at, is_at = (
            read_points(drawn.parent / row.attributes[c]) for c in ("points", "photo_points")
        )
        apart.append(np.abs(drawn_at - is_at).mean())
    degrees = np.array([float(row.attributes["degree"]) for row in manifest.pairs])
    assert np.mean(np.array(apart)[degrees > 0.8]) > 1.3 * np.mean(np.array(apart)[degrees < 0.2])


def test_the_same_seed_draws_the_same_and_what_was_deleted_is_made_again(people, drawn, tmp_path):
    again = make(people, tmp_path / "again")
    for file in sorted(drawn.parent.rglob("*.np[yz]")) + sorted(drawn.parent.rglob("*.png")):
        assert (again.parent / file.relative_to(drawn.parent)).read_bytes() == file.read_bytes()
    lost = sorted((again.parent / "points-2").glob("*.npy"))[0]
    content = lost.read_bytes()
    lost.unlink()
    make(people, again.parent)
    assert lost.read_bytes() == content
    first, other = (
        make(people, tmp_path / f"seed-{seed}", num=1, drawings=1, seed=seed) for seed in (0, 1)
    )
    name = "sketches-1/train-00000.png"
    assert (other.parent / name).read_bytes() != (first.parent / name).read_bytes()
    with pytest.raises(DataError, match="made in another way .*seed: 0 there, 1 now"):
        make(people, again.parent, seed=1)


# In the mean shape


def test_bent_to_the_mean_shape_parts_lie_where_the_mean_has_them(drawn):
    manifest = read_manifest(drawn)
    rows = manifest.split("train")
    data = ShapedData(manifest, rows, 128, CPU)
    a, b = data.batch(range(len(rows)))
    assert (
        a.shape == (18, 10, 128, 128)
        and b.shape == (18, 5, 128, 128)
        and a.dtype == b.dtype == torch.uint8
    )
    worn = [
        [255 * int(row.attributes["glasses"]), 0, 255 * int(row.attributes["hat"])] for row in rows
    ]
    assert torch.equal(
        a[:, 3:6], torch.tensor(worn, dtype=torch.uint8)[..., None, None].expand(-1, -1, 128, 128)
    )
    inside = torch.from_numpy(filled(mesh.mean_shape(128)[mesh.PARTS["lips"]], 128) > 0)
    around = torch.from_numpy(filled(mesh.mean_shape(128)[mesh.PARTS["nose"]], 128) > 0)
    red = b[:, 0].float()
    assert (
        red[:, inside].mean(1) < red[:, around].mean(1) - 60
    ).all()  # dark lips, light nose, in every face
    least = torch.tensor([150 if row.attributes["hat"] == "1" else 200 for row in rows])
    assert (b[:, 3].float().mean((1, 2)) > least).all() and (b[:, 4].float()[:, around] == 0).all()


# The network and its training


def small() -> torch.nn.Module:
    return networks.build("expect", widths=(8, 16, 16, 24), hidden=8, told=len(ATTRIBUTES))


def test_every_weight_of_the_network_learns_and_tones_matter():
    net = small()
    x, tones = (
        torch.rand(2, 10, 128, 128) * 2 - 1,
        torch.tensor([[0.1] * 6, [torch.nan] * 3 + [0.4] * 3]),
    )
    out = net(x, tones)
    assert out.shape == (2, 5, 128, 128)
    out.square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())
    net.eval()
    with torch.no_grad():
        told, untold, not_known = net(x, tones), net(x), net(x, torch.full((2, 6), torch.nan))
        for worn in range(3, 10):
            other = x.clone()
            other[:, worn] *= -1
            assert not torch.allclose(net(other), untold)
    assert torch.equal(untold, not_known) and not torch.allclose(told, untold)
    with pytest.raises(
        ValueError, match=r"bent drawings must be \(N, 10, 128, 128\), got \(1, 10, 64, 64\)"
    ):
        net(torch.rand(1, 10, 64, 64))


def test_strokes_have_no_path_but_through_32_pixels():
    net = small().eval()
    seen = []
    hook = net.down1.register_forward_hook(
        lambda module, args, out: seen.append(out.shape) or torch.zeros_like(out)
    )
    blank, drawn = torch.ones(1, 10, 128, 128), torch.ones(1, 10, 128, 128)
    drawn[:, :3] = torch.rand(1, 3, 128, 128) * 2 - 1
    with torch.no_grad():
        assert torch.equal(net(blank), net(drawn)) and set(seen) == {(1, 16, 32, 32)}
        hook.remove()
        assert not torch.equal(net(blank), net(drawn))


def test_it_learns_the_colours_of_a_face_and_goes_on_to_the_last_bit(drawn, tmp_path):
    manifest = read_manifest(drawn)
    changes = {
        "total_images": 48,
        "batch_size": 4,
        "precision": "float32",
        "dropout": 0.0,
        "num_samples": 2,
        "sample_every_images": 24,
    }
    resolved = resolve("expect", "fast", changes)

    def opened(name, resume="never"):
        return open_run(
            resolved, manifest, tmp_path / name, device="cpu", resume=resume, progress=False
        )

    whole = opened("whole")
    assert train(whole, progress=False) == "done"
    train(opened("parts"), callbacks=[StopAt(24)], progress=False)
    first = opened("parts", "auto")
    assert first.images_seen == 24 and train(first, progress=False) == "done"
    for mine, other in zip(
        whole.model.net_g.parameters(), first.model.net_g.parameters(), strict=True
    ):
        assert torch.equal(mine, other)
    a, b = (images.to_tensor(side) for side in whole.data.batch(range(8)))
    net = whole.model.net_g.eval()
    with torch.no_grad():
        off = (net(a)[:, :3] - b[:, :3])[b[:, 3:4].expand(-1, 3, -1, -1) > 0].abs().mean()
        blank = b[:, :3][b[:, 3:4].expand(-1, 3, -1, -1) > 0].abs().mean()
    assert off < 0.75 * blank
    sheets = sorted((whole.folder / "samples").glob("*.png"))
    assert images.load_rgb(sheets[-1]).shape[1] >= 2 * 128


# Answers


def laid(face: np.ndarray, points: np.ndarray, side_px: int = FACE_PX) -> np.ndarray:
    """A face, float32 (128, 128, 3), at points: uint8 (side_px, side_px, 3)."""
    coarse = warping.coarse_field(points, mesh.mean_shape(FACE_PX), FACE_PX).astype(np.float32)
    engine = TorchEngine({"lay": Laid(side_px)})
    return engine.run("lay", face.transpose(2, 0, 1)[None].astype(np.float32), coarse[None])[0][0]


def test_an_answer_bent_back_lies_at_the_drawings_shape():
    points = mesh.mean_shape(FACE_PX) + [10, -6]
    face = np.full((MEAN_PX, MEAN_PX, 3), (0.8, 0.0, 0.0), np.float32)
    face[filled(mesh.mean_shape(MEAN_PX)[mesh.PARTS["lips"]], MEAN_PX) > 0] = (0.2, 0.1, 0.9)
    made = laid(face, points)
    lips, oval = (filled(points[mesh.PARTS[part]], FACE_PX) > 0 for part in ("lips", "oval"))
    middle = points[mesh.PARTS["lips"]].mean(0)
    inner = filled(middle + 0.5 * (points[mesh.PARTS["lips"]] - middle), FACE_PX) > 0
    assert (made[inner & lips, 2] > 120).all()
    assert (made[0, 0] == made[-1, -1]).all(), "beyond the frame its edge is continued"
    skin = made[oval & ~lips]
    assert ((skin[:, 0] > 100) & (skin[:, 1] < 60)).mean() > 0.9
    large = laid(face, points, 2 * FACE_PX)
    assert np.abs(images.resize(large, FACE_PX).astype(int) - made).mean() < 2


def test_how_a_drawing_is_bent_in_use_is_how_it_was_bent_in_training():
    """The stage, and the fields that training's pictures are bent by (`data.shaped`)."""
    mean = mesh.mean_shape(128)
    rng = np.random.default_rng(2)
    points = (mean - 64) @ np.array([[0.9, 0.1], [-0.1, 0.9]]) + 60 + rng.normal(0, 2, mean.shape)
    wanted = warping.field_by(warping.fixed_field(mean, 128), mean, points, 128)
    made = ToMeanShape().where(torch.from_numpy(points[None]).float())[0].numpy()
    assert np.abs(made - wanted).max() < 0.02  # pixels


def test_a_found_face_follows_the_picture_however_it_lies():
    """With any weights: the second look makes what is found in a turned picture lie where it is
    turned to.
    """
    torch.manual_seed(0)
    net = TorchEngine(
        {"look": FindLandmarks(networks.build("finder", widths=(8, 16, 16, 24), hidden=16).eval())}
    )
    photo, _ = portrait(1, 256)
    found = find_all_landmarks([photo, photo[:, ::-1].copy()], net)
    assert len(found) == 2 and found[0].points.shape == (164, 2) and found[0].off.min() > 0
    assert set(found[0].flags) == {"photo", "crude", "glasses", "beard", "hat"}
    assert found[0].parts["hair"].shape == (256, 256)
    half = images.resize(photo, 128, "stretch")
    small_face = find_all_landmarks([half], net)[0]
    assert np.abs((small_face.points + 0.5) * 2 - 0.5 - found[0].points).mean() < 2.0
    with pytest.raises(
        ValueError, match=r"a picture must be uint8 \(S, S, 3\), got uint8 \(256, 200, 3\)"
    ):
        find_all_landmarks([photo[:, :200]], net)


def test_portraits_of_ones_own_get_points_that_their_drawings_can_be_made_from(tmp_path):
    """Faces that the detector finds: drawn ones, and a picture without any."""
    from data_prep.procedural_faces.synthetic import draw_face
    from tools.shipped.found_points import find_points

    for n in range(3):
        images.save(tmp_path / "mine" / f"face-{n}.png", draw_face(n, size_px=256).photo)
    images.save(tmp_path / "mine" / "wall.png", np.full((100, 100, 3), 128, np.uint8))
    images.save(
        tmp_path / "mine" / "more" / "face-0.png", draw_face(7, size_px=256).photo
    )  # not told from the first
    (tmp_path / "mine" / os.fsdecode(b"\xff.png")).write_bytes(
        (tmp_path / "mine" / "face-1.png").read_bytes()
    )
    out = find_points(tmp_path / "mine", tmp_path / "mine.npz", progress=False)
    points, people = portraits.read_points(out)
    labels = portraits.read_labels(tmp_path / "mine.csv")
    assert set(points) == set(labels) == {"face-0", "face-1", "face-2"}
    for n in range(3):
        face = draw_face(n, size_px=256)
        off = np.hypot(*(mesh.five_of(points[f"face-{n}"]) - face.landmarks).T) / np.ptp(
            face.landmarks[:2, 0]
        )
        assert off.mean() < 0.2, f"face {n}: {off}"
        overlap = people[f"face-{n}"] & (face.mask > 0)
        assert (
            overlap.sum() / (people[f"face-{n}"] | (face.mask > 0)).sum() > 0.6
        )  # drawn faces are not portraits
    made = make_scribbles(
        tmp_path / "mine",
        tmp_path / "set",
        2,
        2,
        points=out,
        labels=tmp_path / "mine.csv",
        progress=False,
        workers=1,
    )
    assert len(read_manifest(made).split("train")) == 4
    for content in (b"", out.read_bytes()[:3000]):
        out.write_bytes(content)
        with pytest.raises(DataError, match="holds no points"):
            all_portraits.portraits_in(tmp_path / "mine", out)


def test_a_person_who_is_there_twice_is_in_one_half(people, tmp_path):
    head, *rows = (people / "labels.csv").read_text().splitlines()
    named = [f"{row},p{n // 2}" for n, row in enumerate(rows)]
    (tmp_path / "labels.csv").write_text("\n".join([f"{head},person", *named]))
    manifest = make(people, tmp_path / "set", labels=tmp_path / "labels.csv", num=12, drawings=1)
    folds = {
        (row.identity, row.attributes["fold"]) for row in read_manifest(manifest).split("train")
    }
    assert sorted(name for name, _ in folds) == ["p0", "p1", "p2"]
    assert {fold for _, fold in folds} == {"0", "1"}
    (tmp_path / "blank.csv").write_text(
        "\n".join([f"{head},person", *(n.replace(",train,", ",,") for n in named)])
    )
    entries = all_portraits.portraits_in(people, people / "points.npz", tmp_path / "blank.csv")
    assert (
        len({(one.labels["person"], one.split) for one in entries}) == 4
    )  # by chance, but a person in one split


def drawn_by(name: str) -> np.ndarray:
    return drawings.prepare(drawings.example(name)).image


def test_a_small_drawing_on_much_paper_is_found_as_a_large_one():
    drawing = drawings.example("plain-man")
    whole = find_all_landmarks([images.resize(drawing, 256)])[0]
    page = np.full((512, 512, 3), 255, np.uint8)
    page[300:428, 20:148] = images.resize(drawing, 128)
    found = find_all_landmarks([page])[0]
    apart = np.abs(found.points - ((whole.points + 0.5) / 2 - 0.5 + [20, 300]))
    assert apart.mean() < 0.05 * mesh.eye_distance(found.points)
    person = found.parts["person"]
    assert person.shape == (512, 512) and person[:250].max() < 0.5 < person[350].max()


def stroke_residue(made, drawing, mask):
    """The correlation of an answer's fine detail with the drawing's lines within a mask."""
    fine = []
    for picture in (made, drawing):
        grey = images.luminance(picture).astype(np.float32)
        values = (grey - cv2.GaussianBlur(grey, (0, 0), grey.shape[0] / 128))[mask]
        fine.append(values - values.mean())
    return float((fine[0] * fine[1]).sum() / np.sqrt((fine[0] ** 2).sum() * (fine[1] ** 2).sum()))


def test_the_average_face_has_no_lines_of_the_drawing():
    """Fine detail of the answer hardly goes with the drawing's lines, beside an answer with faint
    lines on it.
    """
    model, drawing = load("sketch-to-photo"), drawn_by("few-lines")
    outline = mesh.mean_shape(256)[mesh.PARTS["oval"]]
    mask = (
        cv2.fillPoly(np.zeros(drawing.shape[:2], np.uint8), [np.rint(outline).astype(int)], 1) > 0
    )
    average = model.translate(drawing, answer="average", preview=True)
    traced = images.rounded(0.9 * average + 0.1 * drawing)
    left, kept = (stroke_residue(picture, drawing, mask) for picture in (average, traced))
    print(left, kept)
    assert left < 0.5 * kept
    skin = average[100:200, 100:156].reshape(-1, 3).mean(axis=0)
    assert skin[0] > skin[2] + 15  # a face, not the wall
