"""StyleGAN2's synthesis, the small pSp encoder and pSp's step, against the same written out."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from s2f_series import steering
from s2f_utils import networks, runtime
from s2f_utils.methods import losses
from s2f_utils.methods.method import Batch, first_losses
from s2f_utils.methods.psp import PSP

SIZES = {"style_dim": 16, "num_mlp": 2, "width": 16, "channel_multiplier": 1.0}


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    encoder = {"in_channels": 1, "num_styles": 8, "style_dim": 16, "input_px": 32}
    net = networks.build("psp", kind="small", encoder=encoder, decoder={"size_px": 32, **SIZES})
    for block in (net.decoder.conv1, *net.decoder.convs):  # zeros would hide what is left out
        torch.nn.init.normal_(block.noise["weight"])
        torch.nn.init.normal_(block.activate["bias"])
    net.latent_avg.copy_(torch.randn_like(net.latent_avg))
    return net.eval().requires_grad_(False)


def layer(block, x, w, noise, factor, styled):
    """One styled layer: each face has weights of its own."""
    conv, outputs = block.conv, []
    for picture, s in zip(x, factor * conv.modulation(w), strict=True):
        weight = styled(conv.weight[0] * conv.scale, s)
        if conv.blur is None:
            outputs.append(F.conv2d(picture[None], weight, padding=1))
        else:  # twice as large
            larger = F.conv_transpose2d(picture[None], weight.transpose(0, 1), stride=2)
            outputs.append(conv.blur(larger))
    x = torch.cat(outputs) + block.noise.weight * noise
    return 2**0.5 * F.leaky_relu(x + block.activate.bias[:, None, None], 0.2)


def synthesis(g, w, factor=1.0, styled=steering.styled):
    """The whole generator: (N, L, D) → (N, 3, S, S). factor: of all scales."""
    noise = g.stored_noise
    x = g.input.input.expand(len(w), -1, -1, -1)
    x = layer(g.conv1, x, w[:, 0], noise[0], factor, styled)
    rgb = g.to_rgb1(x, w[:, 1])
    for n, to_rgb in enumerate(g.to_rgbs):
        for k in (2 * n + 1, 2 * n + 2):
            x = layer(g.convs[k - 1], x, w[:, k], noise[k], factor, styled)
        rgb = to_rgb(x, w[:, 2 * n + 3], rgb)
    return rgb


def encode(encoder, planes):
    """The pyramid and its style blocks: (N, C, S, S) → (N, L, D)."""
    x, levels = encoder.stem(planes), []
    for stage in encoder.stages:
        x = stage(x)
        levels.append(x)
    fine, middle, coarse = levels
    enlarged = {"scale_factor": 2, "mode": "bilinear", "align_corners": True}
    middle = encoder.laterals[1](middle) + F.interpolate(coarse, **enlarged)
    fine = encoder.laterals[0](fine) + F.interpolate(middle, **enlarged)
    styles = []
    for k, block in enumerate(encoder.small_styles):
        level = coarse if k < 3 else middle if k < 7 else fine
        styles.append(block.linear(block.convs(level)[:, :, 0, 0]))
    return torch.stack(styles, dim=1)


def test_the_generator_modulates_and_demodulates(net):
    g, w = net.decoder, torch.randn(2, 8, 16)
    assert torch.allclose(synthesis(g, w), g.synthesis(w, g.stored_noise), atol=1e-4)
    assert torch.allclose(synthesis(g, w, 4.0), synthesis(g, w), atol=1e-3)
    loud = synthesis(g, w, 4.0, steering.modulated)
    assert loud.std() > 10 * synthesis(g, w, 1.0, steering.modulated).std()


def test_the_mapping_is_dense_layers_of_a_direction(net):
    g, z = net.decoder, torch.randn(3, 16)
    w = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
    for dense in g.style[1:]:
        w = F.linear(w, dense.weight * dense.scale, dense.bias * dense.lr_mul)
        w = 2**0.5 * F.leaky_relu(w, 0.2)
    assert torch.allclose(w, g.map(z), atol=1e-5)


def test_the_encoder_reads_each_style_from_its_level(net):
    planes = torch.rand(2, 1, 32, 32)
    assert torch.allclose(encode(net.encoder, planes), net.encoder(planes), atol=1e-5)


def test_the_step_has_three_losses(net):
    settings = {"size_px": 32, "load_size_px": 32, "decoder_px": 32, "encoder": "small", **SIZES}
    settings |= {"perceptual": "efficientnet", "lambda_l2": 0.5, "lambda_lpips": 1.0}
    config = PSP.Config.create(settings | {"lambda_w": 0.0002, "mixing": 0.0})
    model = PSP(config, runtime.pick_precision(torch.device("cpu"), "float32"))
    model.net_g.load_state_dict(net.state_dict())
    model.net_g.eval()
    a, b = torch.rand(2, 2, 3, 32, 32) * 2 - 1
    torch.manual_seed(0)
    w = net.latent_avg + encode(net.encoder, net.planes(a))
    noise = [torch.randn(2, *one.shape[1:]) for one in net.decoder.stored_noise]
    fake = net.decoder.synthesis(w, noise)
    ours = {
        "loss_l2": F.mse_loss(fake, b),
        "loss_perceptual": losses.perceptual_loss(fake, b),
        "loss_w": (w - net.latent_avg).flatten(1).norm(dim=1).mean(),
    }
    torch.manual_seed(0)
    (theirs,) = first_losses(PSP.step, model, Batch(a, b), num=1)
    for name, term in ours.items():
        assert term.item() == pytest.approx(theirs[name], rel=1e-3), name
