"""The best generator is chosen by validation pairs, or not at all."""

from __future__ import annotations

import dataclasses

import pytest

import data_prep
from s2f_utils.data import read_manifest
from s2f_utils.runtime import ConfigError
from s2f_utils.training.config import resolve
from s2f_utils.training.run import open_run
from tests.scored import drawn_set


def test_a_best_generator_needs_validation_pairs(tmp_path, tiny):
    mine = drawn_set(tmp_path, "mine", range(8), num_test=2)
    with pytest.raises(ConfigError, match=r"no validation pairs to choose by: make some .*--val-share 0.1"):
        open_run(tiny(keep_best="ssim"), mine, tmp_path / "runs", device="cpu", progress=False)
    alone = resolve("stylegan2", "fast", {"keep_best": "ssim"})
    with pytest.raises(ConfigError, match="a method without pairs is not scored"):
        open_run(alone, mine, tmp_path / "runs", device="cpu", progress=False)
    assert not (tmp_path / "runs").exists()
    raw = tmp_path / "raw" / "mine"
    made = data_prep.make_pairs(raw, tmp_path / "set", size_px=32, val_share=0.2, progress=False)
    assert open_run(tiny(keep_best="ssim"), read_manifest(made), tmp_path / "runs", device="cpu", progress=False).folder
    photos = dataclasses.replace(mine, pairs=[dataclasses.replace(r, sketch=None, split="val") for r in mine.pairs[:2]])
    with pytest.raises(ConfigError, match="no validation pairs"):
        open_run(
            tiny(keep_best="ssim"), dataclasses.replace(photos, pairs=photos.pairs + mine.split("train")),
            tmp_path / "more", device="cpu", progress=False,
        )  # fmt: skip
