"""Named data sets as they are distributed, archives, several sources in one set, and what a recipe
does with them.
"""

from __future__ import annotations

import bz2
import io
import json
import shutil
import unicodedata
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from data_prep import DataError, make_pairs
from data_prep.__main__ import main
from data_prep.files import size_px
from data_prep.make.prepare import PairTask, make_pair
from data_prep.make.recipe import Recipe
from data_prep.make.write import PHOTO, SKETCH
from s2f_utils.pictures import faces, images, masks
from tests.people import person
from tests.test_data_prep import by_split, put, read

SIZE = 128


@pytest.fixture(scope="module")
def drawn():
    return [person(index, size_px=SIZE) for index in range(16)]


def ppm(photo):
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, format="PPM")
    return buffer.getvalue()


def put_feret(root, drawn):
    """Colour FERET: fa and fb of five people, other poses, and the smaller copies of the same."""
    for who in range(5):
        for shot, pose in enumerate(("fa", "fb", "pl", "qr")):
            name = f"{who:05d}_9308{shot + 10}_{pose}.ppm.bz2"
            photo = drawn[2 * who + shot % 2].photo
            for folder, content in (("images", photo), ("smaller", photo[::2, ::2])):
                path = root / "dvd1" / "data" / folder / f"{who:05d}" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(bz2.compress(ppm(content)))
    return root


def put_fs2k(root, drawn, *, leak=False):
    """FS2K in small: three folders with three artists' sketches in each; `leak`: a training photo
    among the others.
    """
    entries = []
    for n, face in enumerate(drawn):
        folder = n % 3 + 1
        photo = drawn[0].photo if leak and n == 9 else face.photo
        images.save(root / "photo" / f"photo{folder}" / f"image{n:04d}.jpg", photo)
        images.save(root / "sketch" / f"sketch{folder}" / f"sketch{n:04d}.png", face.sketch)
        codes = {
            "style": n // 3 % 3,
            "hair": 0,
            "hair_color": n % 5,
            "gender": n % 2,
            "earring": 1,
            "smile": 0,
        }
        colours = {
            "skin_color": [60, 70 + n],
            "lip_color": [157.6, 82.5 + n, 79.0],
            "eye_color": None,
        }
        entries.append(
            {"image_name": f"photo{folder}/image{n:04d}", **codes, "frontal_face": 0, **colours}
        )
    for split, part in (("train", entries[:8]), ("test", entries[8:])):
        (root / f"anno_{split}.json").write_text(json.dumps(part))
    return root


def put_celeba(root, drawn):
    for n, face in enumerate(drawn[:6]):
        images.save(root / "CelebA-HQ-img" / f"{n}.jpg", face.photo)
    originals = [5, 162_770, 162_771, 182_637, 182_638, 9]
    lines = [
        "idx orig_idx orig_file",
        *(f"{n} {o - 1} {o:06d}.jpg" for n, o in enumerate(originals)),
    ]
    (root / "CelebA-HQ-to-CelebA-mapping.txt").write_text("\n".join(lines))
    mask = root / "CelebAMask-HQ-mask-anno" / "0" / "00000_skin.png"
    images.save(mask, (drawn[0].mask == 1).astype(np.uint8) * 255)
    return root


# Named sets


def test_feret_gives_the_frontal_photos_once_each_by_person(tmp_path, drawn, capsys):
    root = put_feret(tmp_path / "feret", drawn)
    recipe = Recipe(size_px=64, styles=("pencil",))
    rows = read(make_pairs(root, tmp_path / "out", recipe=recipe, progress=True).parent)
    assert len(rows) == 10 and {row["identity"] for row in rows} == {
        f"feret-{n:05d}" for n in range(5)
    }
    assert all(row["id"].endswith(("_fa", "_fb")) for row in rows)
    assert len({row["split"] for row in rows if row["identity"] == "feret-00003"}) == 1
    shown = capsys.readouterr().out
    assert "10 photos of other poses" in shown and "NIST" in shown
    expected = np.asarray(
        Image.fromarray(drawn[0].photo).resize((64, 64), Image.Resampling.BICUBIC)
    )
    np.testing.assert_array_equal(
        images.load_rgb(tmp_path / "out" / "photos" / "00000_930810_fa.png"), expected
    )


