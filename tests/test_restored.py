"""The expected face, restored by a published restorer: in the published form, small, from a server
on this machine.
"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from s2f_studio.drawings import prepare as drawings
from s2f_studio.faces import translate
from s2f_utils import cli, infer, weights
from s2f_utils.infer import restorers
from s2f_utils.pictures import images
from tests import test_restorers
from tests.test_download import server  # noqa: F401  (a fixture)

published, offered = test_restorers.published, test_restorers.offered
FACE = images.resize(drawings.example("hat"), 256)


@pytest.fixture()
def restorer(offered):  # noqa: F811
    offered("good")
    return restorers.load("gfpgan-1.4", "cpu")


def test_it_lies_between_the_face_and_what_the_restorer_makes_of_a_small_one(restorer):
    large = images.resize(FACE, restorer.size_px).astype(float)
    small = images.resize(
        images.resize(FACE, translate.SMALL_PX, "stretch"), restorer.size_px, "stretch"
    )
    wanted = large + translate.STRENGTH * (restorer.restore(small) - large)
    assert np.abs(translate.restored(FACE, restorer) - wanted).max() <= 1


def test_it_is_one_more_candidate_with_its_terms(restorer):
    model = infer.load("sketch-to-photo", "cpu")
    ready = drawings.prepare(drawings.example("plain-man")).image
    plain = translate.candidates(model, ready)
    found = translate.candidates(model, ready, restorer=restorer)
    assert [one.name for one in found] == ["rendered", "expected", "restored", "variation"]
    assert [one.name for one in plain] == ["rendered", "expected", "variation"]
    (own,) = [one for one in found if one.name == "restored"]
    assert "non-commercial use only" in own.notes["terms"] and own.notes["answer"] == "expected"
    assert not any(one.terms for one in plain)


def test_on_the_command_line_where_its_file_is_here_and_nowhere_else(
    offered, tmp_path, capsys, monkeypatch
):  # noqa: F811
    Image.fromarray(drawings.example("plain-man")).save(tmp_path / "d.png")
    offered("good")
    assert cli.main(["translate", str(tmp_path / "d.png"), "--out", str(tmp_path / "without")]) == 0
    assert not list((tmp_path / "without").glob("*restored*")), "nothing is fetched for it"
    weights.get("gfpgan-1.4")
    capsys.readouterr()
    assert cli.main(["translate", str(tmp_path / "d.png"), "--out", str(tmp_path / "with")]) == 0
    assert "one more answer is restored by gfpgan-1.4: Apache-2.0" in capsys.readouterr().err
    assert images.read_notes(tmp_path / "with" / "d-restored.png")["terms"].startswith("Apache-2.0")
    assert translate.restorer_here() == "gfpgan-1.4"
