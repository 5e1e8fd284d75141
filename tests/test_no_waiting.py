"""Training on a GPU: no method's step waits for it. On a pretended one (`pretended_gpu`), so that no GPU is needed."""

from __future__ import annotations

import pytest
import torch

from s2f_utils import models, runtime
from s2f_utils.data import read_manifest, stores
from s2f_utils.models import checkpoints
from s2f_utils.pictures.attributes import TOLD
from s2f_utils.runtime import Coming, sent
from s2f_utils.training.ada import AdaptiveP
from s2f_utils.training.config import resolve, settings_of
from s2f_utils.training.loop import train
from s2f_utils.training.run import open_run
from tests import reference
from tests.pretended_gpu import pretended_gpu
from tests.test_expect import drawn, people  # noqa: F401
from tests.test_metrics_networks import backbone, own_weights  # noqa: F401

BENT = {"rotate_deg": 5.0, "shift_px": 2.0, "shear_deg": 3.0}
STEPS = 9
QUIET = {
    "batch_size": 4, "total_images": 4 * STEPS, "num_samples": 2, "log_every_images": 1000,
    "sample_every_images": 1000,
}  # fmt: skip
CASES = {
    "pix2pix": BENT,
    "pix2pix in parts": {"accumulate": 2},
    "pix2pix toned": {"input_brightness": 0.2, "input_contrast": 0.2, "input_lines": 0.3},
    "pix2pix projected": {"discriminator": "projected", "disc_filters": 8, "lambda_perceptual": 0.1},
    "pix2pix bent": BENT | {"elastic": 0.01},
    "cgan": {},
    "cyclegan": {"pool_size": 6},
    "faithful": {"hint_share": 0.5},
    "realistic": {"lambda_features": 1.0},
    "stylegan2": {"r1_every": 2, "path_every": 2, "ada_images": 100.0},
    "stylegan2 diff": {"augment_disc": "diff", "noise_from_images": 1000},
    "psp": {"mixing": 0.5},
    "restore": {"r1_every": 2, "rotate_deg": 5.0},
    "expect": {},
    "render": {"r1_every": 2, "widths": "8,12,16", "judge_widths": "8,12,16"},
}


class Watch:
    """The waits from the third step to the last one; before it networks and optimisers are made ready."""

    def __init__(self, gpu) -> None:
        self.gpu, self.found, self.tunes = gpu, [], []

    def on_step(self, run):
        self.tunes.append(torch.backends.cudnn.benchmark)
        if run.images_seen == 2 * run.config.batch_size:
            self.gpu.waits.clear()
        if run.images_seen == run.total_images:
            self.found = sorted(set(self.gpu.waits))


@pytest.fixture()
def on_gpu(monkeypatch):
    """A machine with a GPU that is pretended; float16's scaler is the CPU's."""
    pick = lambda wanted="auto": torch.device("cuda" if wanted == "auto" else wanted)  # noqa: E731
    monkeypatch.setattr(runtime, "pick_device", pick)
    monkeypatch.setattr(stores, "free_bytes", lambda device: 10**10)
    monkeypatch.setattr(
        runtime.Precision, "scaler", lambda self: torch.amp.GradScaler("cpu", enabled=self.dtype == torch.float16)
    )


def begin_with(method, manifest, folder):
    """What a run of this method begins with; and the settings that say so."""
    if method == "psp":
        return "faces-64", settings_of("faces-64", "psp")
    if method == "realistic":
        run = open_run(resolve("faithful", "fast", QUIET), manifest, folder, device="cpu", progress=False)
        train(run, progress=False)
        return run.folder, {}
    if method == "render":
        experts = [folder / f"expect-{fold}.safetensors" for fold in range(2)]
        for place in experts:
            net = models.build("expect", widths=(16, 16, 24, 32), told=len(TOLD))
            checkpoints.save_generator(place, net, {"direction": "sketch-to-photo", "size_px": 128})
        net = models.build("render", widths=(8, 12, 16))
        checkpoints.save_generator(folder / "init.safetensors", net, {"direction": "sketch-to-photo", "size_px": 256})
        return folder / "init.safetensors", {"expected_by": ",".join(map(str, experts))}
    return None, {}


def watched(case, manifest, folder, **changes):
    method = case.partition(" ")[0]
    init, asked = begin_with(method, manifest, folder)
    resolved = resolve(method, "fast", QUIET | {"precision": "float32"} | CASES[case] | asked | changes)
    with pretended_gpu() as gpu:
        run = open_run(resolved, manifest, folder, init=init, progress=False)
        watch = Watch(gpu)
        weights = [p for net in run.model.nets.values() for p in net.parameters()]
        assert all(map(gpu.has, weights)) and train(run, callbacks=[watch], progress=False) == "done"
        assert all(torch.isfinite(p).all() for p in weights)
    return watch


@pytest.mark.parametrize("case", CASES)
def test_no_step_waits(case, request, faces_manifest, tmp_path, on_gpu):
    needs_points = case in ("expect", "render")
    manifest = read_manifest(request.getfixturevalue("drawn") if needs_points else faces_manifest)
    watch = watched(case, manifest, tmp_path)
    assert watch.found == []


