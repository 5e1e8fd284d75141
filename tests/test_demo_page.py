"""The page at the end of `make demo`: each training with drawings, answers, curves and scores."""

from __future__ import annotations

import re
import shutil
import sys

import pytest

from data_prep import make_people
from s2f_studio import cli
from tests.test_cli import TINY
from tools import demo_page


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A data set with a validation split, and a folder with a short run named after each method."""
    root = tmp_path_factory.mktemp("demo")
    make_people(root / "data", 24, 32, sketches="pencil", progress=False)
    runs, data = root / "runs", str(root / "data")
    named = ["--name", "pix2pix-demo"]
    command = ["train", "pix2pix", "--data", data, "--runs", str(runs), *named, *TINY]
    assert cli.main(command) == 0
    trained = next(runs.iterdir())
    shutil.copytree(trained, runs / "0002-cyclegan-demo")
    return root


def test_the_page_has_every_training_and_needs_no_other_file(demo, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["demo_page.py", str(demo / "data"), str(demo / "runs")])
    demo_page.main()
    assert capsys.readouterr().out.rstrip().endswith("demo.html")
    page = (demo / "runs" / "demo.html").read_text(encoding="utf-8")
    for name in ("pix2pix", "CycleGAN"):
        assert f"<h2>{name}</h2>" in page and f'alt="curves of {name}"' in page
    assert page.count('alt="drawings, answers, true photos"') == 2
    assert page.count("<th>SSIM ↑</th>") == 2
    sources = re.findall(r'(?:src|href)="([^"]{,11})', page)
    assert len(sources) == 4 and set(sources) == {"data:image/"}


def test_without_a_run_it_says_what_to_do(demo, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["demo_page.py", str(demo / "data"), str(tmp_path)])
    with pytest.raises(SystemExit, match="no run pix2pix-demo: run 'make demo'"):
        demo_page.main()
