"""Trainings that notebooks load: what was measured, and faces that belong to their run."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from s2f_series import long_runs as module
from s2f_series.long_runs import long_runs


def test_the_shipped_runs_have_curves_of_equal_length_and_sixteen_faces():
    runs, shared = long_runs("stability")
    assert shared["size_px"] == 64
    assert [len(run.changes) for run in runs.values()] == [0, 1, 1, 2, 0, 0]
    assert list(runs)[-2:] == ["20 photos", "1,000 photos"]
    lengths = set()
    for run in runs.values():
        seen, signs = run.curve("sign_training")
        assert seen == sorted(seen) and all(-1 <= sign <= 1 for sign in signs)
        assert np.isfinite(run.curve("logit_held_out")[1]).all()
        assert run.curve("frechet_ratio")[0][-1] == seen[-1]
        ((at, faces),) = run.faces.items()
        assert at == seen[-1] and faces.shape == (16, 64, 64, 3)
        lengths.add(tuple(seen))
    assert len(lengths) == 1


def test_each_run_gets_its_own_rows_of_the_sheet(tmp_path, monkeypatch):
    """Each of two runs was shown twice; picture n of line m has the colour 40 m + 10 n."""
    colours = np.array([[40 * line + 10 * n for n in range(3)] for line in range(4)], np.uint8)
    sheet = colours.repeat(8, axis=0).repeat(8, axis=1)
    Image.fromarray(sheet).convert("RGB").save(tmp_path / "two.jpg", quality=100)
    run = {"rows": [{"images": 8.0, "loss_d": 1.0}], "measures": [{"images": 8.0, "ratio": 2.0}]}
    told = {"settings": {"size_px": 8}, "changes": {"a": {}, "b": {"r1_every": 16}}}
    told |= {"shown": {"a": [4, 8], "b": [4, 8]}, "runs": {"a": run, "b": run}}
    (tmp_path / "two.json").write_text(json.dumps(told))
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    runs, _ = long_runs("two")
    assert runs["b"].changes == {"r1_every": 16} and runs["b"].curve("ratio") == ([8.0], [2.0])
    found = runs["b"].faces[4].mean(axis=(1, 2, 3))
    assert np.abs(found - [80, 90, 100]).max() < 2
    with pytest.raises(ValueError, match="choose one of two"):
        long_runs("three")
