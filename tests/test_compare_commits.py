"""What tools/compare_commits.py calls equal is equal to the last bit. No commit is run here."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
spec = importlib.util.spec_from_file_location("compare_commits", ROOT / "tools" / "compare_commits.py")
compare_commits = sys.modules["compare_commits"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(compare_commits)


@pytest.mark.parametrize(
    "old, new, expected",
    [
        ([1.0, 2.0], [1.0, 2.0], None),
        ([1.0, 2.0], [1.0, 2.25], 0.25),
        ([0.0], [-0.0], 0.0),
        ([np.nan, np.inf, 1.0], [np.nan, np.inf, 3.0], 2.0),
        ([np.nan, 1.0], [2.0, 1.0], np.inf),
        ([1.0], [1.0, 1.0], "float64 (1,) → float64 (2,)"),
    ],
)
def test_difference_of_numbers(old, new, expected):
    assert compare_commits.difference(np.asarray(old), np.asarray(new)) == expected


def test_difference_of_pictures_and_words():
    black, grey = np.zeros((2, 2), np.uint8), np.full((2, 2), 200, np.uint8)
    assert compare_commits.difference(black, grey) == compare_commits.difference(grey, black) == 200.0
    assert compare_commits.difference(black, black.astype(np.float32)).startswith("uint8")
    assert compare_commits.difference("done", "done") is None
    assert compare_commits.difference("done", "stopped") == "'done' → 'stopped'"
    assert compare_commits.difference(None, "done") == "only in NEW"
    last_bit = np.nextafter(np.float32(1), np.float32(2))
    assert compare_commits.difference(np.float32([1]), np.float32([last_bit])) == pytest.approx(1.19e-7, rel=0.01)


def write_run(folder: Path, weight: float, seconds: float) -> dict:
    """What a run leaves, in small, written without the library; what `read_folder` finds of it."""
    net = {"conv.weight": torch.full((2, 3), weight), "conv.half": torch.full((2,), weight, dtype=torch.bfloat16)}
    header = {"s2f": json.dumps({"network": "unet", "args": {"norm": "batch"}})}
    safetensors.torch.save_file(net, folder / "generator.safetensors", metadata=header)
    torch.save({"nets": net, "rng": [3, (1, 2), None], "seconds": seconds}, folder / "resume.pt")
    Image.new("RGB", (4, 5), (7, 7, 7)).save(folder / "sheet.png")
    rows = [{"images": 4, "loss_l1": 0.5, "seconds": seconds}, {"event": "end", "time": str(seconds)}]
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "config.json").write_text(json.dumps({"data": str(folder)}))
    return compare_commits.read_folder(folder)


@pytest.fixture()
def runs(tmp_path):
    """Makes what a run leaves in a folder of its own."""

    def make(name: str, weight: float = 1.0, seconds: float = 3.0) -> dict:
        (tmp_path / name).mkdir()
        return write_run(tmp_path / name, weight, seconds)

    return make


def test_runs_that_differ_in_the_clock_alone_are_equal(runs):
    old, new = runs("old"), runs("new", seconds=5.0)
    assert set(old) == {"generator.safetensors", "resume.pt", "sheet.png", "log.jsonl"}
    assert set(old["log.jsonl"]) == {"0/images", "0/loss_l1", "1/event"}
    assert set(old["resume.pt"]) == {"nets/conv.weight", "nets/conv.half", "rng/0", "rng/1", "rng/2"}
    assert old["sheet.png"]["pixels"].shape == (5, 4, 3)
    assert compare_commits.compare_files(old, new) == {}
    assert compare_commits.digest(old) == compare_commits.digest(new)


def test_what_differs_is_named_with_the_largest_difference(runs):
    old, new = runs("old"), runs("new", weight=1.25)
    new["log.jsonl"]["0/loss_l1"] = np.asarray(0.625)
    new["extra.png"] = new.pop("sheet.png")
    found = compare_commits.compare_files(old, new)
    assert set(found) == {"generator.safetensors", "resume.pt", "log.jsonl", "sheet.png", "extra.png"}
    assert set(found["generator.safetensors"].values()) == {0.25} and found["log.jsonl"] == {"0/loss_l1": 0.125}
    said = compare_commits.described(found["log.jsonl"])
    assert said == "largest difference 0.125 at 0/loss_l1, 1 entries differ"
    assert compare_commits.described(found["sheet.png"]) == "only in OLD"
    assert compare_commits.digest(old) != compare_commits.digest(new)


def test_a_value_that_is_missing_or_another_network_is_said(runs):
    old, new = runs("old"), runs("new")
    del new["resume.pt"]["rng/1"]
    new["generator.safetensors"]["header/s2f/network"] = "resnet"
    found = compare_commits.compare_files(old, new)
    assert found["resume.pt"] == {"rng/1": "only in OLD"}
    assert found["generator.safetensors"] == {"header/s2f/network": "'unet' → 'resnet'"}


def test_the_table_has_every_method_and_what_an_item_needs_stands_before_it():
    items = compare_commits.table()
    names = [item.name for item in items]
    assert len(set(names)) == len(names)
    for number, item in enumerate(items):
        assert item.needs <= set(names[:number]), item
        assert "{" not in item.command
    command = [sys.executable, "-m", "s2f_utils", "train", "pix2pix", "--list-settings"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for method in re.findall(r"^(\w+):$", listed, re.M):
        assert {f"train-{method}", f"half-{method}", f"resume-{method}"} <= set(names)
