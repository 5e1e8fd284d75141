"""Guests in the web app and on the pad: listed with size and terms, fetched when somebody agrees, asked in words."""

from __future__ import annotations

import time

import numpy as np
import pytest

for name in ("diffusers", "transformers", "peft"):
    pytest.importorskip(name, reason="the extra 'guests' is not installed: pip install -e '.[guests]'")
pytest.importorskip("fastapi", reason="the extra 'app' is not installed: pip install -e '.[app]'")
pytest.importorskip("httpx2")

from fastapi.testclient import TestClient  # noqa: E402

from s2f_utils import models  # noqa: E402
from s2f_utils.app import api  # noqa: E402
from s2f_utils.app.catalogue import Catalogue  # noqa: E402
from s2f_utils.app.engine import Engine, Limits  # noqa: E402
from s2f_utils.pad import messages  # noqa: E402
from s2f_utils.pad.sketch_pad import SketchPad  # noqa: E402
from s2f_utils.pictures import images  # noqa: E402
from s2f_utils.weights import guests  # noqa: E402
from tests import hostile, test_guests  # noqa: E402
from tests.test_app_api import AS_JSON, ask, picture, run_folder, shown  # noqa: E402

hub, files = test_guests.hub, test_guests.files
GUEST = "sd15-scribble"
DRAWING = hostile.saved(hostile.drawing(), "PNG")


@pytest.fixture()
def client(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("S2F_OFFLINE", "1")  # as `server.create` does
    engine = Engine(Catalogue(tmp_path / "runs"), Limits(per_minute=0), device="cpu")
    yield TestClient(api.create_api(engine), base_url="http://127.0.0.1:5000")
    engine.close()


def listed(client, name: str) -> dict:
    (found,) = [one for one in client.get("/api/models").json()["models"] if one["id"] == name]
    return found


def fetch(client, name: str) -> None:
    told = client.post("/api/models/download", files={"model": (None, name), "agree": (None, "yes")})
    assert told.status_code == 202, told.text
    until = time.monotonic() + 30
    while listed(client, name)["state"] != "ready":
        assert time.monotonic() < until and not listed(client, name)["state"].startswith("failed")
        time.sleep(0.05)


def test_it_is_listed_with_its_terms_fetched_when_somebody_agrees_and_hears_words(client, hub):
    told = listed(client, GUEST)
    assert (told["state"], told["size_mb"], told["guest"]) == ("not here", 3599.0, True)
    assert told["terms"] == guests.GUESTS[GUEST].terms and told["hears_not"]
    assert not listed(client, "sd-turbo-scribble")["hears_not"]
    refused = ask(client, DRAWING, model=GUEST)
    assert refused.status_code == 409 and "when somebody agrees" in refused.json()["detail"]
    assert not hub.asked("GET"), "nothing is fetched for a list, or for a question"
    fetch(client, GUEST)
    made = [picture(ask(client, DRAWING, model=GUEST, **said)) for said in (
        {}, {"prompt": "an old sailor"}, {"negative_prompt": "a hat"}, {"guest_strength": "1"}, {"seed": "5"},
        {"person": "age=1"},
    )]  # fmt: skip
    assert all(one.shape == (test_guests.PX, test_guests.PX, 3) for one in made)
    assert all(not np.array_equal(one, made[0]) for one in made[1:])
    answer = ask(client, DRAWING, AS_JSON, model=GUEST, prompt="freckles", candidates="2").json()
    first, second = answer["pictures"]
    assert first["notes"]["prompt"] == "freckles" and first["notes"]["terms"] and first["notes"]["strength"] == "0.8"
    assert not np.array_equal(shown(first["png"]), shown(second["png"])), "the second has another seed"
    for wrong in ({"prompt": "x" * 301}, {"guest_strength": "1.5"}):
        assert ask(client, DRAWING, model=GUEST, **wrong).status_code == 422


def test_a_download_that_fails_is_said_on_the_page(client, hub):
    hub.repos[guests.GUESTS[GUEST].control.repo].refs.clear()
    client.post("/api/models/download", files={"model": (None, GUEST), "agree": (None, "yes")})
    until = time.monotonic() + 30
    while not (state := listed(client, GUEST)["state"]).startswith("failed"):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert "no such revision" in state and "Traceback" not in state


def test_a_withheld_answer_is_said_to_the_visitor(client, hub, monkeypatch):
    from s2f_utils.inference.guests.diffusion import GuestModel, memory

    def withheld(model, square, ask):
        raise memory.GuestError(f"{model.name}: its safety checker withheld this answer")

    fetch(client, GUEST)
    monkeypatch.setattr(GuestModel, "_answered", withheld)
    refused = ask(client, DRAWING, model=GUEST)
    assert refused.status_code == 422 and "withheld this answer" in refused.json()["detail"]


def test_a_run_that_learned_of_a_guest_is_offered_too(client, hub, tmp_path):
    net = models.build("lora", guest=GUEST, rank=1, layers={})
    run_folder(tmp_path / "runs", "0001-mine", net, method="scribble-lora", direction="sketch-to-photo")
    fetch(client, GUEST)
    (told,) = [one for one in client.get("/api/models").json()["models"] if one["id"] == "run:0001-mine"]
    assert told["guest"] and told["state"] == "ready" and told["terms"] == guests.GUESTS[GUEST].terms


def test_without_the_packages_none_is_listed(client, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: name != "diffusers" and find(name, *more))
    assert not [one for one in client.get("/api/models").json()["models"] if one["guest"]]


def test_the_pad_asks_a_guest_with_ones_own_words(hub):
    guests.get(GUEST, agree=True)
    pad = SketchPad(device="cpu")
    assert not messages.state_of(pad, [], [], {})["has_prompt"]
    pad.set_model(GUEST)
    state = messages.state_of(pad, [], [], {})
    assert state["has_prompt"] and state["has_likely"] and state["has_person"] and not state["has_large"]
    plain = pad.translate().copy()
    messages.obey(pad, {"kind": "set", "prompt": "a sailor"}, pad.facts_of)
    assert not np.array_equal(pad.translate(), plain)
    assert pad.notes()["prompt"] == "a sailor" and not messages.state_of(pad, [], [], {})["has_large"]
    kept = pad.keep_version()
    messages.obey(pad, {"kind": "set", "prompt": ""}, pad.facts_of)
    assert np.array_equal(pad.translate(), plain)
    messages.obey(pad, {"kind": "set", "guest_strength": 0}, pad.facts_of)
    begun = messages.state_of(pad, [], [], {})["guest_strength"]
    assert begun == 0 and not np.array_equal(pad.translate(), plain) and pad.notes()["strength"] == "0"
    pad.back_to(0)
    assert pad.guest_strength == 0.8
    assert pad.prompt == "a sailor" and np.array_equal(pad.face, kept.face)
    with pytest.raises(ValueError, match="prompt must be 300 characters"):
        messages.obey(pad, {"kind": "set", "prompt": "x" * 301}, pad.facts_of)
    assert pad.prompt == "a sailor"
    assert images.resize(plain, 64).shape == (64, 64, 3)
