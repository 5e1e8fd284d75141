"""tools/colab_versions.py: of Colab's long list, what this project and what it needs meet."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tools import colab_versions

ROOT = Path(__file__).resolve().parents[1]
LOCK = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
REFERENCE = ROOT.parent / "shared" / "reference" / "colab-pip-freeze.gpu.txt"


def test_the_repository_s_own_file_has_what_notebooks_meet_in_colab():
    lines = (ROOT / "tests" / "colab.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    met = {"torch", "ipykernel", "notebook", "anywidget", "fastapi", "starlette", "uvicorn", "huggingface-hub", "wandb"}
    assert met <= set(pins) and pins["wandb"] == "0.28.1" and pins["safetensors"] == "0.8.0"
    assert {name: pins[name][:4] for name in pins if name.startswith("opencv")} == {
        "opencv-python": "5.0.", "opencv-python-headless": "5.0.", "opencv-contrib-python": "4.14"
    }  # fmt: skip
    assert set(pins) <= colab_versions.needed(LOCK) | set(colab_versions.BESIDE), "tools/colab_versions.py writes it"


@pytest.mark.data
@pytest.mark.skipif(not REFERENCE.is_file(), reason="Colab's list is not here")
def test_the_repository_s_own_file_is_what_the_script_writes(tmp_path):
    out = tmp_path / "colab.txt"
    assert colab_versions.main([str(REFERENCE), "--date", "2026-08-19", "--out", str(out)]) == 0
    assert out.read_text(encoding="utf-8") == (ROOT / "tests" / "colab.txt").read_text(encoding="utf-8")
