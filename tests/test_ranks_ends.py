"""Several ranks end together: killed, in error, interrupted, stopped; and what stops them from beginning."""

from __future__ import annotations

import json
import os
import re
import signal
import time

import psutil
import pytest

from s2f_utils.models import checkpoints
from s2f_utils.training.tracking import read_log
from tests.launched import gone, run, s2f, saved, start, until, workers


def test_a_killed_rank_ends_the_others_with_a_line_that_says_so(faces_manifest, tmp_path):
    process = start(2, *s2f(faces_manifest, tmp_path))
    until(lambda: saved(tmp_path))
    ranks_of = workers(process)
    ranks_of[1].kill()
    began = time.monotonic()
    out, err = process.communicate(timeout=90)
    assert time.monotonic() - began < 60 and process.returncode != 0 and gone(ranks_of)
    said = re.findall("s2f: .*", err)
    assert len(said) == 1 and "another rank is gone" in said[0] and "Traceback" not in err.partition("s2f: ")[2][:200]
    state = checkpoints.load_torch_file(saved(tmp_path)[0])  # complete, and it can be taken up by one process
    assert state["images_seen"] > 0 and not list(tmp_path.rglob("*.part"))


FAULTS = {
    "rank 1": """
make = loop.make_batch
def broken(run, num, share=slice(None)):
    if rank == "1" and run.images_seen >= 40:
        raise OSError(5, "Input/output error", f"face-{rank}.png")
    return make(run, num, share)
loop.make_batch = broken
""",
    "rank 0, with an error that cannot be sent": """
class Odd(ValueError):
    def __init__(self, number, name):
        super().__init__(f"{name}-{number}.png")
def broken(run, *others, decide=loop.decide):
    if run.images_seen >= 40:
        raise Odd(0, "face")
    return decide(run, *others)
loop.decide = broken
""",
}
FAULTS["both at once"] = FAULTS["rank 1"].replace('rank == "1" and ', "")


@pytest.mark.parametrize("where", FAULTS)
def test_an_error_of_a_rank_is_told_by_all_as_one_line(faces_manifest, where, tmp_path):
    """A rank cannot read a picture, or rank 0 fails between two steps: its reason is what the user hears, once."""
    script = tmp_path / "broken.py"
    head = "import os, sys, s2f_utils.training.loop as loop\nrank = os.environ['RANK']\n"
    main = "from s2f_utils.cli.main import main\nsys.exit(main(sys.argv[1:]))\n"
    script.write_text(head + FAULTS[where] + main, encoding="utf-8")
    process = start(2, script, *s2f(faces_manifest, tmp_path / "runs")[2:])
    ranks_of = until(lambda: psutil.Process(process.pid).children())
    out, err = process.communicate(timeout=120)
    said = re.findall("s2f: .*", err)
    assert process.returncode != 0 and len(said) == 1 and gone(ranks_of), err[-3000:]
    assert re.search(r"face-[01]\.png", said[0]) and ("rank 1" in said[0]) == ("face-1" in said[0])
    assert "broken.py" not in err.partition("ChildFailedError")[0]  # no rank's traceback


@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM to rank 1"])
def test_an_interrupt_finishes_the_step_saves_and_ends_all(faces_manifest, how, tmp_path):
    process = start(2, *s2f(faces_manifest, tmp_path), own_session=True)
    until(lambda: saved(tmp_path))
    ranks_of = workers(process)
    if how == "Ctrl-C":
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the launcher and every rank
    else:
        ranks_of[1].terminate()
    out, err = process.communicate(timeout=60)
    assert gone(ranks_of)
    assert err.count("interrupted after") == 1
    state = checkpoints.load_torch_file(saved(tmp_path)[0])
    assert f"interrupted after {state['images_seen']:,}" in err
    assert read_log(saved(tmp_path)[0].parent)[1][-1]["reason"] == "interrupted"


def test_pause_slider_and_stop_reach_all_ranks(faces_manifest, tmp_path):
    process = start(2, *s2f(faces_manifest, tmp_path))
    folder_ = until(lambda: saved(tmp_path))[0].parent
    controls = folder_ / "controls.json"

    def change(**values):
        now = json.loads(controls.read_text(encoding="utf-8"))
        (folder_ / "new.json").write_text(json.dumps(now | values), encoding="utf-8")
        os.replace(folder_ / "new.json", controls)

    def events(name):
        return [e for e in read_log(folder_)[1] if e.get("name") == name]

    change(pause=True)
    until(lambda: events("pause"))
    seen = len((folder_ / "log.jsonl").read_text().splitlines())
    time.sleep(2)
    assert len((folder_ / "log.jsonl").read_text().splitlines()) == seen
    change(pause=False, lr_g=1e-3, batch_size=3)
    until(lambda: events("batch_size"))
    assert events("lr_g")[0]["new"] == 1e-3
    until(lambda: [r for r in read_log(folder_)[0] if r["images"] > events("batch_size")[0]["images"] + 30])
    change(stop=True)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err[-2000:]
    assert read_log(folder_)[1][-1]["reason"] == "stopped"


def test_a_batch_smaller_than_the_ranks_is_refused_with_what_to_do(faces_manifest, tmp_path):
    done = run(2, *s2f(faces_manifest, tmp_path), "--set", "batch_size=1")
    said = re.findall("s2f: .*", done.stderr)
    assert done.returncode != 0 and said == ["s2f: batch_size must be at least 2, got 1: so many ranks share a batch"]
    assert not tmp_path.joinpath("0001-run").exists()


def test_a_full_disk_of_rank_0_is_said_once_and_training_goes_on(faces_manifest, tmp_path):
    """The folder takes no file larger than a few kB: nothing can be saved, all ranks go on, and the end says why."""
    limited = ["bash", "-c", 'ulimit -f 40; trap "" XFSZ; exec "$@"', "-"]
    process = start(2, *s2f(faces_manifest, tmp_path), "--set", "total_images=400", before=limited)
    out, err = process.communicate(timeout=120)
    assert process.returncode != 0
    said = re.findall("s2f: .*", err)
    assert len(said) == 1 and "could not save at image 400" in said[0], err[-3000:]
