"""Pictures in and out: every mode that files come in, exact conversions, nothing half written."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from s2f_utils.pictures import images, masks


def test_uint8_and_tensor_are_exact_inverses():
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    tensor = images.to_tensor(every)
    assert tensor.shape == (1, 3, 16, 16) and tensor.dtype == torch.float32
    assert (tensor.min().item(), tensor.max().item()) == (-1.0, 1.0)
    assert np.array_equal(images.to_uint8(tensor), every)
    assert torch.equal(images.to_tensor(torch.from_numpy(every).permute(0, 3, 1, 2)), tensor)


def test_values_beyond_the_range_are_clamped_and_nan_is_refused():
    out = images.to_uint8(torch.tensor([-3.0, 3.0, 0.0]).view(1, 3, 1, 1))
    assert out.tolist() == [[[[0, 255, 128]]]]
    with pytest.raises(ValueError, match="NaN"):
        images.to_uint8(torch.full((1, 3, 2, 2), float("nan")))
    with pytest.raises(ValueError, match="add a batch axis"):
        images.to_uint8(torch.zeros(3, 2, 2))


def save_as(path, mode):
    grey = np.full((4, 6), 200, np.uint8)
    if mode in ("I;16", "F"):
        Image.fromarray(grey.astype(np.float32 if mode == "F" else np.uint16) * 257).save(path)
    elif mode == "RGBA":
        Image.fromarray(
            np.dstack([np.zeros((4, 6, 3), np.uint8), np.full((4, 6), 55, np.uint8)])
        ).save(path)
    elif mode == "P with transparency":
        picture = Image.fromarray(np.zeros((4, 6), np.uint8), mode="P")
        picture.putpalette([10, 20, 30] + [0] * 765)
        picture.save(path, transparency=0)
    elif mode == "LA with transparency":
        Image.new("LA", (6, 4), (0, 0)).save(path)
    elif mode == "CMYK":
        Image.new("CMYK", (6, 4), (0, 0, 0, 55)).save(path)
    else:
        Image.fromarray(grey).convert(mode).save(path)


@pytest.mark.parametrize(
    "mode, suffix, expected",
    [
        ("L", "png", 200),
        ("RGB", "png", 200),
        ("RGB", "bmp", 200),
        ("1", "png", None),
        ("LA", "png", 200),
        ("I;16", "png", 200),
        ("RGBA", "png", 200),
        ("P with transparency", "png", 255),
        ("LA with transparency", "png", 255),
        ("CMYK", "tif", 200),
        ("F", "tif", 200),
    ],
)
def test_any_mode_becomes_rgb_as_it_is_meant_to_be_seen(mode, suffix, expected, tmp_path):
    path = tmp_path / f"a.{suffix}"
    save_as(path, mode)
    found = images.load_rgb(path)
    assert found.shape == (4, 6, 3) and found.dtype == np.uint8
    if expected is not None:
        assert abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("turn", [3, 6, 8])
def test_a_label_map_is_turned_as_its_photo_is(turn, tmp_path):
    """Of class numbers, of numbers with a palette, in its colours, and of parts in files of their
    own.
    """
    from data_prep import files

    labels = np.arange(24, dtype=np.uint8).reshape(4, 6) % len(masks.CLASSES)
    numbered, exif = Image.fromarray(labels), Image.Exif()
    exif[0x0112] = turn
    painted = numbered.copy()
    painted.putpalette(masks.PALETTE.tobytes())
    kinds = {"l": numbered, "p": painted, "rgb": painted.convert("RGB")}
    for n, name in enumerate(masks.CLASSES[1:], 1):
        kinds[f"7_{name}"] = Image.fromarray((labels == n).astype(np.uint8) * 255)
    for name, picture in kinds.items():
        picture.save(tmp_path / f"{name}.png", exif=exif)
    upright = np.rot90(labels, {3: 2, 6: -1, 8: 1}[turn])
    assert np.array_equal(masks.PALETTE[upright], images.load_rgb(tmp_path / "rgb.png"))
    for name in ("l", "p"):
        assert np.array_equal(images.load_labels(tmp_path / f"{name}.png"), upright)
    for name in ("l", "p", "rgb"):
        assert np.array_equal(masks.read(tmp_path / f"{name}.png"), upright)
    assert np.array_equal(files.load_labels(tmp_path / f"7{files.ALL_PARTS}"), upright)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"just text", "not a picture"),
        (b"", "is empty: copy or download it again"),
        ("cut", "damaged or cut off"),
    ],
)
def test_bad_files_are_named(content, message, tmp_path):
    path = tmp_path / "a.png"
    if content == "cut":
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        images.save(tmp_path / "whole.png", noise)
        content = (tmp_path / "whole.png").read_bytes()[:3000]
    path.write_bytes(content)
    with pytest.raises(images.ImageError, match=f"a.png: {message}"):
        images.load_rgb(path)
    with pytest.raises(FileNotFoundError, match="no such picture"):
        images.load_rgb(tmp_path / "b.png")


def test_notes_of_a_file_that_is_no_picture_are_an_error(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"just text")
    with pytest.raises(images.ImageError, match="a.png: not a picture"):
        images.read_notes(path)


def test_too_many_pixels_are_refused_before_decoding(tmp_path, monkeypatch):
    images.save(tmp_path / "a.png", np.zeros((20, 20, 3), np.uint8))
    monkeypatch.setattr(images, "MAX_PIXELS", 300)
    with pytest.raises(images.ImageError, match="20x20 pixels"):
        images.load_rgb(tmp_path / "a.png")


def test_save_is_complete_or_absent(tmp_path, monkeypatch):
    path = images.save(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8), generated=True)
    assert "not evidence" in Image.open(path).text["Description"]
    before = path.read_bytes()

    def broken(self, content):
        with open(self, "wb") as file:
            file.write(content[:20])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(path), "write_bytes", broken)
    with pytest.raises(OSError, match="No space"):
        images.save(path, np.ones((8, 8, 3), np.uint8))
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["a.png"]
    for suffix in ("jpg", "webp", "tif"):
        other = images.save(tmp_path / f"a.{suffix}", np.zeros((8, 8, 3), np.uint8), generated=True)
        assert "not evidence" in Image.open(other).getexif()[270], suffix


def test_tracks_a_and_b_of_the_protocol():
    rng = np.random.default_rng(0)
    crop = rng.integers(0, 256, (250, 200, 3), dtype=np.uint8)
    stretched = images.resize(crop, 256, "stretch")
    assert np.array_equal(
        stretched, np.asarray(Image.fromarray(crop).resize((256, 256), Image.Resampling.BICUBIC))
    )
    padded = images.resize(crop, 256, "pad", fill=(0, 0, 0))
    assert np.array_equal(padded[3:253, 28:228], crop)
    assert (
        padded[:3].max() == padded[253:].max() == padded[:, :28].max() == padded[:, 228:].max() == 0
    )
    with pytest.raises(ValueError, match="stretch, pad"):
        images.resize(crop, 256, "crop")
