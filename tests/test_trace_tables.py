"""Every row of the tables says where it comes from, or that this was not noted."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from s2f_utils.data import read_manifest
from s2f_utils.training.finetune import finished_run

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def trace_tables():
    sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "benchmarks")]
    return importlib.import_module("trace_tables")


@pytest.fixture(scope="module")
def common(trace_tables):
    return importlib.import_module("common")


@pytest.fixture(scope="module")
def found(trace_tables):
    return trace_tables.traces()


def test_every_table_has_a_trace(trace_tables, found):
    made = trace_tables.readme_tables.tables()
    waiting = {marker for marker, text in made.items() if text in ("Waits for a GPU.", "Not measured yet.")}
    assert {one.marker for one in found if one.rows} == set(made) - waiting
    assert all(one.page.endswith(".md") for one in found)
    for marker in set(made) - waiting:  # as many rows as the pages show
        rows = [row for one in found if one.marker == marker for row in one.rows]
        assert len(rows) == len(trace_tables.first_cells(made[marker])) > 0


def test_no_row_is_without_run_or_measuring(found):
    for one in found:
        for row in one.rows:
            assert row.label and row.run.strip() and row.measured.strip()


def test_what_is_known_of_a_run_is_told(found):
    faithful = next(one for one in found if one.marker == "quality").rows[0]
    assert faithful.label == "faithful, 3 seeds, 88-only"
    assert "seeds 0, 1, 2" in faithful.run and "league 88-only" in faithful.run
    card = next(one for one in found if one.marker == "shipped").rows[0]
    assert "method faithful" in card.run and "images 32000" in card.run


def test_results_written_from_now_on_say_how_they_were_measured(trace_tables, common, tmp_path, monkeypatch):
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    old = {"model": "old", "kind": "model", "league": "open", "seed": 0, "intervals": {}}
    common.write("leaderboard_cuhk", {"retrieval_note": "", "rows": [old, common.new(old | {"model": "new"})]})
    quality = next(one for one in trace_tables.traces(tmp_path) if one.marker == "quality")
    kept, fresh = quality.rows
    assert kept.measured == "not noted"  # what an earlier call measured is not ascribed to this one
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True)
    told = common.provenance()
    assert told["commit"] == commit.stdout.strip()
    assert all(told[name] in fresh.measured for name in ("commit", "date", "command"))
    assert quality.committed == ""  # never


def test_a_file_of_one_measuring_speaks_for_all_of_its_rows(trace_tables, common, tmp_path, monkeypatch):
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    common.write("commands", {"make demo": "some time"})
    (row,) = next(one for one in trace_tables.traces(tmp_path) if one.file == "commands.json").rows
    assert row.run == "benchmarks/commands.py" and common.provenance()["date"] in row.measured


def test_rows_that_do_not_fit_their_table_are_an_error(trace_tables, monkeypatch):
    module = importlib.import_module("best_cuhk")
    monkeypatch.setitem(module.ROWS, "best", lambda found: found["results"]["final"][1:])
    with pytest.raises(ValueError, match="7 rows, its table has 8"):
        trace_tables.traces()


def test_no_folder_of_this_machine_is_told(common):
    given = ["/home/anna/cuhk", "faithful=/data/runs/0001-faithful", f"{ROOT}/runs/x", "runs/cuhk", "--open", "1/2"]
    told = [common.without_folders(one) for one in given]
    assert told == ["cuhk", "faithful=0001-faithful", "runs/x", "runs/cuhk", "--open", "1/2"]


def test_a_run_says_what_it_was(common, faces_manifest, tmp_path):
    changes = {"size_px": 32, "load_size_px": 32, "total_images": 2, "batch_size": 1, "seed": 3, "base_filters": 8}
    folder = finished_run("pix2pix", changes, read_manifest(faces_manifest), tmp_path, "tiny", device="cpu")
    told = json.loads(json.dumps(common.run_of(folder)))
    assert told["method"] == "pix2pix" and told["seed"] == 3 and told["images"] == 2
    assert told["settings"]["base_filters"] == 8 and "lambda_l1" not in told["settings"]
    assert told["code"].startswith(importlib.import_module("s2f_utils").__version__)