def test_celebamask_photos_are_split_as_celeba_is(tmp_path, drawn, capsys):
    root = put_celeba(tmp_path / "CelebAMask-HQ", drawn)
    rows = read(make_pairs(root, tmp_path / "out", Recipe(size_px=64)).parent)
    assert by_split(rows) == {"train": ["0", "1", "5"], "val": ["2", "3"], "test": ["4"]}
    assert "photos only: pencil sketches are made" in capsys.readouterr().err
    (root / "CelebA-HQ-to-CelebA-mapping.txt").unlink()
    make_pairs(root, tmp_path / "other", Recipe(size_px=64), progress=True)
    assert "not CelebA's, and may divide people" in capsys.readouterr().out


def test_celebamasks_parts_become_one_map(tmp_path, drawn, capsys, monkeypatch):
    root = put_celeba(tmp_path / "CelebAMask-HQ", drawn)
    folder = root / "CelebAMask-HQ-mask-anno" / "0"
    for n, face in enumerate(drawn[:6]):
        for label in np.unique(face.mask)[1:]:
            part = np.repeat(
                ((face.mask == label) * 255).astype(np.uint8)[..., None], 3, 2
            )  # as distributed: RGB
            images.save(folder / f"{n:05d}_{masks.CLASSES[label]}.png", part)
    monkeypatch.chdir(tmp_path)
    out = make_pairs("CelebAMask-HQ", tmp_path / "out", Recipe(size_px=SIZE)).parent
    for n, face in enumerate(drawn[:6]):
        np.testing.assert_array_equal(images.load_labels(out / "masks" / f"{n}.png"), face.mask)
    images.save(out / "masks" / "3.png", masks.colour(drawn[3].mask))  # as others write them
    again = make_pairs(out, tmp_path / "again", Recipe(size_px=SIZE)).parent
    assert np.array_equal(images.load_labels(again / "masks" / "3.png"), drawn[3].mask)
    (folder / "00003_skin.png").write_bytes((folder / "00003_skin.png").read_bytes()[::-1])
    with pytest.raises(DataError, match="pictures of the source have changed"):
        make_pairs("CelebAMask-HQ", tmp_path / "out", Recipe(size_px=SIZE))


# Archives, several sources


def test_several_sources_become_one_set_with_one_crop(tmp_path, drawn, faces):
    feret = put_feret(tmp_path / "feret", drawn)
    cufs = [
        (f"CUHK_training_sketches/F2-00{n}-01-sz1.png", f"CUHK_training_photos/f-00{n}-01.png")
        for n in range(5, 8)
    ]
    cufs += [("CUHK_testing_sketches/m-063-01-sz1.png", "CUHK_testing_photos/m-063-01.png")]
    students = put(tmp_path / "cufs", faces, cufs)
    recipe = Recipe(size_px=64, align="crop", crop=(0.1, 0.0, 0.9, 0.8), styles=("pencil",))
    rows = read(
        make_pairs(
            [f"feret:{feret}", students], tmp_path / "out", replace(recipe, test_share=0.4)
        ).parent
    )
    assert len(rows) == 14 and {row["source"] for row in rows} == {"feret", "cufs/cuhk"}
    official = {row["id"]: row["split"] for row in rows if row["source"] == "cufs/cuhk"}
    assert official == {
        "f-005-01": "train",
        "f-006-01": "train",
        "f-007-01": "train",
        "m-063-01": "test",
    }
    assert sum(row["split"] == "test" and row["source"] == "feret" for row in rows) == 4
    twice = read(make_pairs([f"feret:{feret}"] * 2, tmp_path / "twice", recipe=recipe).parent)
    assert len(twice) == 20 and len({(row["identity"], row["split"]) for row in twice}) == 5
    with pytest.raises(DataError, match="10 of 14 photos have no sketch: name a style"):
        make_pairs([feret, students], tmp_path / "never", Recipe(size_px=64))


