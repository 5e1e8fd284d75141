"""Scores by what the manifest says of the pairs: SSIM and sharpness side by side, and small numbers said."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from s2f_utils.cli.main import main
from s2f_utils.data import read_manifest
from s2f_utils.metrics import attributes
from tests.scored import SIZE, drawn_set, run_on

STYLES = ["bold", "soft", "bold", "", "soft", "bold"]  # of the six test pairs


@pytest.fixture(scope="module")
def styled(tmp_path_factory):
    """Fourteen pairs, six of them for testing: a style each, and a note that is another for every pair."""
    manifest = drawn_set(tmp_path_factory.mktemp("styled"), "set", range(14), num_test=6)
    with open(manifest.path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    told = {pair.id: style for pair, style in zip(manifest.split("test"), STYLES, strict=True)}
    with open(manifest.path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*rows[0], "style", "note", "same"])
        writer.writeheader()
        writer.writerows(
            row | {"style": told.get(row["id"], "soft"), "note": f"of {row['id']}", "same": "x"} for row in rows
        )
    return read_manifest(manifest.path)


def test_few_values_are_shown_by_themselves_with_sharpness_beside_ssim(styled, tmp_path, tiny, capsys):
    run = run_on(styled, tmp_path / "runs", "own", tiny)
    assert main(["evaluate", str(run), "--data", str(styled.path.parent), "--out", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    heading, scores, by_style, *_ = shown.split("\n\n")
    assert heading == f"{styled.path.parent.name}, split test: 6 pairs of {SIZE}x{SIZE} pixels"
    assert "SSIM ↑" in scores and "sharpness → 1" in scores.splitlines()[0]
    table = [line.split() for line in by_style.splitlines()]
    assert [line[:4] for line in table[1:4]] == [
        ["style", "(none)", "1*", "pix2pix"], ["style", "bold", "3*", "pix2pix"], ["style", "soft", "2*", "pix2pix"],
    ]  # fmt: skip
    assert table[4][:3] == ["*:", "fewer", "than"] and len(table) == 5  # neither note nor same
    facts = json.loads((tmp_path / "out" / "metrics.json").read_text())
    with open(tmp_path / "out" / "per_image.csv", encoding="utf-8") as file:
        scores = {row["id"]: float(row["sharpness"]) for row in csv.DictReader(file) if row["row"] == "pix2pix"}
    bold = [scores[pair.id] for pair in styled.split("test") if pair.attributes["style"] == "bold"]
    found = facts["by"]["style"]["bold"]
    assert found["num_images"] == 3 and found["few"] and set(facts["by"]) == {"style"}
    assert found["rows"]["pix2pix"]["sharpness"]["mean"] == pytest.approx(np.mean(bold), rel=1e-4)


def test_values_worth_showing_are_few_and_have_several_images_each():
    told = [{"style": style, "one": "x", "each": str(n), "empty": ""} for n, style in enumerate("abab")]
    assert attributes.worth_showing(told) == ["style"]
    assert attributes.worth_showing(told[:3]) == []  # two values of three images
    assert attributes.worth_showing([{"many": str(n % 7)} for n in range(70)]) == []
    assert attributes.worth_showing([{"six": str(n % 6)} for n in range(70)]) == ["six"]


def test_means_of_each_value_are_of_its_images_alone():
    told = [{"style": style} for style in ("a", "b", "a", "")]
    values = {"model": {"ssim": np.array([0.2, 0.5, 0.4, 0.9]), "sharpness": np.array([1.0, 2.0, 3.0, 4.0])}}
    headings, rows = attributes.table(told, ["style"], values, {"model": "model"})
    assert headings == ["", "", "images", "", "SSIM ↑", "sharpness → 1"]
    assert [row[:4] for row in rows] == [
        ["style", v, n, "model"] for v, n in (("(none)", "1*"), ("a", "2*"), ("b", "1*"))
    ]
    assert float(rows[1][4]) == pytest.approx(0.3) and float(rows[1][5]) == pytest.approx(2.0)
    text = attributes.as_text(headings, rows)
    assert text.splitlines()[-1] == attributes.FEW and attributes.as_text(headings, []) == ""
    many = [{"style": "ab"[n % 2]} for n in range(2 * attributes.FEW_IMAGES)]
    enough = {"model": {"ssim": np.full(len(many), 0.5)}}
    assert "*" not in attributes.as_text(*attributes.table(many, ["style"], enough, {"model": "model"}))
    found = attributes.means(told, "style", values)
    assert found["a"]["num_images"] == 2 and found["a"]["few"]
    assert found["a"]["rows"]["model"]["ssim"]["mean"] == pytest.approx(0.3)
