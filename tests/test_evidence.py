"""What speaks for each entry of the bank, part by part."""

from __future__ import annotations

import numpy as np
import pytest

import s2f_studio
from s2f_studio.drawings import prepare
from s2f_studio.faces.evidence import entries_of, evidence_of
from s2f_studio.faces.looks import NUM_VALUES, SPANS


@pytest.fixture(scope="module")
def model():
    return s2f_studio.load("sketch-to-photo", device="cpu", engine="torch")


@pytest.mark.parametrize("name", ["glasses", "child"])
def test_the_parts_add_up_to_the_weights(model, name):
    """Of a drawing that is hardly crude, and of one so crude that its hair and shape count less."""
    drawing = prepare.prepare(prepare.example(name)).image
    evidence = evidence_of(model, drawing)
    num = len(model.bank.rows)
    assert set(evidence.parts) == {"looks", "hair", "shape", "rest"}
    assert all(part.shape == (2 * num,) for part in evidence.parts.values())
    assert np.allclose(sum(evidence.parts.values()), evidence.nats, atol=1e-3)
    assert evidence.looks.shape == (NUM_VALUES,)
    for span in SPANS.values():
        assert evidence.looks[span].sum() == pytest.approx(1, abs=1e-3)


def test_what_is_known_of_the_entries(model):
    entries = entries_of(model)
    num = len(model.bank.rows)
    assert entries.looks.shape == (num, NUM_VALUES) and set(np.unique(entries.looks)) == {0, 1}
    assert 0.5 * num < entries.is_adult.sum() < num
    assert np.isfinite(entries.skin).all() and 0 < entries.skin.min() < entries.skin.max() < 100
    assert entries.hair.shape == (num,) and np.isnan(entries.hair).any()
    assert entries.general[SPANS["age"]].sum() == pytest.approx(1, abs=1e-3)
