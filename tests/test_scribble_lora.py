"""A LoRA of a guest on one's own pairs: trained, stopped, gone on with, saved alone, and asked by the same door."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
import torch
from PIL import Image

for name in ("diffusers", "transformers", "peft"):
    pytest.importorskip(name, reason="the extra 'guests' is not installed: pip install -e '.[guests]'")

from huggingface_hub import constants  # noqa: E402

from s2f_utils import cli, inference, runtime  # noqa: E402
from s2f_utils.data import read_manifest  # noqa: E402
from s2f_utils.models import checkpoints  # noqa: E402
from s2f_utils.pictures import drawings, images  # noqa: E402
from s2f_utils.training import config, loop  # noqa: E402
from s2f_utils.training.run import open_run  # noqa: E402
from s2f_utils.training.tracking import read_log  # noqa: E402
from s2f_utils.weights import guests  # noqa: E402
from tests import launched, test_guests, tiny_guests  # noqa: E402

hub, files = test_guests.hub, test_guests.files
GUEST = "sd15-scribble"
FEW = {"total_images": 8, "batch_size": 2, "check_memory": False, "precision": "float32", "lr_g": 1e-3}


@pytest.fixture()
def fetched(hub):
    guests.get(GUEST, agree=True)
    return hub


def train(manifest, runs, **changes):
    run = open_run(config.resolve("scribble-lora", "fast", FEW | changes), read_manifest(manifest), runs, device="cpu",
                   progress=False)  # fmt: skip
    loop.train(run)
    return run


def test_a_run_learns_and_its_file_holds_the_changes_alone(fetched, faces_manifest, tmp_path):
    run = train(faces_manifest, tmp_path, total_images=60, prompt="my set")
    losses = [row["loss_g"] for row in read_log(run.folder)[0]]
    assert np.isfinite(losses).all()
    path = run.folder / "generator.safetensors"
    net, meta = checkpoints.load_network(path)
    assert (net.guest, net.rank, net.prompt, meta["method"]) == (GUEST, 4, "my set", "scribble-lora")
    assert path.stat().st_size < 200_000
    ups = [value for name, value in net.state_dict().items() if ".lora_B." in name]
    assert ups and all(value.abs().max() > 0 for value in ups), "every layer has learned"
    assert (run.folder / "samples").is_dir()


def test_the_guest_itself_stays_as_it_was(fetched, faces_manifest, tmp_path):
    run = train(faces_manifest, tmp_path)
    folders = guests.get(GUEST)
    from diffusers import UNet2DConditionModel

    own = UNet2DConditionModel.from_pretrained(folders["base"], subfolder="unet", variant="fp16").state_dict()
    trained = run.model.pipeline.unet.state_dict()
    plain = {name.replace(".base_layer", ""): value for name, value in trained.items() if "lora" not in name}
    assert set(plain) == set(own)
    assert all(torch.equal(plain[name].float(), own[name].float()) for name in own)


def test_a_run_that_was_stopped_goes_on_exactly(fetched, faces_manifest, tmp_path):
    whole = train(faces_manifest, tmp_path / "whole")
    half = train(faces_manifest, tmp_path / "half", total_images=4)
    resolved = config.resolve("scribble-lora", "fast", FEW)  # the learning rate does not depend on the length
    gone_on = open_run(resolved, read_manifest(faces_manifest), tmp_path / "half", device="cpu", progress=False,
                       resume=half.folder)  # fmt: skip
    loop.train(gone_on)
    assert gone_on.folder == half.folder and gone_on.images_seen == whole.images_seen == 8
    for name, value in whole.model.net_g.state_dict().items():
        assert torch.equal(gone_on.model.net_g.state_dict()[name], value), name


def test_the_answer_has_what_was_learned(fetched, faces_manifest, tmp_path):
    run = train(faces_manifest, tmp_path, total_images=40, lr_g=1e-2)
    ready = drawings.prepare(drawings.example("glasses"), size_px=test_guests.PX).image
    plain, learned = (inference.load(name, "cpu") for name in (GUEST, run.folder))
    assert learned.name == str(run.folder) and learned.guest.name == GUEST
    asked = {"seed": 1, "guest_strength": 1.0}
    assert not np.array_equal(learned.translate(ready, **asked), plain.translate(ready, **asked))
    none, _ = checkpoints.load_network(run.folder / "generator.safetensors")
    for name, value in none.named_parameters():
        if ".lora_B." in name:
            value.data.zero_()
    from s2f_utils.inference.guests import diffusion

    nothing = diffusion.load(GUEST, "cpu", lora=none)
    assert np.abs(nothing.translate(ready, **asked).astype(int) - plain.translate(ready, **asked)).max() <= 1


def on_the_command_line(manifest, runs) -> list[str]:
    return ["train", "scribble-lora", "--data", str(manifest), "--profile", "fast", "--runs", str(runs)]


def test_on_the_command_line_with_its_report(fetched, faces_manifest, tmp_path, capsys):
    given = on_the_command_line(faces_manifest, tmp_path / "r")
    assert cli.main([*given, "--device", "cpu", *(f"--set={k}={v}" for k, v in FEW.items())]) == 0
    (folder,) = (tmp_path / "r").iterdir()
    assert (folder / "report.html").is_file()
    Image.fromarray(drawings.example("glasses")).save(tmp_path / "d.png")
    asked = ["translate", str(folder), str(tmp_path / "d.png"), "--out", str(tmp_path / "o"), "--device", "cpu"]
    assert cli.main([*asked, "--prompt", "a sailor", "--strength", "0.5"]) == 0
    (made,) = (tmp_path / "o").iterdir()
    notes = images.read_notes(made)
    assert "a sailor" in notes["prompt"] and notes["terms"] and notes["strength"] == "0.5"
    assert cli.main(["train", "scribble-lora", "--list-settings"]) == 0
    assert "guest = 'sd15-scribble'" in capsys.readouterr().out


def test_without_the_files_it_says_so_before_anything_is_written(hub, faces_manifest, tmp_path, capsys):
    given = [
        "train",
        "scribble-lora",
        "--data",
        str(faces_manifest),
        "--profile",
        "fast",
        "--runs",
        str(tmp_path / "r"),
    ]
    assert cli.main([*given, "--device", "cpu"]) == 2
    assert "sd15-scribble is not on this machine" in capsys.readouterr().err
    assert not (tmp_path / "r").exists() or not any((tmp_path / "r").iterdir())


@pytest.mark.parametrize(
    ("change", "text"),
    [({"guest": "nobody"}, "guest must be one of"),
     ({"guest": "sd-turbo-scribble"}, "guest must be sd15-scribble, got sd-turbo-scribble"),
     ({"rank": 0}, "rank must be more than 0"),
     ({"ema_half_life_images": 5.0}, "ema_half_life_images must be 0"),
     ({"size_px": 32, "load_size_px": 32}, "64 or more")],
)  # fmt: skip
def test_settings_that_cannot_be(change, text):
    with pytest.raises(runtime.ConfigError, match=text):
        config.resolve("scribble-lora", "fast", change)


def test_two_ranks_learn_what_one_process_learns(fetched, faces_manifest, tmp_path):
    env = launched.ENV | tiny_guests.elsewhere(tmp_path, constants.HF_HUB_CACHE)
    train = ["-m", "s2f_utils", *on_the_command_line(faces_manifest, ""), "--device", "cpu", "--no-report"]
    train += [f"--set={name}={value}" for name, value in FEW.items()]
    found = []
    for num in (1, 2):
        place = tmp_path / f"ranks-{num}"
        train[train.index("--runs") + 1] = str(place)
        done = subprocess.run(launched.command(num, *train), env=env, cwd=launched.ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found.append(checkpoints.load_network(next(place.glob("*/generator.safetensors")))[0].state_dict())
    one, two = found
    for name, value in one.items():
        assert torch.allclose(two[name], value, atol=1e-5), name
    assert max(float(value.abs().max()) for name, value in one.items() if ".lora_B." in name) > 1e-3


@pytest.mark.gpu
def test_on_a_gpu_it_learns_in_half_precision(fetched, faces_manifest, tmp_path):
    few = FEW | {"precision": "auto", "check_memory": True}
    run = open_run(config.resolve("scribble-lora", "fast", few, has_gpu=True), read_manifest(faces_manifest), tmp_path,
                   device="cuda", progress=False)  # fmt: skip
    loop.train(run)
    assert all(torch.isfinite(value).all() for value in run.model.net_g.state_dict().values())
    assert any(value.abs().max() > 0 for name, value in run.model.net_g.state_dict().items() if ".lora_B." in name)
