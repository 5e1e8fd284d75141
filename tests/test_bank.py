"""The bank of generated people: every picture has a source, and comes from there."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from s2f_studio.faces import bank
from s2f_studio.faces.bank_stages import CANVAS_PX
from s2f_studio.faces.looks import place
from s2f_studio.shipped import BANK, file_of
from s2f_utils.networks import checkpoints
from s2f_utils.pictures import images
from tests.shared import shared
from tools.shipped.bank.build import LICENCES, is_hair_seen, one_hot, source_rows
from tools.shipped.bank.entries import read_entries

FACES = shared("data/faces")
LEAST_ADULTS, MOST_MB = 600, 20
NUM_AGAIN = 20


@pytest.fixture(scope="module")
def shipped():
    return bank.shipped()


@pytest.fixture(scope="module")
def chooser():
    return checkpoints.load_network(file_of(BANK))[0]


def test_every_picture_has_a_row_with_its_source_and_licence(shipped):
    files = {path.name for path in shipped.folder.glob("*.webp")}
    assert files == set(shipped.files) and len(files) == len(shipped.rows)
    for row in shipped.rows:
        assert row["licence"] == LICENCES[row["set"]]
        assert len(row["sha256"]) == 64 and row["path"]
        assert int(row["right"]) > int(row["left"]) and int(row["bottom"]) > int(row["top"])
    assert sorted(shipped.numbers) == list(shipped.numbers)
    size = sum(path.stat().st_size for path in shipped.folder.iterdir())
    assert size < MOST_MB * 1e6


def test_pictures_are_of_one_size_and_cannot_be_changed(shipped):
    for entry in range(0, len(shipped.rows), 50):
        picture = shipped.picture(entry)
        assert picture.shape == (CANVAS_PX, CANVAS_PX, 3) and not picture.flags.writeable


def test_nobody_is_in_it_whom_the_list_leaves_out(shipped):
    kept = {entry.key for entry in read_entries() if entry.keep}
    for row in shipped.rows:
        assert f"{row['set']}/{row['file'].removesuffix('.webp')}" in kept
        assert "dalle3" not in row["path"].lower()
    assert all(entry.why for entry in read_entries() if not entry.keep)


def test_what_is_known_of_the_entries_belongs_to_the_pictures(shipped, chooser):
    """The looks in the weights are those of the list, row by row."""
    by_key = {entry.key: entry for entry in read_entries()}
    assert len(chooser.looks) == len(shipped.rows)
    keys = [f"{row['set']}/{row['file'].removesuffix('.webp')}" for row in shipped.rows]
    entries = [by_key[key] for key in keys]
    assert torch.equal(chooser.looks > 0.5, one_hot(entries) > 0.5)
    assert sum(not entry.is_child for entry in entries) >= LEAST_ADULTS


def test_hair_has_a_tone_where_it_is_seen(chooser):
    """So bald heads, and hair under a scarf, count for no colour that is asked for."""
    known = ~chooser.hair_tones.isnan().any(dim=1).numpy()
    assert np.array_equal(known, is_hair_seen(chooser.hair.numpy(), chooser.looks))
    bald = chooser.looks[:, place("length", "bald")].numpy() > 0.5
    assert known[bald].mean() < 0.5 < known[~bald].mean()


def test_a_missing_picture_says_what_to_do(tmp_path, shipped):
    with pytest.raises(bank.BankError, match="install the package again"):
        bank.Bank(tmp_path, shipped.rows).picture(0)


@pytest.mark.skipif(FACES is None, reason="the sets of generated people are not on this machine")
def test_twenty_pictures_are_cut_again_from_their_sources(shipped):
    from tools.shipped.bank.read import Frame, read

    rows = {row["number"]: row for row in source_rows(FACES).values()}
    frame = Frame()
    for entry in np.linspace(0, len(shipped.rows) - 1, NUM_AGAIN).astype(int):
        row = shipped.rows[entry]
        source = rows[row["number"]]
        assert [row[key] for key in ("sha256", "left", "top")] == [
            source[key] for key in ("sha256", "left", "top")
        ]
        picture = images.load_rgb(FACES / row["set"] / row["file"])
        again = read(picture, frame)["canvas"].astype(float)
        assert np.abs(again - shipped.picture(entry)).mean() < 4
