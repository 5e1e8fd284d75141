"""benchmarks/commands.py times targets of the Makefile; what every benchmark says of how it was measured."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path

import pytest

import s2f_utils
from s2f_studio.faces.finetune import finished_run
from s2f_utils.data import read_manifest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


@pytest.fixture()
def commands(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    module = importlib.import_module("commands")
    monkeypatch.setattr(module.common, "RESULTS", tmp_path)
    (tmp_path / "commands.json").write_text('{"machine": {}, "results": {"make demo": "nine minutes"}}')
    return module


def test_a_target_is_run_and_timed(commands, tmp_path, capfd):
    commands.main(["help"])
    assert "list the targets" in capfd.readouterr().out  # it ran
    found = json.loads((tmp_path / "commands.json").read_text(encoding="utf-8"))
    row = found["results"]["make help"]
    assert 0 <= row["seconds"] < 60 and row["provenance"] == commands.common.provenance()
    table = commands.table(found)
    assert "| `make help` | 0 min " in table and "| `make demo` | nine minutes; by a watch |" in table


def test_a_target_that_fails_is_not_written(commands, tmp_path):
    before = (tmp_path / "commands.json").read_text(encoding="utf-8")
    with pytest.raises(SystemExit, match="make nothing-of-this-name failed with exit status 2"):
        commands.main(["nothing-of-this-name"])
    assert (tmp_path / "commands.json").read_text(encoding="utf-8") == before


def test_the_run_behind_a_row(commands, faces_manifest, tmp_path):
    changes = {"size_px": 32, "load_size_px": 32, "total_images": 2, "batch_size": 1, "seed": 3, "base_filters": 8}
    folder = finished_run("pix2pix", changes, read_manifest(faces_manifest), tmp_path, "tiny", device="cpu")
    run = commands.common.run_of(folder)
    assert (run["method"], run["seed"], run["images"]) == ("pix2pix", 3, 2)
    assert run["settings"]["base_filters"] == 8 and "lambda_l1" not in run["settings"]
    assert run["code"].startswith(s2f_utils.__version__)
