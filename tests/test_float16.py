"""float16, as on a T4: what a layer makes fits, and small slopes are not lost. On the CPU, with its
gradient scaler.
"""

from __future__ import annotations

import pytest
import torch

from s2f_utils import networks, runtime
from s2f_utils.methods.logistic import r1_penalty
from s2f_utils.methods.method import Context, Term
from s2f_utils.networks.float16 import CONV_CLAMP
from s2f_utils.networks.stylegan2_disc import ConvLayer
from s2f_utils.networks.stylegan2_gen import ModulatedConv2d, StyledConv, ToRGB
from s2f_utils.train.config import find_method, resolve
from tests.steps import take_step

CPU = torch.device("cpu")
HALF, FULL = (runtime.Precision(CPU, dtype, False) for dtype in (torch.float16, torch.float32))
CHANGES = {"path_every": 1, "r1_every": 1, "augment_disc": "none", "lambda_path": 2.0}


def method(precision, name="stylegan2"):
    torch.manual_seed(0)
    return find_method(name)(
        resolve(name, "fast", CHANGES if name == "stylegan2" else {"r1_every": 1}).config, precision
    )


def layers(gain):
    """Layers of StyleGAN2 whose sums are so many times as large as usual, each as a function of
    pictures.
    """
    torch.manual_seed(0)
    styled, rgb, judge = StyledConv(8, 8, 4), ToRGB(8, 4, upsample=False), ConvLayer(8, 8, 3)
    styled.activate.bias.data += gain
    rgb.conv.weight.data *= gain
    judge[0].weight.data *= gain
    style, noise = torch.randn(2, 4), torch.zeros(2, 1, 16, 16)
    return {
        "styled": lambda x: styled(x, style, noise),
        "rgb": lambda x: rgb(x, style),
        "judge": judge,
    }


@pytest.mark.parametrize("kind", ["styled", "rgb", "judge"])
def test_float16_layers_are_clamped_and_others_are_not(kind):
    x = torch.randn(2, 8, 16, 16)
    large = layers(1000.0)[kind]
    whole = large(x)
    assert whole.abs().max() > 2 * CONV_CLAMP
    with torch.autocast("cpu", torch.bfloat16):
        assert large(x.bfloat16()).abs().max() > 2 * CONV_CLAMP
    with torch.autocast("cpu", torch.float16):
        clamped = large(x.half()).float()
    assert clamped.abs().max() == CONV_CLAMP
    assert torch.allclose(clamped, whole.clamp(-CONV_CLAMP, CONV_CLAMP), rtol=0.02, atol=3.0)


@pytest.mark.parametrize("given", [torch.float32, torch.float16])
def test_styles_are_normalised_in_every_float16_layer(given):
    """Also in the first one, which gets float32 from the layers before: large styles would not
    fit, and how large they are is taken out again.
    """
    torch.manual_seed(0)
    conv = ModulatedConv2d(8, 8, 3, 4)
    x, style = 10 * torch.randn(2, 8, 16, 16), 1e4 * torch.randn(2, 4)
    whole = conv(x, style)
    with torch.autocast("cpu", torch.float16):
        found = conv(x.to(given), style)
    assert found.dtype is torch.float16
    assert torch.allclose(found.float(), whole, rtol=0.02, atol=0.2)


def test_r1_is_of_full_precision():
    """Its gradients at pictures round to 0 in float16 where the logits hardly change."""
    half, full = method(HALF), method(FULL)
    for model in (half, full):
        model.net_d.final_linear[1].weight.data.mul_(1e-5)
    photos = torch.rand(4, 3, 32, 32) * 2 - 1
    true = r1_penalty(full.net_d, photos)
    losses = take_step(half, photos, photos)
    assert losses["loss_r1"] > 0 and torch.equal(r1_penalty(method_like(half, full), photos), true)


def method_like(half, full):
    """The discriminator of `half`, with the weights of `full`."""
    half.net_d.load_state_dict(full.net_d.state_dict())
    return half.net_d


@pytest.mark.parametrize("name", ["stylegan2", "restore"])
def test_a_step_that_overflows_is_left_out_and_ends_no_training(name):
    model = method(HALF, name)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**100)
    b = torch.rand(4, 3, 32, 32) * 2 - 1
    before = {
        key: value.clone() for net in model.nets.values() for key, value in net.named_parameters()
    }
    losses = take_step(model, b, b, scaler=scaler)
    assert all(torch.isfinite(value) for value in losses.values())
    assert scaler.get_scale() < 2.0**100
    after = {key: value for net in model.nets.values() for key, value in net.named_parameters()}
    assert all(torch.isfinite(value).all() for value in after.values())
    scaler.update(2.0**10)  # as after several steps
    assert take_step(model, b, b, scaler=scaler)["loss_r1"] > 0
    assert any(not torch.equal(before[key], value) for key, value in after.items())
    if name == "stylegan2":
        assert 0 < model.path_mean < 100


def test_gradients_are_clipped_at_their_true_length():
    weight = torch.nn.Parameter(torch.zeros(4))
    opt = torch.optim.SGD([weight], lr=1.0)
    ctx = Context({}, HALF, scaler=torch.amp.GradScaler("cpu", init_scale=2.0**10))
    ctx.descend({"loss": Term(10 * weight.sum())}, opt, max_norm=2.0)  # of length 20
    assert weight.norm().item() == pytest.approx(2.0, rel=1e-3)


def test_low_resolutions_and_the_discriminators_end_stay_in_float32():
    """NVIDIA's code runs the four highest resolutions in 16 bits, and nothing else."""
    torch.manual_seed(0)
    net_g = networks.build("stylegan2", size_px=128, width=8, style_dim=8, num_mlp=1)
    net_d = networks.build("stylegan2-disc", size_px=128, width=8)
    found: dict[str, list[torch.dtype]] = {}

    def watch(layer, name):
        layer.register_forward_hook(
            lambda _layer, _x, out: found.setdefault(name, []).append(out.dtype)
        )

    for layer in [net_g.conv1, *net_g.convs]:
        watch(layer, "generator")
    for layer in [*list(net_d.convs)[1:], net_d.final_conv]:
        watch(layer, "discriminator")
    with torch.autocast("cpu", torch.bfloat16):
        logits = net_d(net_g(torch.randn(2, 8)))
    full, half = torch.float32, torch.bfloat16
    assert found["generator"] == [full] * 3 + [half] * 8  # 4, 8, 8 px; 16 to 128 px
    assert found["discriminator"] == [half] * 4 + [full] * 2 and logits.dtype == full
