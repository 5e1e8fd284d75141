"""Manifests and batches: what is read, what is refused, and the same batches whether the set fits
in memory or not.
"""

from __future__ import annotations

import pytest
import torch

from s2f_utils.data import COLUMNS, SPLITS, DataError, read_manifest, stores
from s2f_utils.pictures import images

CPU = torch.device("cpu")
HEADER = ",".join(COLUMNS)


def write(folder, *lines, header=HEADER):
    (folder / "manifest.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return folder


def test_reads_what_data_prep_writes(faces_manifest):
    manifest = read_manifest(faces_manifest.parent)
    assert len(manifest.pairs) == 16 and manifest.settings["size_px"] == 64
    assert sum(len(manifest.split(name)) for name in SPLITS) == 16
    assert all(
        p.sketch.is_file() and p.photo.is_file() and p.mask.is_file() for p in manifest.pairs
    )


@pytest.mark.parametrize(
    "lines, header, message",
    [
        ((), HEADER, "lists no pairs"),
        (("train,1,1,,,,",), HEADER.replace("photo,", ""), "column photo is missing"),
        (
            ("training,1,1,,,,",),
            HEADER,
            "line 2: split must be one of train, val, test, got 'training'",
        ),
        (("train,1,,,,,", "test,2,ann,,,,", "test,2,bob,,,,"), HEADER, "id '2' is twice in test"),
        (("train,1,1,a.png,,,",), HEADER, "line 2: sketch a.png does not exist"),
        (
            ('train,1,"ann,,,,', "test,2,ann,,,,"),
            HEADER,
            "is not CSV in UTF-8 .unexpected end of data",
        ),
        (("train,1,ann,,,,", "test,2,ann,,,,"), HEADER, "identity ann is in train and in test"),
    ],
)
def test_bad_manifests_say_which_line(lines, header, message, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such data set"):
        read_manifest(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no manifest.csv in this folder.* pairs SRC OUT'"):
        read_manifest(tmp_path)
    with pytest.raises(DataError, match=message):
        read_manifest(write(tmp_path, *lines, header=header))


def test_further_columns_are_kept_as_attributes(tmp_path):
    header = HEADER.replace("id,", "id,hair,") + ",style"
    lines = (
        "train,1,black,1,,,,fs2k,2",
        "train,2,,2,,,,fs2k",
        "test,3,red,3,,,,fs2k,1,one too many",
    )
    rows = read_manifest(write(tmp_path, *lines, header=header)).pairs
    assert [row.attributes for row in rows] == [
        {"hair": "black", "style": "2"},
        {"hair": "", "style": ""},
        {"hair": "red", "style": "1"},
    ]
    assert len(set(rows)) == 3 and {row.source for row in rows} == {"fs2k"}
    assert read_manifest(write(tmp_path, "train,1,1,,,,")).pairs[0].attributes == {}


def test_batches_are_the_pictures(faces_manifest, monkeypatch):
    pairs = read_manifest(faces_manifest).split("train")
    resident = stores.paired_data(pairs, 64, CPU)
    assert resident.resident
    monkeypatch.setattr(stores, "free_bytes", lambda device: 0)
    streamed = stores.paired_data(pairs, 64, CPU)
    assert not streamed.resident
    for data in (resident, streamed):
        sketches, photos = data.batch([3, 0, 3])
        assert sketches.dtype == torch.uint8 and sketches.shape == photos.shape == (3, 3, 64, 64)
        assert torch.equal(
            photos[1], torch.from_numpy(images.load_rgb(pairs[0].photo)).permute(2, 0, 1)
        )
        assert torch.equal(sketches[0], sketches[2]) and not torch.equal(sketches[0], sketches[1])


def test_pictures_that_could_not_be_read_once_are_read_again(faces_manifest, monkeypatch):
    """As after a drive came back, when the same training goes on."""
    monkeypatch.setattr(stores, "free_bytes", lambda device: 0)
    data = stores.paired_data(read_manifest(faces_manifest).split("train"), 64, CPU)
    decode = data._decode

    def gone(*_):
        raise OSError("the drive is gone")

    monkeypatch.setattr(data, "_decode", gone)
    with pytest.raises(OSError, match="gone"):
        data.batch_at(0, 2, 1, seed=0)
    monkeypatch.setattr(data, "_decode", decode)
    assert data.batch_at(0, 2, 1, seed=0)[1].shape == (2, 3, 64, 64)


def test_a_pass_shows_every_pair_as_often_as_asked():
    order = stores.epoch_order(5, 3, seed=1, epoch=0)
    assert sorted(order) == sorted([0, 1, 2, 3, 4] * 3)
    assert list(order) == list(stores.epoch_order(5, 3, seed=1, epoch=0))
    assert list(order) != list(stores.epoch_order(5, 3, seed=1, epoch=1))
    assert list(order) != list(stores.epoch_order(5, 3, seed=2, epoch=0))


def test_the_memory_of_a_container_and_of_other_ranks_counts(monkeypatch, tmp_path):
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    monkeypatch.setattr(stores, "CGROUP", tmp_path)
    assert stores.free_bytes(torch.device("cpu")) == 600_000
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert stores.free_bytes(torch.device("cpu")) == 150_000
    (tmp_path / "memory.max").write_text("max\n")
    assert stores.free_bytes(torch.device("cpu")) > 1_000_000
