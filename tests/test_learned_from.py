"""What a model learned from stands beside it and in it, can be left out, and costs training nothing."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil

import pytest
import torch
from PIL import Image

from s2f_utils.cli.main import main
from s2f_utils.data import read_manifest, stores, terms_of
from s2f_utils.data.manifest import CUFS_TERMS
from s2f_utils.models import checkpoints, provenance
from s2f_utils.pictures import images
from s2f_utils.pictures.duplicates import perceptual_hash
from s2f_utils.training import learned_from
from s2f_utils.training.config import resolve
from s2f_utils.training.loop import train
from s2f_utils.training.run import open_run
from tests.test_cli import TINY


@pytest.fixture()
def manifest(faces_manifest):
    return read_manifest(faces_manifest)


def start(tiny, manifest, folder, *, resume="never", init=None, **changes):
    return open_run(tiny(**changes), manifest, folder, resume=resume, init=init, device="cpu", progress=False)


def test_a_run_and_all_its_files_say_what_they_learned_from(tiny, manifest, tmp_path):
    run = start(tiny, manifest, tmp_path, total_images=8, num_snapshots=1, keep_best="ssim", load_size_px=64, seed=3)
    assert train(run, progress=False) == "done"
    told = json.loads((run.folder / "learned_from.json").read_text())
    rows = manifest.split("train")
    assert (told["data"], told["method"], told["seed"]) == (manifest.path.parent.name, "pix2pix", 3)
    assert told["settings"] == dataclasses.asdict(run.config) and told["parents"] == []
    assert told["code"].startswith("0.")
    for side, files in (("sketches", [r.sketch for r in rows]), ("photos", [r.photo for r in rows])):
        found = told["pictures"][side]
        assert found["num"] == len(rows)
        exact = [hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in files]
        assert provenance.unpack(found, "sha256") == exact
        alike = [
            perceptual_hash(images.load_rgb(path)) for path in files
        ]  # the pictures have 64 px, as they are loaded
        assert provenance.unpack(found, "perceptual") == alike
    files = sorted(run.folder.rglob("*.safetensors"))
    assert len(files) == 3  # the last, the best, a snapshot
    assert all(learned_from.read(path) == told for path in files)
    for path in files:  # what it learned from is not in everybody's way
        assert "learned_from" not in checkpoints.header_of(path) | checkpoints.load_network(path)[1]


def test_thirty_thousand_pictures_take_little_room():
    sizes = provenance.NUM_BYTES
    packed = (sizes["sha256"] + sizes["perceptual"]) * 4 / 3 * 2 * 30_000
    assert packed < 3.3e6
    most = learned_from.MOST_SOURCES  # photos alone have sources
    assert ((sizes["sha256"] + sizes["perceptual"]) * 2 + sizes["source"]) * 4 / 3 * most < 3.3e6 and most < 30_000


def test_a_model_can_be_published_without_the_hashes(tiny, manifest, tmp_path):
    run = start(tiny, manifest, tmp_path / "runs", total_images=4)
    train(run, progress=False)
    whole = run.folder / "generator.safetensors"
    copy = learned_from.publish(whole, tmp_path / "mine.safetensors")
    told, told_there = learned_from.read(copy), learned_from.read(whole)
    num = len(manifest.split("train"))
    assert told.pop("pictures") == {"sketches": {"num": num}, "photos": {"num": num}}
    assert told == {name: value for name, value in told_there.items() if name != "pictures"}
    (net, meta), (same, meta_there) = checkpoints.load_network(copy), checkpoints.load_network(whole)
    assert meta == meta_there
    assert all(torch.equal(v, net.state_dict()[k]) for k, v in same.state_dict().items())
    for hashes in told_there["pictures"].values():
        assert hashes["sha256"].encode() not in copy.read_bytes()
        assert hashes["perceptual"].encode() not in copy.read_bytes()
    assert main(["weights", "--publish", str(run.folder), str(tmp_path / "again.safetensors")]) == 0
    assert learned_from.read(tmp_path / "again.safetensors") == learned_from.read(copy)
    assert main(["weights", "--publish", str(run.folder), str(copy)]) == 2
    with pytest.raises(FileExistsError, match="is there already: choose another name"):
        learned_from.publish(whole, copy)
    with pytest.raises(FileNotFoundError, match="no such checkpoint"):
        learned_from.publish(tmp_path / "none.safetensors", tmp_path / "b.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"no weights")
    with pytest.raises(checkpoints.CheckpointError, match="damaged or cut off"):
        learned_from.publish(tmp_path / "bad.safetensors", tmp_path / "b.safetensors")
    checkpoints.save_generator(tmp_path / "old.safetensors", net, meta)  # as of before
    learned_from.publish(tmp_path / "old.safetensors", tmp_path / "b.safetensors")
    assert learned_from.read(tmp_path / "b.safetensors") == {}
    assert not list(tmp_path.glob(".*.part"))


def test_parents_are_named_with_their_checksums(tiny, manifest, tmp_path):
    first = start(tiny, manifest, tmp_path, total_images=4)
    train(first, progress=False)
    generator = first.folder / "generator.safetensors"
    second = start(tiny, manifest, tmp_path, total_images=4, init=generator)
    digest = hashlib.sha256(generator.read_bytes()).hexdigest()
    told = {"data": manifest.path.parent.name, "pictures": provenance.OWN, "parents": []}  # they are not repeated
    parents = [{"name": f"{first.folder.name}/generator.safetensors", "sha256": digest, **told}]
    assert second.learned_from["parents"] == parents
    again = start(tiny, manifest, tmp_path, total_images=4, init=first.folder)
    assert [parent["sha256"] for parent in again.learned_from["parents"]][0] == digest
    assert str(tmp_path) not in json.dumps(again.learned_from)


def test_what_parents_say_is_left_out_where_it_would_be_large(tiny, manifest, tmp_path, monkeypatch):
    first = start(tiny, manifest, tmp_path, total_images=4)
    train(first, progress=False)
    monkeypatch.setattr(learned_from, "MOST_BYTES_OF_PARENTS", 100)
    second = start(tiny, manifest, tmp_path, total_images=4, init=first.folder)
    assert [set(parent) for parent in second.learned_from["parents"]] == [{"name", "sha256"}]


def test_runs_of_before_are_taken_up_and_training_is_not_touched(tiny, manifest, tmp_path, monkeypatch):
    class Stop:
        def on_step(self, run):
            run.live.set("stop", run.images_seen == 8, "test")

    ends = []
    for name in ("with", "without"):
        with monkeypatch.context() as patch:
            if name == "without":  # as before there was anything of it
                patch.setattr(learned_from, "hash_pictures", lambda *_: {})
                patch.setattr(learned_from, "note", lambda *_: None)
            run = start(tiny, manifest, tmp_path / name)
            assert train(run, callbacks=[Stop()], progress=False) == "stopped"
        assert (run.folder / "learned_from.json").exists() == (name == "with")
        before = (run.folder / "learned_from.json").stat().st_mtime_ns if name == "with" else None
        again = start(tiny, manifest, tmp_path / name, resume="auto")
        assert again.folder == run.folder and again.images_seen == 8
        assert before in (None, (run.folder / "learned_from.json").stat().st_mtime_ns)
        assert train(again, progress=False) == "done"
        ends.append((again.model.net_g.state_dict(), learned_from.read(again.folder / "generator.safetensors")))
    assert all(torch.equal(v, ends[1][0][k]) for k, v in ends[0][0].items())
    assert ends[0][1] == ends[1][1] and ends[0][1]["pictures"]["photos"]["num"] == len(manifest.split("train"))


def test_what_is_known_is_not_hashed_again(tiny, manifest, tmp_path, monkeypatch):
    run = start(tiny, manifest, tmp_path, total_images=4)
    train(run, progress=False)
    monkeypatch.setattr(learned_from, "hash_pictures", lambda *_: pytest.fail("hashed again"))
    again = start(tiny, manifest, tmp_path, total_images=8, resume=run.folder)
    assert again.learned_from["settings"]["total_images"] == 8
    assert again.learned_from["pictures"] == run.learned_from["pictures"]


def test_sides_are_those_that_training_shows(manifest, tmp_path, monkeypatch):
    small = {"total_images": 8, "batch_size": 4, "num_samples": 2}
    run = open_run(resolve("stylegan2", "fast", small), manifest, tmp_path, device="cpu", progress=False)
    assert set(run.learned_from["pictures"]) == {"photos"}
    run = open_run(resolve("cyclegan", "fast", small), manifest, tmp_path, device="cpu", progress=False)
    shown = {side: found["num"] for side, found in run.learned_from["pictures"].items()}
    assert shown == {"sketches": len(run.data.sketches), "photos": len(run.data.photos)}
    monkeypatch.setattr(stores, "free_bytes", lambda device: 0)  # a set that is not kept in memory
    found = learned_from.hash_pictures(stores.PairedData(manifest.split("train"), 32, torch.device("cpu")))
    assert set(found["photos"]) == {"num", "sha256"} and provenance.unpack(found["photos"], "perceptual") == []


def test_a_picture_is_found_again_though_it_was_saved_anew(tiny, manifest, tmp_path):
    """Compressed, a picture has another exact hash, and nearly the same perceptual one."""
    row = manifest.split("train")[0]
    shutil.copy(row.photo, tmp_path / "a.png")
    Image.open(row.photo).save(tmp_path / "a.jpg", quality=60)
    found = learned_from.hash_pictures(stores.PairedData([row], 64, torch.device("cpu")))["photos"]
    exact, alike = (provenance.unpack(found, name)[0] for name in ("sha256", "perceptual"))
    assert hashlib.sha256((tmp_path / "a.png").read_bytes()).hexdigest().startswith(exact)
    assert not hashlib.sha256((tmp_path / "a.jpg").read_bytes()).hexdigest().startswith(exact)
    apart = int(alike, 16) ^ int(perceptual_hash(images.load_rgb(tmp_path / "a.jpg")), 16)
    assert apart.bit_count() <= 36


def test_terms_go_from_the_data_into_the_file_and_to_what_begins_with_it(faces_manifest, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(faces_manifest.parent, data)
    settings = json.loads((data / "settings.json").read_text())
    (data / "settings.json").write_text(json.dumps({**settings, "terms": ["ask for it"]}))
    train = ["train", "pix2pix", *TINY, "--no-report", "--runs", str(tmp_path / "runs")]
    assert main([*train, "--data", str(data), "--name", "first"]) == 0
    (first,) = (tmp_path / "runs").iterdir()
    assert learned_from.terms_of_file(first / "generator.safetensors") == ["ask for it"]
    assert main([*train, "--data", str(faces_manifest), "--init", str(first), "--name", "second"]) == 0
    (second,) = (tmp_path / "runs").glob("*second")
    assert learned_from.terms_of_file(second / "generator.safetensors") == ["ask for it"]
    assert main([*train, "--data", str(faces_manifest), "--name", "third"]) == 0
    (third,) = (tmp_path / "runs").glob("*third")
    assert learned_from.terms_of_file(third / "generator.safetensors") == []
    (tmp_path / "bare").mkdir()
    net, meta = checkpoints.load_network(first / "generator.safetensors")
    bare = checkpoints.save_generator(tmp_path / "bare" / "generator.safetensors", net, meta)
    assert learned_from.terms_of_file(bare) is None


def test_what_is_published_names_no_folders():
    told = {
        "settings": {
            "a": "/home/anna/0003-faithful/generator.safetensors",
            "b": "C:\\Users\\anna\\x,hf:user/y",
            "c": 1,
        },
        "parents": [
            {
                "name": "anna/generator.safetensors",
                "sha256": "0",
                "pictures": {"photos": {"num": 2, "sha256": "BB"}},
                "parents": [
                    {"name": "bea/old.safetensors", "sha256": "2", "pictures": {"photos": {"num": 1, "sha256": "C"}}}
                ],
            },
            {"name": "hf:user/y@v1", "sha256": "1"},
        ],
        "pictures": {"photos": {"num": 3, "sha256": "AAAA"}},
    }
    public = learned_from.for_others(told)
    assert public["settings"] == {"a": "0003-faithful/generator.safetensors", "b": "x,hf:user/y", "c": 1}
    assert [parent["name"] for parent in public["parents"]] == ["generator.safetensors", "hf:user/y@v1"]
    assert public["pictures"] == {"photos": {"num": 3}} and learned_from.for_others({}) == {}
    (first, _), told_of = public["parents"], public["parents"][0]["parents"]
    assert first["pictures"] == {"photos": {"num": 2}} and told_of[0]["pictures"] == {"photos": {"num": 1}}
    assert told_of[0]["name"] == "old.safetensors" and not {"AAAA", "BB", "C"} & set(json.dumps(public).split('"'))


def test_sets_of_cufs_are_known_by_their_layout():
    assert terms_of({"layout": "pairs+cufs", "terms": ["a"]}) == [CUFS_TERMS, "a"]
    assert terms_of({"layout": "pairs"}) == terms_of({}) == []
