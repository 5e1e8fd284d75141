"""Guests: from name to picture with files in the published form, tiny, from a stand-in of the hub; and bad days."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

for name in ("diffusers", "transformers", "peft"):
    pytest.importorskip(name, reason="the extra 'guests' is not installed: pip install -e '.[guests]'")

from huggingface_hub import constants  # noqa: E402

from s2f_utils import cli, inference, weights  # noqa: E402
from s2f_utils.inference.guests import beside, control, diffusion, memory, prompts  # noqa: E402
from s2f_utils.pictures import drawings, images  # noqa: E402
from s2f_utils.weights import WeightsError, guests  # noqa: E402
from s2f_utils.weights import hub as door  # noqa: E402
from tests import hub_server, tiny_guests  # noqa: E402
from tests.test_cli import said  # noqa: E402

NAMES = tuple(guests.GUESTS)
ROOT = Path(__file__).resolve().parents[1]
PX = 64


@pytest.fixture(scope="module")
def files():
    return tiny_guests.all_files()


@pytest.fixture()
def hub(monkeypatch, tmp_path, files):
    """The stand-in of the hub, with the guests at the commits that the table names, and a cache of its own."""
    for name in ("S2F_OFFLINE", "HF_HUB_OFFLINE", guests.AGREED):
        monkeypatch.delenv(name, raising=False)
    settings = {
        "HF_HUB_CACHE": str(tmp_path / "cache" / "hub"), "HF_TOKEN_PATH": str(tmp_path / "cache" / "token"),
        "HF_HUB_OFFLINE": False, "HF_HUB_DISABLE_XET": True, "HF_HUB_DISABLE_PROGRESS_BARS": True,
        "DOWNLOAD_CHUNK_SIZE": 1024,
    }  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.setattr(time, "sleep", lambda seconds, sleep=time.sleep: sleep(min(seconds, 0.01)))
    for name, guest in guests.GUESTS.items():  # tiny files have other digests, and answer smaller pictures
        plain = {f.name: _unchecked(getattr(guest, f.name)) for f in dataclasses.fields(guest)}
        monkeypatch.setitem(guests.GUESTS, name, guests.Guest(**plain | {"size_px": PX}))
    with hub_server.running() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        monkeypatch.setenv("HF_TOKEN", hub_server.READER)
        for guest in guests.GUESTS.values():
            for part in guest.parts.values():
                publish(server, part, files[part.repo])
        door._found.clear()
        yield server
    door._found.clear()


def _unchecked(value):
    return dataclasses.replace(value, sha256={}) if isinstance(value, guests.Part) else value


def publish(server, part: guests.Part, files: dict[str, bytes]) -> None:
    """The files, at the commit that the part is held to."""
    server.add(part.repo, files)
    repo = server.repos[part.repo]
    sha = repo.refs["main"]
    if door.COMMIT.fullmatch(part.revision):
        repo.commits[part.revision] = repo.commits.pop(sha)
        repo.refs["main"] = part.revision


@pytest.fixture(scope="module")
def drawing():
    return drawings.example("glasses")


@pytest.mark.parametrize("name", NAMES)
def test_a_guest_answers_by_the_same_door(hub, drawing, name, capsys):
    guests.get(name, agree=True)
    printed = capsys.readouterr().err
    assert printed.count("downloading hf:") == len(guests.GUESTS[name].parts) and guests.GUESTS[name].terms in printed
    model = inference.load(name, "cpu")
    assert (model.facts.reads, model.facts.makes, model.size_px) == ("sketch", "photo", PX)
    one, again, other = (model(drawing, seed=seed) for seed in (1, 1, 2))
    assert one.shape == (PX, PX, 3) and one.dtype == np.uint8
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    nets = [one for one in model.drawn.components.values() if hasattr(one, "parameters")]
    assert model.num_bytes == sum(t.nbytes for one in nets for t in (*one.parameters(), *one.buffers()))


@pytest.mark.parametrize("name", NAMES)
def test_each_part_of_the_question_changes_the_answer(hub, drawing, name):
    guests.get(name, agree=True)
    model = inference.load(name, "cpu")
    ready = drawings.prepare(drawing, size_px=PX).image
    plain = {"seed": 1, "guest_strength": 0.6}
    made = model.translate(ready, **plain)
    for change in ({"prompt": "an old sailor"}, {"guest_strength": 1.0}, {"lines": 0.0}, {"steps": 7}, {"seed": 2},
                   {"person": {"age": 1.0}}):  # fmt: skip
        assert not np.array_equal(model.translate(ready, **plain | change), made), change
    negative = model.translate(ready, **plain, negative_prompt="a hat")
    assert np.array_equal(negative, made) == (guests.GUESTS[name].guidance <= 1)  # where it does nothing, docs say so


def test_the_drawing_s_lines_steer_it(hub, drawing):
    guests.get("sd-turbo-scribble", agree=True)
    model = inference.load("sd-turbo-scribble", "cpu")
    ready = drawings.prepare(drawing, size_px=PX).image
    mirrored, ask = np.ascontiguousarray(ready[:, ::-1]), inference.Ask(guest_strength=1.0)
    assert model.prompts(ready, ask) == model.prompts(mirrored, ask), "nothing but the lines tells them apart"
    one, other = model.answer([ready, mirrored], [ask, ask])
    assert not np.array_equal(one, other)


def test_strength_0_is_the_expected_face_and_little_strength_stays_near(hub, drawing):
    guests.get("sd-turbo-scribble", agree=True)
    model = inference.load("sd-turbo-scribble", "cpu")
    ready = drawings.prepare(drawing, size_px=PX).image
    begun = model.begins(ready, inference.Ask())
    assert np.array_equal(model.translate(ready, guest_strength=0.0), begun)
    steps = []
    model.begun.scheduler.step = _counting(model.begun.scheduler.step, steps)
    model.translate(ready, guest_strength=0.3, steps=3)
    assert len(steps) == 3  # as many as were asked for, however short the way


def _counting(step, seen):
    def counted(*given, **named):
        seen.append(1)
        return step(*given, **named)

    return counted


def test_the_weights_of_the_files_are_those_that_answer(hub, files):
    """Under the keys of their time, which libraries rename; a key that none knows would leave a layer to chance."""
    from safetensors.torch import load

    guests.get("sd15-scribble", agree=True)
    found = inference.load("sd15-scribble", "cpu").drawn
    own = files[guests.GUESTS["sd15-scribble"].base.repo]
    for part, file in (("text_encoder", tiny_guests.TEXT), ("safety_checker", tiny_guests.SAFETY)):
        published = {key: value for key, value in load(own[file]).items() if not key.endswith("position_ids")}
        loaded = {k: v for k, v in getattr(found, part).state_dict().items() if not k.endswith("position_ids")}
        sums, again = (sorted(float(v.double().sum()) for v in one.values()) for one in (published, loaded))
        assert len(published) == len(loaded) and np.allclose(sums, again, atol=1e-6), part


def test_another_programs_file_is_not_taken_for_the_published_one(hub, monkeypatch):
    guest = guests.GUESTS["sd15-scribble"]
    guests.get(guest.name, agree=True)
    (name,) = guest.control.weights
    held = dataclasses.replace(guest, control=dataclasses.replace(guest.control, sha256={name: "0" * 64}))
    monkeypatch.setitem(guests.GUESTS, guest.name, held)
    assert guests.find(guest.name) is None
    with pytest.raises(WeightsError, match="is not the file that was published"):
        guests.get(guest.name, agree=True)


def test_a_strength_is_the_level_of_noise_that_it_begins_with():
    assert diffusion.times_of(1.0, 4) == [999, 749, 499, 249]
    assert diffusion.times_of(0.8, 2) == [799, 399] != diffusion.times_of(0.7, 2)
    assert diffusion.times_of(0.002, 4) == [1, 0] and diffusion.times_of(0.0004, 4) == []


@pytest.mark.parametrize("name", NAMES)
def test_nearly_alike_strengths_differ(hub, drawing, name):
    guests.get(name, agree=True)
    model = inference.load(name, "cpu")
    ready = drawings.prepare(drawing, size_px=PX).image
    made = [model.translate(ready, guest_strength=strength) for strength in (0.7, 0.8, 0.9)]
    assert not np.array_equal(made[0], made[1]) and not np.array_equal(made[1], made[2])


@pytest.mark.parametrize("name", NAMES)
def test_every_strength_and_number_of_steps_has_an_answer(hub, drawing, name):
    guests.get(name, agree=True)
    model = inference.load(name, "cpu")
    ready = drawings.prepare(drawing, size_px=PX).image
    for strength, steps in ((0.01, 1), (0.02, 1), (0.05, 4), (0.3, 50), (0.99, 50), (1.0, 50), (1.0, 1)):
        assert model.translate(ready, guest_strength=strength, steps=steps).shape == (PX, PX, 3), (strength, steps)


def test_the_lora_is_in_the_answer(hub, files, drawing, monkeypatch):
    guest = guests.GUESTS["sd15-scribble"]
    guests.get(guest.name, agree=True)
    ready = drawings.prepare(drawing, size_px=PX).image
    made = inference.load(guest.name, "cpu").translate(ready, guest_strength=1.0)
    monkeypatch.setitem(guests.GUESTS, guest.name, dataclasses.replace(guest, lora=None))
    assert not np.array_equal(inference.load(guest.name, "cpu").translate(ready, guest_strength=1.0), made)


def test_a_withheld_answer_is_said(hub, drawing):
    guests.get("sd15-scribble", agree=True)
    model = inference.load("sd15-scribble", "cpu")
    model.drawn.safety_checker.concept_embeds_weights.data.fill_(-2.0)  # from there on anything is near
    with pytest.raises(diffusion.GuestError, match="withheld this answer: take another seed"):
        model(drawing)


def test_on_the_command_line(hub, drawing, tmp_path, capsys):
    Image.fromarray(drawing).save(tmp_path / "d.png")
    given = ["translate", "sd-turbo-scribble", str(tmp_path / "d.png"), "--out", str(tmp_path / "o"), "--device", "cpu"]
    assert cli.main(given) == 2
    assert "not on this machine (3.3 GB): s2f weights sd-turbo-scribble" in capsys.readouterr().err
    assert cli.main(["weights", "sd-turbo-scribble"]) == 1  # nobody is here to agree
    shown = capsys.readouterr()
    assert "3.3 GB are fetched" in shown.out and "terms: SD-Turbo" in shown.out and "nothing was fetched" in shown.err
    assert not hub.asked("GET")
    assert cli.main(["weights", "sd-turbo-scribble", "--agree"]) == 0
    assert cli.main([*given, "--prompt", "a sailor", "--person", "age=1", "--strength", "0.5", "--seed", "4"]) == 0
    path = tmp_path / "o" / "d-sd-turbo-scribble.png"
    assert Image.open(path).size == (PX, PX)
    notes = images.read_notes(path)
    capsys.readouterr()
    assert (
        notes["prompt"].startswith("elderly person, ")
        and "a sailor" in notes["prompt"]
        and notes["seed"] == "4"
        and notes["terms"]
    )
    assert notes["guest"] == "sd-turbo-scribble" and notes["strength"] == "0.5"
    for wrong, text in (
        (["--detail", "0.5"], "--detail is not for a guest"),
        (["--strength", "2"], "--strength must be from 0"),
        (["--steps", "51"], "--steps must be from 0"),
    ):
        assert cli.main([*given, *wrong]) == 2
        assert text in said(capsys)
    plain = ["translate", str(tmp_path / "d.png"), "--out", str(tmp_path / "o"), "--prompt", "x"]
    assert cli.main(plain) == 2
    assert "--prompt is for a guest" in said(capsys)


def test_terms_are_asked_for_in_a_terminal(hub, monkeypatch, capsys):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda text: "no")
    assert cli.main(["weights", "sd-turbo-scribble"]) == 1 and guests.find("sd-turbo-scribble") is None
    monkeypatch.setattr("builtins.input", lambda text: "y")
    assert cli.main(["weights", "sd-turbo-scribble"]) == 0 and guests.find("sd-turbo-scribble")
    capsys.readouterr()


def test_whoever_is_named_in_the_environment_has_agreed(hub, monkeypatch):
    with pytest.raises(WeightsError, match=r"not on this machine .* shows its terms and asks; in a notebook: "):
        guests.get("sd-turbo-scribble")
    monkeypatch.setenv(guests.AGREED, "other, sd-turbo-scribble")
    assert set(guests.get("sd-turbo-scribble")) == {"base", "control"}


def test_another_file_under_a_known_digest_is_not_fetched(hub, monkeypatch):
    guest = guests.GUESTS["sd-turbo-scribble"]
    (name,) = guest.control.weights
    held = dataclasses.replace(guest, control=dataclasses.replace(guest.control, sha256={name: "0" * 64}))
    monkeypatch.setitem(guests.GUESTS, guest.name, held)
    with pytest.raises(WeightsError, match=f"{name} is not the file that was published"):
        guests.get(guest.name, agree=True)
    assert not [path for path in hub.asked("GET") if path.endswith(name)]


def test_a_wrong_revision_a_missing_file_and_a_gated_repository(hub, monkeypatch):
    guest = guests.GUESTS["sd-turbo-scribble"]
    gone = dataclasses.replace(guest.base, revision="f" * 40)
    monkeypatch.setitem(guests.GUESTS, guest.name, dataclasses.replace(guest, base=gone))
    with pytest.raises(WeightsError, match="there is no such revision"):
        guests.get(guest.name, agree=True)
    monkeypatch.setitem(guests.GUESTS, guest.name, guest)
    repo = hub.repos[guest.control.repo]
    kept = dict(repo.files)
    repo.commits[guest.control.revision].pop("config.json")
    with pytest.raises(WeightsError, match="has no config.json any more"):
        guests.get(guest.name, agree=True)
    repo.commits[guest.control.revision] = kept
    hub.repos[guest.base.repo].private = True
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.delenv("HF_TOKEN")
    shutil.rmtree(constants.HF_HUB_CACHE, ignore_errors=True)
    door._found.clear()
    with pytest.raises(WeightsError, match="there is no such model at .* or it is private"):
        guests.get(guest.name, agree=True)


def test_a_download_that_breaks_off_goes_on(hub):
    guest = guests.GUESTS["sd-turbo-scribble"]
    hub.faults.cut, hub.faults.cuts = 3000, 2  # got over
    guests.get(guest.name, agree=True)
    assert any(asked and how == "GET" for how, _, asked, _ in hub.seen), "what came is not fetched again"
    shutil.rmtree(constants.HF_HUB_CACHE)
    door._found.clear()
    hub.faults.cut, hub.faults.cuts = 500, 1000  # too little comes to go on with
    with pytest.raises(WeightsError, match="cannot be reached, or broke off"):
        guests.get(guest.name, agree=True)
    assert guests.find(guest.name) is None
    hub.faults.cuts = 0
    assert guests.get(guest.name, agree=True)


def test_a_spoilt_file_is_thrown_away(hub):
    hub.faults.spoil = True
    with pytest.raises(WeightsError, match="came with another SHA-256|came with another SHA-1"):
        guests.get("sd-turbo-scribble", agree=True)
    hub.faults.spoil = False
    assert guests.get("sd-turbo-scribble", agree=True)


def test_offline_nothing_is_fetched_and_what_is_here_answers(hub, monkeypatch, drawing):
    monkeypatch.setenv("S2F_OFFLINE", "1")
    with pytest.raises(WeightsError, match="S2F_OFFLINE is set"):
        guests.get("sd-turbo-scribble", agree=True)
    monkeypatch.delenv("S2F_OFFLINE")
    guests.get("sd-turbo-scribble", agree=True)
    monkeypatch.setenv("S2F_OFFLINE", "1")
    hub.stop()
    door._found.clear()
    assert inference.load("sd-turbo-scribble", "cpu")(drawing).shape == (PX, PX, 3)


def test_too_little_disk_and_memory_are_said_before_anything_happens(hub, monkeypatch):
    few = type("Usage", (), {"free": 1_000_000_000})()
    monkeypatch.setattr(guests.shutil, "disk_usage", lambda place: few)
    with pytest.raises(WeightsError, match=r"needs 3\.5 GB on the disk, and .* has 1\.0: free some"):
        guests.get("sd-turbo-scribble", agree=True)
    assert not hub.asked("GET")
    monkeypatch.undo()


def test_too_little_memory(hub, monkeypatch):
    guests.get("sd-turbo-scribble", agree=True)
    monkeypatch.setattr(memory, "free", lambda device: 2_000_000_000)
    with pytest.raises(memory.GuestError, match=r"needs 9\.9 GB of memory, and 2\.0 are free: close other programs"):
        inference.load("sd-turbo-scribble", "cpu")


def test_a_damaged_file_is_said(hub):
    folders = guests.get("sd-turbo-scribble", agree=True)
    (folders["base"] / "unet" / "config.json").resolve().write_text("{")
    door._found.clear()
    with pytest.raises((diffusion.GuestError, WeightsError), match="sd-turbo"):
        inference.load("sd-turbo-scribble", "cpu")


def test_without_the_extra_it_says_what_to_install(tmp_path):
    code = (
        "import sys; sys.modules['diffusers'] = None\n"
        "from s2f_utils import cli\n"
        "sys.exit(cli.main(['translate', 'sd15-scribble', sys.argv[1], '--out', sys.argv[2]]))"
    )
    Image.fromarray(drawings.example("hat")).save(tmp_path / "d.png")
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "d.png"), str(tmp_path / "o")], capture_output=True, text=True
    )
    assert done.returncode == 2 and "pip install 'sketch-to-face[guests]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("person", "shown", "words", "avoided"),
    [
        ({}, {}, ["person"], []),
        (
            {"age": 1.0, "hair": "#111111", "skin": "#5d3a28"},
            {},
            ["elderly person", "black hair", "dark brown skin"],
            [],
        ),
        ({"age": -1.0, "smile": 1.0}, {}, ["child person", "smiling with teeth"], []),
        ({"glasses": -1.0}, {"glasses": 0.9, "hat": 0.9}, ["person", "without glasses", "wearing a hat"], ["glasses"]),
        ({"hair_length": -1.0, "beard": 1.0}, {}, ["person", "bald", "with a beard"], []),
    ],
)
def test_what_is_known_in_words(person, shown, words, avoided):
    assert prompts.words_of(person, shown) == (words, avoided)


def test_own_words_come_after_the_person_s():
    prompt, negative = prompts.prompts_of({"age": 0.0}, own="a sailor, ", own_negative="hat")
    assert prompt == f"person, a sailor, {prompts.SCENE}" and negative == f"hat, {prompts.AVOID}"


def test_lines_are_white_on_black_and_shading_is_none():
    paper = np.full((256, 256, 3), 255, np.uint8)
    assert control.lines_of(paper, 512).max() == 0
    paper[:, 128:] = 120  # a tone
    paper[60:64, 20:100] = 200  # a pale line
    paper[160:164, 20:100] = 0  # a dark one
    made = control.lines_of(paper, 512)
    assert made.shape == (512, 512, 3)
    assert made[124, 100].min() > 250 and made[324, 100].min() > 250
    assert made[:, 320:].max() == 0


def test_what_a_guest_takes_is_what_was_counted():
    found = json.loads((ROOT / "benchmarks" / "results" / "guests.json").read_text())["results"]["guests"]
    for name, one in found.items():
        guest = guests.GUESTS[name]
        assert guest.parameters == one["parameters_all"]
        assert guest.gpu_bytes == pytest.approx(one["gpu_bytes"], rel=0.01)
        in_files = guest.size - sum(guest.lora.weights.values() if guest.lora else ())
        assert in_files == pytest.approx(one["weights_bytes"], rel=0.01), "as large as the published files"


def test_the_table_is_whole():
    for guest in guests.GUESTS.values():
        assert guest.terms and guest.terms_url.startswith("https://") and guest.parameters > 1e9
        assert guest.gpu_bytes < 12e9  # a T4 has 15
        for part in guest.parts.values():
            held = door.COMMIT.fullmatch(part.revision) or set(part.sha256) == set(part.weights)
            assert held, f"{part.repo}: neither a commit nor digests say what is fetched"
            assert all(len(digest) == 64 for digest in part.sha256.values())
            door.parse(part.model)
    assert not set(guests.GUESTS) & set(weights.model_names())


def test_the_file_that_came_first_is_held_to(tmp_path):
    from s2f_utils.weights import first_seen

    cache, file = tmp_path / "cache", tmp_path / "psp.pt"
    file.write_bytes(b"one")
    first_seen.hold(file, cache)
    first_seen.hold(file, cache)
    assert first_seen.digest_of("psp.pt", cache) == weights.sha256_of(file)
    file.write_bytes(b"two")
    with pytest.raises(WeightsError, match="not the file that was here first"):
        first_seen.hold(file, cache)
    Path(cache / first_seen.NOTES).write_text("no JSON")
    first_seen.hold(file, cache)


def test_beside_each_other_without_a_guest_and_with_them(hub, drawing, monkeypatch):
    monkeypatch.setattr(weights.table, "find", lambda name: None)
    ready = drawings.prepare(drawing).image
    ours, *others = beside.beside(ready, device="cpu")
    assert ours.name == "ours" and ours.picture.shape == (256, 256, 3) and ours.moved < 0.2 and not ours.why
    assert [one.name for one in others] == list(NAMES) and all(one.picture is None for one in others)
    for one in others:
        assert one.row[2:5] == [beside.NOT_MEASURED] * 3 and one.told.endswith(f"s2f weights {one.name}")
    assert not hub.asked("GET"), "nothing is fetched for it"
    guests.get("sd-turbo-scribble", agree=True)
    _, turbo, other = beside.beside(ready, device="cpu")
    assert turbo.picture.shape == (PX, PX, 3) and turbo.seconds > 0 and turbo.num_bytes > 500_000
    assert turbo.moved > ours.moved, "a network filled by chance keeps nothing of the drawing"
    assert other.picture is None and len(turbo.row) == len(beside.HEAD)


@pytest.mark.slow
def test_notebook_07_with_the_tiny_ones(hub, tmp_path, monkeypatch):
    """The whole notebook, in the fast profile, offline, with the guests' files in the hub's cache."""
    import nbformat

    from tools import run_notebooks

    for name in NAMES:
        guests.get(name, agree=True)
    env = tiny_guests.elsewhere(tmp_path, constants.HF_HUB_CACHE) | {"S2F_PROFILE": "fast"}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    source, made = ROOT / "notebooks" / "07_from_a_drawing.ipynb", tmp_path / "made.ipynb"
    _, error = run_notebooks.execute(source, made, ROOT / "notebooks")
    assert not error, error
    (cell,) = [one for one in nbformat.read(made, 4).cells if one.id == "g01"]
    shown = "".join(str(output) for output in cell.outputs)
    assert beside.NOT_MEASURED not in shown and all(name in shown for name in NAMES)
    assert "not on this machine" not in shown


@pytest.mark.gpu
@pytest.mark.parametrize("name", NAMES)
def test_on_a_gpu_in_half_precision(hub, drawing, name):
    import torch

    guests.get(name, agree=True)
    model = inference.load(name, "cuda")
    kinds = {p.dtype for p in (*model.drawn.unet.parameters(), *model.drawn.controlnet.parameters())}
    assert kinds == {torch.float16} and next(model.drawn.vae.parameters()).is_cuda
    one, again = (model(drawing, seed=1) for _ in range(2))
    assert one.std() > 0 and np.abs(one.astype(int) - again).max() <= 2
    assert torch.cuda.max_memory_allocated() < guests.GUESTS[name].gpu_bytes