# Recipes


def test_one_transform_for_both_keeps_sketch_and_photo_on_each_other(tmp_path, drawn):
    face = drawn[5]
    for name, picture in (("s", face.sketch), ("p", face.photo)):
        Image.fromarray(picture).rotate(
            15, Image.Resampling.BICUBIC, fillcolor=255 if name == "s" else None
        ).save(tmp_path / f"{name}.png")
    task = PairTask(
        str(tmp_path / "s.png"), str(tmp_path / "p.png"), "", Recipe(size_px=SIZE, align="face")
    )
    made = make_pair(task)
    found = faces.find_face(images.load_rgb(tmp_path / "p.png"))
    matrix = faces.alignment(found.landmarks, SIZE)
    np.testing.assert_array_equal(
        made.files[PHOTO], faces.warp(images.load_rgb(tmp_path / "p.png"), matrix, SIZE)
    )
    sketch = faces.warp(images.load_rgb(tmp_path / "s.png"), matrix, SIZE, border="paper")
    np.testing.assert_array_equal(made.files[SKETCH], sketch)
    assert made.notes["face"] == "yunet" and float(made.notes["score"]) > 0.9


def test_a_photo_without_a_face_is_left_out_or_guessed_with_a_warning(tmp_path, drawn, capsys):
    for n in range(6):
        photo = np.full((SIZE, SIZE, 3), 120, np.uint8) if n == 2 else drawn[n].photo
        images.save(tmp_path / "src" / "photos" / f"{n}.png", photo)
    recipe = Recipe(size_px=64, align="face", styles=("pencil",))
    make_pairs(tmp_path / "src", tmp_path / "out", recipe=recipe)
    assert "2" not in {row["id"] for row in read(tmp_path / "out")}
    assert "no face found" in capsys.readouterr().err
    guess = Recipe(size_px=64, align="face", styles=("pencil",), fallback="centre")
    make_pairs(tmp_path / "src", tmp_path / "guessed", recipe=guess)
    shown = capsys.readouterr()
    assert "5 by yunet, 1 by centre" in shown.out and "guessed: look at 2" in shown.err
    settings = json.loads((tmp_path / "guessed" / "settings.json").read_text(encoding="utf-8"))
    assert settings["guessed_faces"] == ["2"] and settings["faces"] == {"yunet": 5, "centre": 1}


