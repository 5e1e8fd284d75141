"""What a model learned from is in its run's folder and in its files."""

from __future__ import annotations

import dataclasses
import json
import shutil

import pytest
import torch

import s2f_utils
from s2f_studio import hub
from s2f_studio.cli.main import command_line, main
from s2f_utils import networks, weights
from s2f_utils.data import CUFS_TERMS, terms_of
from s2f_utils.metrics import evaluation
from s2f_utils.networks import checkpoints
from s2f_utils.networks.info import ModelInfo
from s2f_utils.train.loop import train
from s2f_utils.train.run import open_run
from tests.test_cli import TINY


def start(tiny, manifest, folder, *, resume="never", init=None, **changes):
    return open_run(
        tiny(**changes), manifest, folder, resume=resume, init=init, device="cpu", progress=False
    )


def test_a_run_and_all_its_files_have_the_card(tiny, manifest, tmp_path):
    run = start(tiny, manifest, tmp_path, total_images=8, num_snapshots=1, load_size_px=64, seed=3)
    assert train(run, progress=False) == "done"
    training = run.card.training()
    assert (training["data"], training["method"], training["seed"]) == (
        manifest.path.parent.name,
        "pix2pix",
        3,
    )
    assert training["settings"] == run.config.model_dump()
    assert training["trained_on"] == [manifest.path.parent.name]
    assert training["code"].startswith(s2f_utils.__version__)
    files = sorted(run.folder.rglob("*.safetensors"))
    assert len(files) == 2  # the last, a snapshot
    for path in files:
        card = checkpoints.info_of(path)
        assert card.training() == training and (card.network, card.size_px) == ("unet", 32)
        assert (card.task, card.direction, card.args["base_filters"]) == (
            "translates",
            "sketch-to-photo",
            4,
        )
        assert (
            "learned_from" not in checkpoints.load_network(path)[1]
        )  # which is in everybody's hands


def test_the_initial_models_data_are_its_own(tiny, manifest, tmp_path):
    def trained(data, name, init=None):
        run = start(tiny, data, tmp_path / name, total_images=4, init=init)
        train(run, progress=False)
        return run.folder / "generator.safetensors"

    elsewhere = dataclasses.replace(manifest, path=tmp_path / "elsewhere" / "manifest.csv")
    name = manifest.path.parent.name
    first = trained(elsewhere, "first")
    third = trained(manifest, "third", init=trained(elsewhere, "second", init=first))
    assert checkpoints.info_of(third).trained_on == sorted(["elsewhere", name])
    assert evaluation.sets_in([first, third]) == ", ".join(sorted(["elsewhere", name]))
    assert evaluation.sets_in([first, tmp_path / "GFPGAN.pth"]) == "GFPGAN, elsewhere"
    net, meta = checkpoints.load_network(first)
    bare = checkpoints.save_generator(tmp_path / "bare.safetensors", net, meta)
    assert evaluation.sets_in([first, bare]) == ""


def test_a_header_with_parents_names_their_data():
    """Files of earlier releases."""
    child = {"name": "a/generator.safetensors", "parents": []}
    parent = {"name": "b/generator.safetensors", "data": "theirs", "parents": [child]}
    known = ModelInfo().with_header({}, {"data": "mine", "pictures": {}, "parents": [parent]})
    assert known.trained_on == ["a/generator.safetensors", "mine", "theirs"]


