"""People before anything is aligned: portraits beside drawn faces, no more fetched than used."""

from __future__ import annotations

import numpy as np
import pytest

import data_prep
from data_prep.make import raw_people as module
from data_prep.make.drawn.synthetic import draw_face
from data_prep.sources import download
from s2f_utils.pictures import images


@pytest.fixture()
def alone(monkeypatch, tmp_path):
    """No portraits on this machine, and no network."""
    monkeypatch.delenv("S2F_PORTRAITS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "GITHUB", "http://127.0.0.1:9/nobody")
    return tmp_path / "cache" / "sketch-to-face" / "portraits"


def test_all_are_drawn_in_the_fast_profile(alone, capsys):
    people = data_prep.raw_people(4, profile="fast", progress=False)
    assert [person.is_drawn for person in people] == [True] * 4
    assert people[0].photo.shape == people[0].drawing.shape == (512, 512, 3)
    assert np.allclose(people[1].landmarks, draw_face(1, size_px=512).landmarks)
    assert "drawn by code" in capsys.readouterr().out


def test_without_a_network_all_are_drawn_and_it_says_why(alone, capsys):
    assert all(person.is_drawn for person in data_prep.raw_people(3, profile="demo", progress=False))
    said = capsys.readouterr().out
    assert "Terms: MIT licence" in said and "the portraits cannot be had" in said
    with pytest.raises(data_prep.DataPrepError, match="could not be fetched"):
        data_prep.raw_people(3, "portraits", profile="demo", progress=False)


def test_portraits_stand_beside_drawn_faces_and_only_those_used_are_fetched(alone, monkeypatch):
    def save_all(files, folder, progress):
        fetched.extend(file.name for file in files)
        for file in files:
            images.save(folder / file.name, draw_face(1, size_px=128).photo)

    fetched: list[str] = []
    monkeypatch.setattr(download, "first_of", lambda files, folder: None)
    monkeypatch.setattr(module.download, "fetch_files", save_all)
    people = data_prep.raw_people(6, profile="demo", progress=False)
    assert [person.is_drawn for person in people] == [False, False, True] * 2
    assert len(fetched) == 4 and not [name for name in fetched if name.startswith("governors")]
    again = data_prep.raw_people(6, profile="demo", progress=False)
    assert len(fetched) == 4 and [person.name for person in again] == [person.name for person in people]
