"""Models on the hub: its own client against a stand-in of it on this machine, on good days and on
bad ones.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip(
    "huggingface_hub", reason="the extra 'hub' is not installed: pip install -e '.[hub]'"
)

from huggingface_hub import ModelCard, close_session, constants  # noqa: E402

from s2f_studio import cli
from s2f_utils import infer  # noqa: E402
from s2f_utils.data import CUFS_TERMS  # noqa: E402
from s2f_utils.networks import checkpoints  # noqa: E402
from s2f_utils.weights import WeightsError  # noqa: E402
from s2f_utils.weights import hub as door  # noqa: E402
from tests import hub_server  # noqa: E402
from tests.test_cli import TINY, said  # noqa: E402

NAME = "hf:user/faces"
PICTURE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


@pytest.fixture()
def hub(monkeypatch, tmp_path):
    """The stand-in, with a cache of its own, and somebody logged in who may write."""
    for name in ("S2F_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    settings = {
        "HF_HUB_CACHE": str(tmp_path / "cache" / "hub"),
        "HF_TOKEN_PATH": str(tmp_path / "cache" / "token"),
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_DISABLE_PROGRESS_BARS": True,
    }
    for name, value in settings.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.setattr(time, "sleep", lambda seconds, sleep=time.sleep: sleep(min(seconds, 0.01)))
    with hub_server.running() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        monkeypatch.setenv("HF_TOKEN", hub_server.WRITER)
        forget()
        yield server
    forget()


def forget():
    door._fetched.cache_clear()


def push(run, *more: str) -> int:
    return cli.main(["push", str(run), "user/faces", "--yes", *more])


def answer(model, **more) -> np.ndarray:
    return infer.load(model, "cpu", **more).translate(PICTURE)


def other(run: Path, target: Path) -> Path:
    path = shutil.copytree(run, target) / "generator.safetensors"
    net, meta = checkpoints.load_network(path)
    for value in net.parameters():
        value.data *= 1.5
    checkpoints.save_generator(path, net, meta, checkpoints.info_of(path))
    return target


def test_what_was_pushed_is_loaded_and_answers_with_the_same_pixels(hub, trained, capsys):
    assert push(trained) == 0
    shown = capsys.readouterr().out
    repo = hub.repos["user/faces"]
    assert set(repo.files) == {".gitattributes", "README.md", "generator.safetensors"}
    assert f"sent: {NAME}@{repo.refs['main']}" in shown
    model = infer.load(NAME, "cpu")
    assert f"{NAME}: licence: other" in capsys.readouterr().err
    assert model.info.name == f"{NAME}@{repo.refs['main']}"  # the commit is said
    np.testing.assert_array_equal(model.translate(PICTURE), answer(trained))
    there = door.folder(NAME)
    assert [path.name for path in there.iterdir()] == ["generator.safetensors"]


def test_every_door_takes_the_name(hub, trained, faces_manifest, tmp_path, monkeypatch):
    from s2f_utils.pictures import images

    push(trained)
    images.save(tmp_path / "drawing.png", PICTURE)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["translate", NAME, "drawing.png", "--out", "out", "--device", "cpu"]) == 0
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["drawing-photo.png"]
    data = ["--data", str(faces_manifest), "--device", "cpu"]
    changes = [*TINY[: TINY.index("--profile")], "--profile", "full"]
    assert (
        cli.main(
            ["train", "pix2pix", *data, *changes, "--init", NAME, "--no-scores", "--runs", "own"]
        )
        == 0
    )
    (trained_on,) = (tmp_path / "own").glob("*/generator.safetensors")
    assert checkpoints.info_of(trained_on).trained_on == [faces_manifest.parent.name]


def test_nothing_else_is_sent(hub, trained, faces_manifest, tmp_path):
    """No folders, no names of pictures, no logs: in no byte that reaches the hub."""
    run = shutil.copytree(trained, tmp_path / "annabell" / "0007-mine")
    path = run / "generator.safetensors"
    net, meta = checkpoints.load_network(path)
    card = checkpoints.info_of(path)
    more = {"expected_by": "C:\\Users\\annabell\\a,/home/annabell/0003-b/generator.safetensors"}
    sets = ["annabell/generator.safetensors"]
    changed = dataclasses.replace(card, settings={**card.settings, **more}, trained_on=sets)
    checkpoints.save_generator(path, net, meta, changed)
    push(run)
    sent = b"".join(hub.came) + b"".join(hub.repos["user/faces"].files.values())
    names = [line.split(",")[1] for line in faces_manifest.read_text().splitlines()[1:]]
    assert len(names) == 16
    for word in (*names, "annabell", str(tmp_path), str(Path.home()), "log.jsonl", "machine"):
        assert word.encode() not in sent, word
    public = checkpoints.info_of(infer.find_generator(NAME))
    assert public.settings["expected_by"] == "a,0003-b/generator.safetensors"
    assert public.trained_on == ["generator.safetensors"]


@pytest.mark.parametrize("there", [False, True])
def test_a_push_that_breaks_off_publishes_nothing(hub, trained, tmp_path, capsys, there):
    if there:
        push(trained)
    before = dict(hub.repos["user/faces"].refs) if there else None
    hub.faults.commits = True
    changed = other(trained, tmp_path / "other")
    assert push(changed) == 2
    assert "nothing is published" in capsys.readouterr().err
    repo = hub.repos["user/faces"]
    assert repo.refs == before if there else set(repo.files) == {".gitattributes"}
    hub.faults.commits = False
    assert push(changed) == 0
    np.testing.assert_array_equal(answer(NAME), answer(changed))


@pytest.mark.parametrize(
    ("token", "repo", "message"),
    [
        ("", "user/faces", "Invalid username or password.*log in"),
        (hub_server.NOBODY, "user/faces", "Invalid credentials.*log in"),
        (
            hub_server.READER,
            "user/faces",
            "You don't have the rights to write to user/faces.*log in",
        ),
        (
            hub_server.WRITER,
            "somebody/faces",
            "You don't have the rights to write to somebody/faces",
        ),
    ],
)
def test_without_a_token_that_may_write_nothing_is_sent(
    hub, trained, monkeypatch, capsys, token, repo, message
):
    monkeypatch.setenv("HF_TOKEN", token)
    assert cli.main(["push", str(trained), repo, "--yes"]) == 2
    assert re.search(message, said(capsys)) and hub.repos == {}


def test_what_cannot_be_read_is_told(hub, trained, monkeypatch):
    push(trained, "--private")
    monkeypatch.setenv("HF_TOKEN", hub_server.NOBODY)
    with pytest.raises(WeightsError, match="Invalid credentials.*log in"):
        answer(NAME)
    monkeypatch.setenv("HF_TOKEN", hub_server.READER)
    np.testing.assert_array_equal(answer(NAME), answer(trained))
    with pytest.raises(
        WeightsError, match="hf:user/none@main: Repository not found: check the name"
    ):
        answer("hf:user/none")
    with pytest.raises(WeightsError, match="hf:user/faces@v9: Invalid rev id: v9: check the name"):
        answer(f"{NAME}@v9")
    for name in ("hf:faces", "hf:user/../faces", "hf:a/b@../c", "hf:", "hf:a/b/c"):
        with pytest.raises(WeightsError, match="is named hf:USER/MODEL"):
            answer(name)


def test_a_repository_of_others_is_refused_and_not_fetched(hub):
    hub.add("user/faces", {"model.safetensors": b"another's", "model.pth": b"a pickle"})
    with pytest.raises(FileNotFoundError):
        answer(NAME)
    assert not [path for path in hub.asked() if "resolve" in path]


@pytest.mark.parametrize("how", ["S2F_OFFLINE", "HF_HUB_OFFLINE", "down", "gone"])
def test_offline_what_was_fetched_is_there_and_nothing_else_is(hub, trained, monkeypatch, how):
    push(trained)
    answer(NAME)
    seen = len(hub.seen)
    forget()
    if how == "S2F_OFFLINE":
        monkeypatch.setenv(how, "1")
    elif how == "HF_HUB_OFFLINE":
        monkeypatch.setattr(constants, how, True)
    elif how == "down":
        hub.faults.down = 503
    else:
        hub.stop()
        close_session()  # the client keeps its connections
    np.testing.assert_array_equal(answer(NAME), answer(trained))
    for name in ("hf:user/none", f"{NAME}@v9"):
        with pytest.raises(WeightsError, match="check the name and the network"):
            answer(name)
    if "OFFLINE" in how:
        assert len(hub.seen) == seen


def test_a_pinned_revision_stays_what_it_was(hub, trained, tmp_path):
    push(trained)
    first = hub.repos["user/faces"].refs["main"]
    changed = other(trained, tmp_path / "other")
    push(changed)
    assert not np.array_equal(answer(trained), answer(changed))
    np.testing.assert_array_equal(answer(f"{NAME}@{first}"), answer(trained))
    np.testing.assert_array_equal(answer(NAME), answer(changed))


def test_a_person_is_asked(hub, trained, monkeypatch, capsys):
    asked = ["push", str(trained), "user/faces"]
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    assert cli.main(asked) == 2 and "give --yes" in said(capsys)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    for reply, status in (("", 1), ("n", 1), ("y", 0)):
        monkeypatch.setattr("builtins.input", lambda prompt, reply=reply: reply)
        assert not hub.repos and cli.main(asked) == status
    assert "generator.safetensors" in hub.repos["user/faces"].files


def test_terms_that_limit_what_is_passed_on_are_refused(hub, trained, tmp_path, capsys):
    """Those of a run of an earlier release, which has them in its folder alone."""
    run = shutil.copytree(trained, tmp_path / "run")
    path = run / "generator.safetensors"
    net, meta = checkpoints.load_network(path)
    facts = json.loads((run / "config.json").read_text()) | {
        "data_settings": {"layout": "pairs+cufs"}
    }
    (run / "config.json").write_text(json.dumps(facts))
    checkpoints.save_generator(
        path, net, meta, dataclasses.replace(checkpoints.info_of(path), terms=None)
    )
    assert push(run) == 2
    told = capsys.readouterr()
    assert f"what may be passed on ({CUFS_TERMS})" in told.err and hub.seen == []
    assert push(run, "--i-may-publish", "--licence", "cc-by-nc-4.0") == 0
    text = hub.repos["user/faces"].files["README.md"].decode()
    assert (
        f"terms of these data: {CUFS_TERMS}" in text
        and ModelCard(text).data.license == "cc-by-nc-4.0"
    )


def test_without_the_client_it_is_said_what_to_install(trained, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert cli.main(["push", str(trained), "user/faces", "--yes"]) == 2
    assert "pip install huggingface_hub" in capsys.readouterr().err
    with pytest.raises(ImportError, match="pip install huggingface_hub"):
        infer.load(NAME)