def test_points_by_hand(tmp_path, drawn, capsys):
    photo = person(1, size_px=200)
    images.save(tmp_path / "src" / "photos" / "a.png", photo.photo)
    images.save(tmp_path / "src" / "photos" / "b.png", np.full((200, 200, 3), 90, np.uint8))
    mouth = photo.landmarks[3:].mean(axis=0)
    numbers = [f"{v:.2f}" for v in (*photo.landmarks[0], *photo.landmarks[1], *mouth)]
    table = tmp_path / "points.csv"
    head = "name,left_eye_x,left_eye_y,right_eye_x,right_eye_y,mouth_x,mouth_y"
    table.write_text("\n".join([head, *(",".join([name, *numbers]) for name in ("a.png", "b"))]))
    recipe = Recipe(size_px=64, align="face", styles=("pencil",))
    make_pairs(tmp_path / "src", tmp_path / "out", replace(recipe, points=table))
    assert "2 by points" in capsys.readouterr().out
    images.save(tmp_path / "ab.png", np.hstack([255 - photo.photo, photo.photo]))
    in_file = tuple((x + 200, y) for x, y in (*photo.landmarks[:2], mouth))
    task = PairTask("", str(tmp_path / "ab.png"), "left", recipe, points=in_file)
    assert (
        np.abs(
            make_pair(task).files[PHOTO]
            - 1.0 * images.load_rgb(tmp_path / "out" / "photos" / "a.png")
        ).mean()
        < 1
    )
    with pytest.raises(images.ImageError, match="outside of the picture"):
        make_pair(replace(task, half="right"))
    for content, message in (
        (head.replace("mouth_y", "m"), "columns mouth_y are missing"),
        (f"{head}\na,1,2,x,4,5,6", "line 2 has no six"),
    ):
        table.write_text(content)
        with pytest.raises(DataError, match=message):
            make_pairs(tmp_path / "src", tmp_path / "never", replace(recipe, points=table))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--crop", "0", "0", "1", "0.9"], "--crop belongs to --align crop"),
        (["--align", "crop", "--crop", "0.5", "0", "0.2", "1"], "LEFT TOP RIGHT BOTTOM"),
        (["--align", "face", "--fit", "pad"], "--fit pad belongs to --align none"),
        (["--each"], "--each belongs to --align face"),
        (["--style", "xdog", "--style", "xdog"], "--style names a style twice"),
        (["--points", "nowhere.csv"], "--points belongs to --align face"),
        (["--points", "nowhere.csv", "--align", "face"], "no such file"),
        (["--size", "4"], "--size"),
    ],
)
def test_options_that_contradict_each_other(folders, tmp_path, capsys, options, message):
    assert main(["pairs", str(folders), str(tmp_path / "out"), *options]) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_a_person_with_a_folder_is_in_one_split_in_every_layout(tmp_path, drawn, capsys):
    for who in range(6):
        for shot in range(3):
            folder = (
                tmp_path / "src" / f"person{who}" / ("second day" if (who, shot) == (5, 2) else "")
            )
            images.save(folder / f"{shot}.png", drawn[(who + shot) % 16].photo)
    recipe = Recipe(size_px=32, styles=("pencil",))
    rows = read(make_pairs(tmp_path / "src", tmp_path / "out", recipe=recipe).parent)
    assert {row["identity"] for row in rows} == {f"person{n}" for n in range(6)}
    assert all(
        len({r["split"] for r in rows if r["identity"] == f"person{n}"}) == 1 for n in range(6)
    )
    assert "taken for one person" in capsys.readouterr().out
    shutil.rmtree(tmp_path / "src" / "person4")
    shutil.rmtree(tmp_path / "src" / "person5")
    make_pairs(tmp_path / "src", tmp_path / "batches", recipe=recipe)
    assert "batches, not for people (else: --identity)" in capsys.readouterr().out


def test_ids_that_leave_the_folder_or_are_there_twice_become_file_names(tmp_path, folders):
    manifest = make_pairs(folders, tmp_path / "set", Recipe(size_px=32, val_share=0.4))
    table = manifest.read_text(encoding="utf-8")
    for old, new, ids in (
        ("anna1,", "../x,", {"anna2", ".._x"}),
        ("anna1,anna1", "ANNA2,anna1", {"ANNA2", "anna2-2"}),
        ("split,", '"split",', {"anna3"}),
        ("photos/anna4", f"{folders}/photos/anna4", {"anna4"}),
    ):
        manifest.write_text(table.replace(old, new, 1), encoding="utf-8")
        rows = read(make_pairs(tmp_path / "set", tmp_path / min(ids), Recipe(size_px=32)).parent)
        assert (
            len(rows) == 6
            and ids <= {row["id"] for row in rows}
            and "val" in {row["split"] for row in rows}
        )
    for spoil in (lambda: manifest.write_text(table.replace(",", ";")), manifest.unlink):
        spoil()
        with pytest.raises(DataError, match="a data set without a manifest.csv that can be read"):
            make_pairs(tmp_path / "set", tmp_path / "never", Recipe(size_px=32))


# Files of every kind


