"""MobileStyleGAN: equal to the published networks, shapes, gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from s2f_utils import networks
from s2f_utils.networks import checkpoints, mobile_stylegan
from s2f_utils.weights import compact
from tests import reference

CASE = reference.load("mobile_stylegan")


@pytest.fixture(scope="module")
def net():
    """A network with random weights, noise and input, whose values keep their size."""
    torch.manual_seed(0)
    net = networks.build("mobile-stylegan")
    torch.nn.init.normal_(net.input)
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, mobile_stylegan.SLOPE)
        elif isinstance(module, mobile_stylegan.Modulation):
            torch.nn.init.ones_(module.bias)
    for name, value in net.named_buffers():
        if name.endswith("noise"):
            torch.nn.init.normal_(value, std=0.1)
    return net.eval()


@pytest.fixture(scope="module")
def trained(generator_file):
    return checkpoints.load_network(generator_file)[0]


@pytest.mark.parametrize("case", CASE["cases"], ids=lambda case: f"seed {case['seed']}")
def test_faces_are_those_of_the_package_s_own_networks(trained, case):
    z = np.random.default_rng(case["seed"]).standard_normal((1, 512), dtype=np.float32)
    with torch.no_grad():
        w = trained.sample(torch.from_numpy(z))
        faces = {size_px: trained(w, size_px)[0].numpy() for size_px in (1024, 512)}
    np.testing.assert_allclose(w[0, :16], case["w"], atol=2e-5)
    for size_px, face in faces.items():
        places = np.array(CASE["places"]) * size_px // 1024
        found = face[:, places][:, :, places].ravel()
        np.testing.assert_allclose(found, case[str(size_px)], atol=1e-3)
    assert faces[1024].mean() == pytest.approx(case["mean"], abs=1e-4)
    assert faces[1024].std() == pytest.approx(case["std"], abs=1e-4)


def test_the_mean_code_is_the_mean_of_other_random_codes(trained):
    with torch.no_grad():
        z = torch.randn(4000, 512, generator=torch.Generator().manual_seed(7))
        mean, spread = trained.mapping(z).mean(0), trained.mapping(z).std(0)
    # The standard error of a mean of 4,000 is 0.016 of the spread; 512 means, five times that.
    assert ((trained.mean_w - mean).abs() / spread).max() < 0.1
    torch.testing.assert_close(trained.sample(z[:2], psi=0), trained.mean_w.expand(2, -1))


def test_the_file_is_the_networks_and_can_be_read_without_torch(generator_file, trained):
    tensors = compact.tensors_of(generator_file)
    assert set(tensors) == set(networks.build("mobile-stylegan").state_dict())
    assert {values.dtype for values in tensors.values()} == {np.dtype(np.float32)}
    info = checkpoints.info_of(generator_file)
    assert (trained.name, info.network, info.size_px) == ("mobile-stylegan",) * 2 + (1024,)
    assert info.terms


def test_codes_of_w_and_of_w_plus_make_faces_of_both_sizes(net):
    w = torch.randn(1, 512)
    w_plus = w[:, None].repeat(2, mobile_stylegan.NUM_STYLES, 1)
    w_plus[1, -1] += 1
    with torch.no_grad():
        large, small = net(w), net(w_plus, 512)
    assert (large.shape, small.shape) == ((1, 3, 1024, 1024), (2, 3, 512, 512))
    # The low band of a Haar transform is twice the mean of four pixels.
    mean = torch.nn.functional.avg_pool2d(large, 2)
    limit = 1e-4 * float(mean.abs().max())
    assert (small[:1] - mean).abs().max() < limit < (small[1:] - mean).abs().max()


@pytest.mark.parametrize("shape", [(512,), (1, 511), (1, 22, 512), (1, 23, 511), (1, 1, 23, 512)])
def test_codes_of_another_shape_are_refused(net, shape):
    with pytest.raises(ValueError, match="w must be"):
        net(torch.zeros(shape))


def test_other_sizes_are_refused(net):
    with pytest.raises(ValueError, match="size_px must be"):
        net(torch.zeros(1, 512), 256)


@pytest.fixture()
def head():
    torch.manual_seed(0)
    return networks.build("preview-head", num_channels=8)


def test_a_preview_head_paints_256_pixels_and_every_parameter_learns(net, head):
    w = net.sample(torch.randn(2, 512)).detach()
    with torch.no_grad():
        features = net.features(net.styles_of(w), head.NUM_BLOCKS)
    made = head(features, w - net.mean_w)
    assert features.shape[2:] == (128, 128) and made.shape == (2, 3, 256, 256)
    made.square().mean().backward()
    without = [
        name for name, p in head.named_parameters() if p.grad is None or not p.grad.abs().sum()
    ]
    assert without == []
    assert not torch.allclose(head(features, torch.zeros_like(w)), made, atol=1e-4), "w counts"


def test_a_preview_heads_file_gives_it_back(head, tmp_path):
    path = checkpoints.save_generator(tmp_path / "head.safetensors", head, {})
    given = torch.randn(1, 256, 128, 128), torch.randn(1, 512)
    with torch.no_grad():
        assert torch.equal(checkpoints.load_network(path)[0](*given), head(*given))


def test_gradient_reaches_every_parameter(net):
    net.zero_grad()
    net(net.sample(torch.randn(1, 512))).square().mean().backward()
    without = [
        name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum()
    ]
    net.zero_grad()
    assert without == []


def test_saved_and_loaded_it_is_the_same(net, tmp_path):
    path = tmp_path / "net.safetensors"
    checkpoints.save_generator(path, net, {})
    w = torch.randn(1, 512)
    with torch.no_grad():
        assert torch.equal(checkpoints.load_network(path)[0](w, 512), net(w, 512))
    assert networks.from_state_dict(net.state_dict()).name == "mobile-stylegan"
