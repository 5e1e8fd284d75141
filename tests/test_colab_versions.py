"""tools/colab_versions.py: of Colab's long list, what this project and what it needs meet."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tools import colab_versions

ROOT = Path(__file__).resolve().parents[1]
LOCK = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))


def test_the_repository_s_own_file_has_what_notebooks_meet_in_colab():
    lines = (ROOT / "tests" / "colab.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    met = {"torch", "ipykernel", "notebook", "anywidget", "fastapi", "starlette", "uvicorn", "huggingface-hub", "wandb"}
    assert met <= set(pins) and pins["wandb"] == "0.28.1" and pins["safetensors"] == "0.8.0"
    assert {name: pins[name][:4] for name in pins if name.startswith("opencv")} == {
        "opencv-python": "5.0.", "opencv-python-headless": "5.0.", "opencv-contrib-python": "4.14"
    }  # fmt: skip
    assert set(pins) <= colab_versions.needed(LOCK) | set(colab_versions.BESIDE), "tools/colab_versions.py writes it"