@pytest.mark.parametrize("case", ["stylegan2", "realistic", "restore", "pix2pix projected"])
def test_no_step_waits_in_float16(case, faces_manifest, tmp_path, on_gpu):
    assert watched(case, read_manifest(faces_manifest), tmp_path, precision="float16").found == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("psp", {"perceptual": "lpips", "lambda_id": 0.1}),
        ("restore", {"perceptual": "vgg", "lambda_style": 50.0, "lambda_id": 10.0}),
    ],
)
def test_no_step_waits_for_networks_that_losses_look_through(
    case,
    changes,
    faces_manifest,
    tmp_path,
    on_gpu,
    own_weights,  # noqa: F811
):
    own_weights(
        alexnet=backbone("alexnet"), vgg19=backbone("vgg19"),
        arcface=reference.published_state_dict(reference.load("irse50_arcface")),
    )  # fmt: skip
    manifest = read_manifest(faces_manifest)
    assert watched(case, manifest, tmp_path / "runs", total_images=16, **changes).found == []


def test_no_step_waits_for_pictures_that_are_read_as_they_are_needed(faces_manifest, tmp_path, on_gpu, monkeypatch):
    monkeypatch.setattr(stores, "free_bytes", lambda device: 0)
    changes = {"size_px": 128, "load_size_px": 136}
    watch = watched("pix2pix", read_manifest(faces_manifest), tmp_path, **changes)
    assert watch.found == [] and watch.gpu.pinned_in[-2 * STEPS :] == ["ahead_0"] * 2 * STEPS


def test_training_lets_cudnn_choose_and_gives_the_choice_back(faces_manifest, tmp_path, on_gpu, monkeypatch):
    manifest = read_manifest(faces_manifest)
    assert watched("cgan", manifest, tmp_path).tunes == [True] * STEPS and not torch.backends.cudnn.benchmark
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    assert watched("cgan", manifest, tmp_path).tunes == [False] * STEPS
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)
    run = open_run(resolve("cgan", "fast", QUIET), manifest, tmp_path, device="cpu", progress=False)
    watch = Watch(None)
    watch.on_step = lambda run: watch.tunes.append(torch.backends.cudnn.benchmark)
    train(run, callbacks=[watch], progress=False)
    assert watch.tunes == [False] * STEPS


def test_adas_probability_on_a_gpu_is_that_of_the_cpu_a_batch_later():
    def probabilities(device, num, restart=0):
        p, found = AdaptiveP(100.0), []
        for n in range(num):
            p.look(torch.full((4, 1), 1.0 if n < 10 else -1.0).to(device), 0.6)
            if n + 1 == restart:
                state, p = p.state_dict(), AdaptiveP(100.0)
                p.load_state_dict(state)
            found.append(p.p)
        return found

    on_cpu = probabilities("cpu", 20)
    assert on_cpu[2:5] == [0, 0.16, 0.16] and on_cpu[7] == 0.32 and on_cpu[11] == 0.16
    with pretended_gpu() as gpu:
        late = probabilities("cuda", 20)
        assert late[0] == 0 and late[1:] == on_cpu[:-1]
        assert not [wait for wait in gpu.waits if "ada.py" in wait]
        for restart in (4, 5, 6):
            assert probabilities("cuda", 20, restart) == late


LARGE = torch.zeros(40_000)
WAITS = {
    "item": lambda x: x.sum().item(),
    "float": lambda x: float(x[0]),
    "a condition": lambda x: bool((x > 0).any()),
    "tolist": lambda x: x.tolist(),
    "numpy": lambda x: x.detach().numpy(),
    "to the CPU": lambda x: x.cpu(),
    "to the CPU by its name": lambda x: x.to("cpu"),
    "what has not come": lambda x: x.to("cpu", non_blocking=True) + 1,
    "to the GPU": lambda x: torch.ones(3).to("cuda"),
    "pageable": lambda x: LARGE.to("cuda", non_blocking=True),
    "torch.tensor": lambda x: torch.tensor(0.5, device="cuda"),
    "new_tensor": lambda x: x.new_tensor([1.0, 2.0]),
    "as_tensor": lambda x: torch.as_tensor([1.0], device=x.device),
    "a mask": lambda x: x[x > 0.5],
    "a list of rows": lambda x: x[[0, 2]],
    "into a list of rows": lambda x: x.__setitem__([0, 2], 1.0),
    "nonzero": lambda x: x.nonzero(),
    "an inverse": lambda x: torch.linalg.inv(x[:9].view(3, 3) + 2 * torch.eye(3, device=x.device)),
    "copy_": lambda x: x.copy_(LARGE),
}
NO_WAITS = {
    "sent": lambda x: sent(LARGE, x.device),
    "sent, a little": lambda x: sent(torch.ones(3), x.device),
    "coming": lambda x: Coming(x.sum()).tensor().item(),
    "drawn there": lambda x: torch.rand(3, device=x.device) + x[:3],
    "sent rows": lambda x: x[sent(torch.tensor([0, 2]), x.device)],
    "a number": lambda x: torch.where(x > 0.5, x, 0.0).mean().sqrt() * 3.0,
    "backward": lambda x: (x.clone().requires_grad_() ** 2).sum().backward(),
    "on the CPU": lambda x: torch.rand(3).sum().item(),
}


@pytest.mark.parametrize("name", [*WAITS, *NO_WAITS])
def test_the_pretended_gpu_knows_a_wait(name):
    with pretended_gpu() as gpu:
        x = torch.rand(40_000, device="cuda")
        assert gpu.waits == [] and x.device.type == "cuda"
        (WAITS | NO_WAITS)[name](x)
    assert len(gpu.waits) == (name in WAITS), gpu.waits


def test_the_pretended_gpu_keeps_devices_apart():
    with pretended_gpu(), pytest.raises(RuntimeError, match="on both devices"):
        torch.rand(3, device="cuda") + torch.rand(3)