def test_a_published_model_is_the_same(tiny, manifest, tmp_path):
    run = start(tiny, manifest, tmp_path / "runs", total_images=4)
    train(run, progress=False)
    whole = run.folder / "generator.safetensors"
    copy = checkpoints.publish(whole, tmp_path / "mine.safetensors")
    assert checkpoints.info_of(copy) == checkpoints.info_of(whole)
    (net, meta), (same, meta_there) = (
        checkpoints.load_network(copy),
        checkpoints.load_network(whole),
    )
    assert meta == meta_there
    assert all(torch.equal(v, net.state_dict()[k]) for k, v in same.state_dict().items())
    with pytest.raises(FileExistsError, match="is there already: choose another name"):
        checkpoints.publish(whole, copy)
    with pytest.raises(FileNotFoundError, match="no such checkpoint"):
        checkpoints.publish(tmp_path / "none.safetensors", tmp_path / "b.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"no weights")
    with pytest.raises(checkpoints.CheckpointError, match="damaged or cut off"):
        checkpoints.publish(tmp_path / "bad.safetensors", tmp_path / "b.safetensors")
    checkpoints.save_generator(tmp_path / "old.safetensors", net, meta)  # as of before
    checkpoints.publish(tmp_path / "old.safetensors", tmp_path / "b.safetensors")
    assert checkpoints.info_of(tmp_path / "b.safetensors").training() == {}
    assert not list(tmp_path.glob(".*.part"))


def test_what_is_published_names_no_folders():
    card = ModelInfo(
        data="mine",
        settings={
            "a": "/home/anna/0003-faithful/generator.safetensors",
            "b": "C:\\Users\\anna\\x,hf:user/y",
            "c": 1,
        },
        trained_on=["anna/generator.safetensors", "hf:user/y@v1", "mine"],
    )
    public = card.public()
    assert public.settings == {
        "a": "0003-faithful/generator.safetensors",
        "b": "x,hf:user/y",
        "c": 1,
    }
    assert public.trained_on == ["generator.safetensors", "hf:user/y@v1", "mine"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pix2pix-128", "translate hf:user/x drawing.jpg"),
        ("photo-to-sketch", "translate hf:user/x photo.jpg"),
        ("map-to-face-512", "translate hf:user/x map.png"),
        ("restorer-256", "enhance photo.jpg --restorer hf:user/x"),
        ("stylegan2", "faces hf:user/x --num 8"),
    ],
)
def test_a_card_names_the_command_that_uses_its_model(name, expected, tmp_path):
    path = weights.shipped(name)
    if path is None:  # a run's of this network
        net = networks.build(name, size_px=16, style_dim=16, num_mlp=1, width=8)
        path = checkpoints.save_generator(tmp_path / "g.safetensors", net, {})
    text = hub.card(checkpoints.info_of(path), "user/x", "mit")
    assert f"\ns2f {expected}\n" in text
    command_line().parse_args(expected.split(), exit_on_error=False, print_error=False)


def test_runs_of_before_are_taken_up_and_training_is_not_touched(tiny, manifest, tmp_path):
    class Stop:
        def on_step(self, run):
            run.live.set("stop", run.images_seen == 8, "test")

    ends = []
    for name in ("with", "without"):
        run = start(tiny, manifest, tmp_path / name)
        assert train(run, callbacks=[Stop()], progress=False) == "stopped"
        if name == "without":  # as before there were cards
            net, meta = checkpoints.load_network(run.folder / "generator.safetensors")
            checkpoints.save_generator(run.folder / "generator.safetensors", net, meta)
        again = start(tiny, manifest, tmp_path / name, resume="auto")
        assert again.folder == run.folder and again.images_seen == 8
        assert train(again, progress=False) == "done"
        ends.append(
            (
                again.model.net_g.state_dict(),
                checkpoints.info_of(again.folder / "generator.safetensors"),
            )
        )
    assert all(torch.equal(v, ends[1][0][k]) for k, v in ends[0][0].items())
    assert ends[0][1] == ends[1][1] and ends[0][1].data == manifest.path.parent.name


def test_terms_go_from_the_data_into_the_file_and_to_what_begins_with_it(faces_manifest, tmp_path):
    data = shutil.copytree(faces_manifest.parent, tmp_path / "data")
    settings = json.loads((data / "settings.json").read_text())
    (data / "settings.json").write_text(json.dumps({**settings, "terms": ["ask for it"]}))
    command = ["train", "pix2pix", *TINY, "--no-scores", "--runs", str(tmp_path / "runs")]

    def terms(name, *more):
        assert main([*command, *map(str, more), "--name", name]) == 0
        (folder,) = (tmp_path / "runs").glob(f"*{name}")
        return folder, checkpoints.info_of(folder / "generator.safetensors").terms

    first, said = terms("first", "--data", data)
    assert said == ["ask for it"]
    assert terms("second", "--data", faces_manifest, "--init", first)[1] == ["ask for it"]
    assert terms("third", "--data", faces_manifest)[1] == []
    net, meta = checkpoints.load_network(first / "generator.safetensors")
    bare = checkpoints.save_generator(tmp_path / "generator.safetensors", net, meta)
    assert checkpoints.info_of(bare).terms is None


def test_sets_of_cufs_are_known_by_their_layout():
    assert terms_of({"layout": "pairs+cufs", "terms": ["a"]}) == [CUFS_TERMS, "a"]
    assert terms_of({"layout": "pairs"}) == terms_of({}) == [] and terms_of({"terms": "MIT"}) == [
        "MIT"
    ]


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("PytorchStreamWriter failed writing file data/0", OSError),
        ("CUDA error: ...", RuntimeError),
    ],
)
def test_only_a_writers_error_is_a_full_disk(message, error, tmp_path, monkeypatch):
    def fails(*_):
        raise RuntimeError(message)

    monkeypatch.setattr("torch.save", fails)
    with pytest.raises(error, match=message[:10]):
        checkpoints.save_resume(tmp_path / "resume.pt", {})
    assert list(tmp_path.iterdir()) == []
