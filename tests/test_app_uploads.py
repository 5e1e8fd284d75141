"""What may be uploaded to the web app, and what is refused, with which status and which words."""

from __future__ import annotations

import os
import re
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s2f_studio.page import uploads
from s2f_studio.page.uploads import Refusal, read_map, read_picture
from s2f_utils.pictures import masks
from tests import hostile
from tests.people import person


@pytest.mark.parametrize("name", hostile.GOOD)
def test_pictures_of_every_kind_are_taken(name):
    picture = read_picture(hostile.GOOD[name]())
    assert picture.dtype == np.uint8 and picture.shape == (255, 210, 3)
    given = np.asarray(hostile.drawing()).astype(int)
    near = {
        "one bit": 60,
        "transparent paper": 60,
        "palette with transparency": 30,
        "turned by EXIF": 8,
    }.get(name, 16)
    assert np.abs(picture - given).mean() < near


@pytest.mark.parametrize("name", hostile.BAD)
def test_what_is_no_picture_is_refused_with_a_sentence(name):
    status, make = hostile.BAD[name]
    content = make()
    begun = time.monotonic()
    with pytest.raises(Refusal) as raised:
        read_picture(content)
    said = str(raised.value)
    assert raised.value.status == status, said
    assert (
        20 < len(said) < 220
        and "\n" not in said
        and not re.search(r"0x[0-9a-f]+|BytesIO|Traceback|/tmp", said)
    )
    assert time.monotonic() - begun < 10


def test_bombs_take_no_memory_and_no_upload_leaves_a_file():
    bombs = [
        hostile.BAD[name][1]()
        for name in hostile.BAD
        if "bomb" in name or "claims" in name or "50,000" in name
    ]
    assert len(bombs) >= 5
    folder = Path(tempfile.gettempdir())
    before = set(os.listdir(folder))
    tracemalloc.start()
    try:
        for content in bombs:
            with pytest.raises(Refusal):
                read_picture(content)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 40_000_000  # the picture of the first would have 900 million pixels
    assert not {name for name in set(os.listdir(folder)) - before if "s2f" in name or "PIL" in name}


def test_large_pictures_become_smaller_and_keep_their_shape():
    large = hostile.drawing((2100, 2550))
    exif = Image.Exif()
    exif[0x0112] = 8
    for content in (
        hostile.saved(large, "JPEG"),
        hostile.saved(large, "PNG"),
        hostile.saved(large.convert("P"), "PNG"),
        hostile.saved(large.convert("RGBA"), "WEBP"),
        hostile.saved(large.convert("CMYK"), "TIFF", compression="tiff_lzw"),
        hostile.saved(large.rotate(-90, expand=True), "PNG", exif=exif),
        hostile.saved(
            Image.fromarray(np.asarray(large.convert("L")) * np.uint16(257)),
            "PNG",
            transparency=65535,
        ),
    ):
        picture = read_picture(content)
        assert max(picture.shape) == picture.shape[0] == uploads.KEPT_PX
        assert abs(picture.shape[1] / picture.shape[0] - 2100 / 2550) < 0.002
        small = np.asarray(Image.fromarray(picture).resize((210, 255), Image.Resampling.BOX))
        assert np.abs(small.astype(int) - np.asarray(hostile.drawing())).mean() < 8


def test_maps_are_read_by_number_and_by_colour():
    labels = person(3, size_px=128).mask
    by_number = Image.fromarray(labels)
    by_colour = Image.fromarray(masks.colour(labels))
    with_palette = Image.fromarray(labels)
    with_palette.putpalette(masks.PALETTE.astype(np.uint8).tobytes())
    for picture in (by_number, by_colour, with_palette):
        assert (read_map(hostile.saved(picture, "PNG")) == labels).all()


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (422, hostile.saved(hostile.drawing(), "JPEG")),
        (422, hostile.saved(hostile.drawing(), "PNG")),
        (422, hostile.saved(Image.new("L", (64, 64), 200), "PNG")),
        (413, hostile.saved(Image.new("L", (5000, 4000)), "PNG")),
        (415, b"no map"),
    ],
)
def test_what_is_no_map_is_refused(status, content):
    with pytest.raises(Refusal) as raised:
        read_map(content)
    assert raised.value.status == status and "the map: " not in str(raised.value)
