"""The machine and the run: devices, precision, generators, numbered folders, the log."""

from __future__ import annotations

import json
import platform
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from s2f_utils import networks, runtime
from s2f_utils.runtime import precision
from s2f_utils.train.log import MeanLosses, RunLog, read_log


def test_unknown_device_lists_what_is_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for wanted in ("tpu", "cuda:2", "cuda:", "cpu:x"):
        with pytest.raises(ValueError, match=f"{wanted}' is not available.*use one of auto, .*cpu"):
            runtime.pick_device(wanted)
    assert [str(runtime.pick_device(wanted)) for wanted in ("cpu", "cuda:1")] == ["cpu", "cuda:1"]


def test_auto_is_the_preferred_device_within_a_command(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with runtime.preferred_device("cpu"):
        assert runtime.pick_device().type == "cpu" and runtime.pick_device("cuda").type == "cuda"
    assert runtime.pick_device().type == "cuda"


def test_precision_follows_the_hardware(monkeypatch):
    cpu = torch.device("cpu")
    for has, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(precision, "cpu_has_bfloat16", lambda has=has: has)
        assert runtime.pick_precision(cpu).dtype == expected
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    t4 = runtime.pick_precision(torch.device("cuda"))
    assert t4.dtype == torch.float16 and t4.channels_last
    for name, why in (
        ("float16", "training needs a GPU"),
        ("half", "auto, float32"),
        ("int8", "auto, float32"),
    ):
        with pytest.raises(ValueError, match=why):
            runtime.pick_precision(cpu, name)


@pytest.mark.parametrize(
    ("kind", "capability", "last"),
    [
        ("cuda", "AVX2", {"batch", "none"}),
        ("cpu", "AVX512", {"batch", "group", "none"}),
        ("cpu", "AVX2", {"group", "none"}),
        ("mps", "DEFAULT", set()),
    ],
)
def test_the_memory_format_follows_norm_and_processor(monkeypatch, kind, capability, last):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    norms = ("batch", "instance", "group", "none")
    formats = {norm: runtime.training_format(torch.device(kind), norm) for norm in norms}
    assert {norm for norm, name in formats.items() if name == "channels_last"} == last


def test_a_placed_network_runs_in_the_precision_and_trains_its_own_float32_weights():
    precision = runtime.pick_precision(torch.device("cpu"), "bfloat16")
    torch.manual_seed(0)
    net = networks.init_weights(networks.build("patchgan", in_channels=3, base_filters=8))
    x = torch.rand(1, 3, 64, 64)
    exact = net(x)
    keys = list(net.state_dict())
    precision.place(net)
    with precision.autocast():
        out = net(precision.images(x))
    assert out.dtype == torch.bfloat16 and list(net.state_dict()) == keys
    assert 0 < (out - exact).abs().max() < 0.05 * exact.abs().max() + 0.02
    out.sum().backward()
    assert all(p.grad.dtype == torch.float32 for p in net.parameters())


FAULTS = """
import resource, sys, torch
from s2f_utils.runtime import tuned

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(8):
        torch.ones(2**24)  # 64 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

torch.ones(2**24)
before = faults()
with tuned(torch.device("cpu")):
    faults(), faults()  # small things come to lie between the large ones
    print(before, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="no glibc")
def test_a_training_keeps_the_memory_that_it_frees():
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True
    )
    before, within = map(int, done.stdout.split())
    assert within < before / 8


def test_random_generators_are_put_back():
    runtime.seed_everything(3)
    state = runtime.rng_state(torch.device("cpu"))
    first = (random.random(), np.random.rand(), torch.rand(1).item())
    runtime.set_rng_state(state, torch.device("cpu"))
    assert (random.random(), np.random.rand(), torch.rand(1).item()) == first
    runtime.seed_everything(3)
    assert random.random() == first[0]


def test_run_folders_are_numbered_and_never_reused(tmp_path):
    names = [runtime.new_run_folder(tmp_path / "runs", name).name for name in ("a", "b", "a")]
    assert names == ["0001-a", "0002-b", "0003-a"]
    assert runtime.last_run_folder(tmp_path / "runs", "a") is None
    later = ("9999-a", "10000-a")
    for name in later:
        (tmp_path / "runs" / name).mkdir()
    for name in (*names, *later):
        (tmp_path / "runs" / name / "resume.pt").write_bytes(b"")
    assert runtime.last_run_folder(tmp_path / "runs", "a").name == "10000-a"
    assert runtime.last_run_folder(tmp_path / "nowhere", "a") is None


def test_log_survives_a_line_cut_off_and_forgets_what_was_not_kept(tmp_path):
    log = RunLog(tmp_path)
    for images in (2, 4, 6):
        log.row({"images": images, "loss": 1.0})
    with open(log.path, "a") as file:
        file.write('{"images": 8, "lo')  # killed in the middle of a line
    log = RunLog(tmp_path)
    log.event("resume", images=4)
    log.row({"images": 6, "loss": 2.0})
    rows, events = read_log(tmp_path)
    assert [(row["images"], row["loss"]) for row in rows] == [(2, 1.0), (4, 1.0), (6, 2.0)]
    assert [event["event"] for event in events] == ["resume"]


def test_a_loss_of_some_steps_has_the_mean_of_these_steps_over_their_images():
    losses = MeanLosses(torch.device("cpu"))
    losses.add({"loss_d": torch.tensor(1.0), "loss_r1": torch.tensor(6.0)}, 2)
    losses.add({"loss_d": 4.0}, 1)
    assert losses.means() == {"loss_d": 2.0, "loss_r1": 6.0}


def test_infinity_and_nan_are_null_in_json(tmp_path):
    values = {"psnr": float("inf"), "row": [float("nan"), -float("inf"), 1.5], "more": (1, "a")}
    runtime.write_json(tmp_path / "values.json", values)

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    text = (tmp_path / "values.json").read_text()
    read = json.loads(text, parse_constant=refuse)
    assert read == {"psnr": None, "row": [None, None, 1.5], "more": [1, "a"]}


def test_values_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "values.json"
    runtime.write_json(path, {"lr_g": 1e-3})
    before = path.read_bytes()

    def broken(self, text, **_options):
        self.write_bytes(text[:9].encode())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(path), "write_text", broken)
    with pytest.raises(OSError, match="No space"):
        runtime.write_json(path, {"lr_g": 2e-3})
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["values.json"]
