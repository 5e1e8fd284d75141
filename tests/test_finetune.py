"""Pairs of one's own: points found, halves of the people, the average face fine-tuned."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest

import s2f_studio
from data_prep import DataError, add_landmarks, make_pairs
from s2f_studio import shipped
from s2f_studio.attributes import ATTRIBUTES
from s2f_studio.drawings import prepare as drawings
from s2f_studio.faces.finetune import finetune
from s2f_studio.faces.shaped import attributes_in, read_points
from s2f_utils.data import read_manifest
from s2f_utils.pictures import images, mesh
from s2f_utils.pictures.faces import alignment, warp
from tests.people import person

NUM = 6


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """A set of aligned pairs: people and their pencil lines, one of them a test pair."""
    from s2f_utils.data import COLUMNS

    folder = tmp_path_factory.mktemp("pairs")
    lines = [",".join([*COLUMNS, "smile", "age", "hat"])]
    for n in range(NUM):
        face = person(n + 3, size_px=256)
        matrix = alignment(face.landmarks, 256)
        images.save(folder / f"p{n}.png", warp(face.photo, matrix, 256))
        drawn = np.repeat(face.sketch[..., None], 3, axis=2)
        images.save(folder / f"s{n}.png", warp(drawn, matrix, 256, border="paper"))
        split = "test" if n == 0 else "val" if n == 1 else "train"
        told = ("yes,old,1", "no,,")[n % 2]
        lines.append(f"{split},face-{n},somebody-{n},s{n}.png,p{n}.png,,mine,{told}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def shaped(pairs, tmp_path_factory):
    return add_landmarks(
        pairs, tmp_path_factory.mktemp("shaped") / "set", progress=False, workers=1
    )


def test_points_are_found_in_drawings_and_photos_and_people_keep_their_split(
    pairs, shaped, tmp_path, monkeypatch
):
    manifest = read_manifest(shaped)
    assert {row.identity: row.split for row in manifest.pairs} == {
        f"somebody-{n}": "val" if n == 1 else "train" for n in range(1, NUM)
    }
    template = mesh.mean_shape(256)
    for row in manifest.pairs:
        for column in ("points", "photo_points"):
            off = mesh.five_of(read_points(shaped.parent / row.attributes[column])) - mesh.five_of(
                template
            )
            assert np.hypot(*off.T).mean() < 20  # pixels of 256: aligned faces
        assert (
            images.load_rgb(row.photo).shape == images.load_rgb(row.sketch).shape == (256, 256, 3)
        )
        assert (images.load_labels(row.mask) > 0).mean() > 0.2
        assert row.attributes["glasses"] in "01" and row.attributes["hat"] in "01"
        number = int(row.identity[-1])
        attributes = dict(zip(ATTRIBUTES, attributes_in(row), strict=True))
        assert attributes["smile"] == (0.0 if number % 2 else 1.0)
        assert (attributes["age"] == 1.0) == (number % 2 == 0)
        assert np.isnan(attributes["hair_length"]) and (attributes["hat"] == 1.0 or number % 2)
    damaged = shutil.copytree(pairs, tmp_path / "damaged")
    table = (pairs / "manifest.csv").read_text()
    (damaged / "manifest.csv").write_text(
        table.replace(",old,", ",middle,").replace("face-3", "../face")
    )
    with pytest.raises(DataError, match="have changed since"):
        add_landmarks(damaged, shaped.parent, progress=False, workers=1)
    (damaged / "s2.png").write_bytes(b"")
    left = read_manifest(add_landmarks(damaged, tmp_path / "left", progress=False, workers=1)).pairs
    assert {row.identity for row in left} == {f"somebody-{n}" for n in range(1, NUM) if n != 2}
    assert ".._face-1" in {row.id for row in left}
    before = shaped.stat().st_mtime_ns
    monkeypatch.setattr("data_prep.make.with_landmarks.find_all_landmarks", None)
    assert (
        add_landmarks(pairs, shaped.parent, progress=False) == shaped
        and shaped.stat().st_mtime_ns == before
    )
    made = read_manifest(
        make_pairs(shaped.parent, tmp_path / "anew", progress=False, workers=1)
    ).pairs
    assert not {"points", "photo_points"} & set(made[0].attributes)  # files that are not there


def test_the_average_face_is_fine_tuned_and_the_model_answers(shaped, tmp_path):
    few = {"total_images": 4, "batch_size": 2, "num_samples": 1, "log_every_images": 2}
    made = finetune(shaped, tmp_path, minutes=60.0, device="cpu", **few)
    model = s2f_studio.load(made, "cpu")
    ours = s2f_studio.load(shipped.EXPECT, "cpu", engine="torch")
    apart = [
        float((a - b).abs().max())
        for a, b in zip(model.net.parameters(), ours.net.parameters(), strict=True)
    ]
    assert 0 < max(apart) < 0.1
    drawing = drawings.prepare(drawings.example("few-lines")).image
    for answer in ("person", "average"):
        asked = {"answer": answer, "preview": True}
        one, other = (each.translate(drawing, **asked) for each in (model, ours))
        assert one.std() > 15 and np.abs(one.astype(int) - other).mean() < 25
    for minutes in (60.0, 61.0):  # its images ended it: more time changes nothing
        again = finetune(shaped, tmp_path, minutes=minutes, device="cpu", **few)
        assert again == made and len(list(tmp_path.iterdir())) == 1  # nothing is trained twice


def test_pairs_without_landmarks_are_refused_with_an_installed_command(pairs, tmp_path, capsys):
    from data_prep.__main__ import main

    with pytest.raises(DataError, match="has no mask: .* faces with landmarks") as refused:
        finetune(pairs, tmp_path, minutes=1.0, device="cpu")
    ((module, command),) = re.findall(r"'python -m (\S+) (\S+)", str(refused.value))
    project = Path(__file__).parents[1] / "pyproject.toml"
    hatch = tomllib.loads(project.read_text(encoding="utf-8"))["tool"]["hatch"]
    assert module in hatch["build"]["targets"]["wheel"]["packages"]
    assert main([command, "--help"]) == 0 and command in capsys.readouterr().out