def _animation(path, photo):
    frames = [Image.fromarray(photo), Image.fromarray(255 - photo)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def _cut(path, photo):
    Image.fromarray(photo).save(path)
    path.write_bytes(path.read_bytes()[:900])


def _large(path, _):
    Image.new("1", (20_000, 20_000), 1).save(path)


# name of the photo's file → (how it is written, what is said of it; "" where it works)
KINDS = {
    "text.jpg": (lambda path, photo: path.write_text("a letter"), "not a picture"),
    "empty.png": (lambda path, photo: path.write_bytes(b""), "is empty"),
    "cut.jpg": (_cut, "damaged"),
    "animated.gif": (_animation, ""),
    "phone.heic": (
        lambda path, photo: path.write_bytes(b"\0\0\0\x18ftypheic"),
        "convert it to PNG or JPEG",
    ),
    "point.png": (
        lambda path, photo: Image.fromarray(photo[:1, :1]).save(path),
        "too few for a face",
    ),
    "large.png": (_large, "save a smaller copy"),
    "strip.png": (lambda path, photo: Image.fromarray(photo[:4]).save(path), "too few for a face"),
    "packed.ppm.bz2": (lambda path, photo: path.write_bytes(bz2.compress(ppm(photo))), ""),
    "halfpacked.ppm.bz2": (
        lambda path, photo: path.write_bytes(bz2.compress(ppm(photo))[:500]),
        "bzip2",
    ),
}


def test_files_of_every_kind_work_or_get_one_clear_line(tmp_path, drawn, capsys):
    src = tmp_path / "src"
    for folder in ("photos", "sketches"):
        (src / folder).mkdir(parents=True)
    for name, (write, _) in KINDS.items():
        write(src / "photos" / name, drawn[4].photo)
        images.save(src / "sketches" / f"{name.split('.')[0]}.png", drawn[4].sketch)
    images.save(tmp_path / "elsewhere.png", drawn[4].photo)
    (src / "photos" / "link.png").symlink_to(tmp_path / "elsewhere.png")
    (src / "photos" / "dead.png").symlink_to(tmp_path / "nowhere.png")
    for name in ("link", "dead"):
        images.save(src / "sketches" / f"{name}.png", drawn[4].sketch)
    assert main(["pairs", str(src), str(tmp_path / "out"), "--size", "64"]) == 0
    settings = json.loads((tmp_path / "out" / "settings.json").read_text(encoding="utf-8"))
    said = {entry["id"]: entry["reason"] for entry in settings["left_out"]}
    expected = {name.split(".")[0]: message for name, (_, message) in KINDS.items()}
    expected |= {"link": "", "dead": "a link to one that is gone"}
    assert set(said) == {name for name, message in expected.items() if message}
    for name, reason in said.items():
        assert expected[name] in reason and "\n" not in reason, (name, reason)
    truth = np.asarray(
        Image.fromarray(drawn[4].photo).resize((64, 64), Image.Resampling.BICUBIC)
    ).astype(float)
    for row in read(tmp_path / "out"):
        assert np.abs(images.load_rgb(tmp_path / "out" / row["photo"]) - truth).mean() < 16, row[
            "id"
        ]
    assert "Traceback" not in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("name", ["scan.tif", "scan.png"])
@pytest.mark.parametrize("mode", ["RGB", "L", "I;16"])
def test_a_turned_picture_is_read_as_it_is_seen(tmp_path, drawn, mode, name):
    seen, exif = Image.fromarray(drawn[0].photo[:, :80]).convert("L").convert(mode), Image.Exif()
    exif[0x0112] = 6
    seen.transpose(Image.Transpose.ROTATE_90).save(tmp_path / name, exif=exif)
    assert size_px(tmp_path / name) == (80, SIZE)
    assert np.array_equal(images.load_rgb(tmp_path / name), images.rgb_of(seen))
    seen.convert("L").transpose(Image.Transpose.ROTATE_90).save(tmp_path / "scan.jpg", exif=exif)
    assert images.load_rgb(tmp_path / "scan.jpg").shape == (SIZE, 80, 3)


def test_names_that_differ_by_case_or_by_their_unicode_form(tmp_path, drawn):
    names = [
        (
            f"sketches/{unicodedata.normalize('NFD', 'Jörg')}.png",
            f"photos/{unicodedata.normalize('NFC', 'Jörg')}.png",
        ),
        ("sketches/ANNA.PNG", "photos/anna.png"),
        ("sketches/Zoë sketch.png", "photos/zoë photo.png"),
    ]
    rows = read(
        make_pairs(put(tmp_path / "src", drawn, names), tmp_path / "out", Recipe(size_px=32)).parent
    )
    assert {row["id"] for row in rows} == {"Jörg", "anna", "zoë photo"}
