"""StyleGAN2 and the pSp encoder: equal to the published ones, and every fault that was ever made in
them is noticed.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from s2f_utils import networks
from s2f_utils.networks import stylegan2_gen as stylegan2
from s2f_utils.networks.psp import PSPEncoder
from tests import reference


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


CASES = {
    "stylegan2_64": lambda net: net(normal(7, 1, 512), randomize_noise=False),
    "stylegan2_256": lambda net: net(normal(7, 1, 512), randomize_noise=False),
    "stylegan2_128_wplus": lambda net: net(
        normal(8, 1, 12, 512), input_is_latent=True, randomize_noise=False
    ),
    "stylegan2_disc_64": lambda net: net(reference.image(4, 3, 64)),
    "psp_encoder_in1": lambda net: net(reference.image(1, 1, 256)),
    "psp_encoder_in19": lambda net: net(reference.image(1, 19, 256)),
    "psp_encoder_in3_256": lambda net: net(reference.image(1, 3, 256)),
}

BUILT = {  # parts, of which no file is published alone
    "stylegan2_disc_64": lambda: networks.build("stylegan2-disc", size_px=64),
    "psp_encoder_in1": lambda: PSPEncoder(1),
    "psp_encoder_in19": lambda: PSPEncoder(19),
    "psp_encoder_in3_256": lambda: PSPEncoder(3, num_styles=14),
}


def difference(out: torch.Tensor, case: dict) -> float:
    """The largest difference to the published output, as a share of its largest value."""
    assert list(out.shape) == case["shape"]
    found = out[tuple(torch.tensor(case["indices"]).T)]
    return float((found - torch.tensor(case["values"])).abs().max() / case["absmax"])


@pytest.mark.parametrize("name", CASES)
def test_published_checkpoints_give_the_published_output(name):
    case = reference.load(name)
    net = (
        BUILT[name]()
        if name in BUILT
        else networks.from_state_dict(reference.published_state_dict(case))
    )
    net.eval().load_state_dict(reference.published_state_dict(case))
    assert networks.count_parameters(net) == case["parameters"]
    with torch.inference_mode():
        assert difference(CASES[name](net), case) <= 1e-4


def test_a_whole_psp_is_recognised_by_its_shapes():
    encoder, decoder = (
        {"in_channels": 19, "num_styles": 10},
        {"size_px": 64, "width": 512, "num_mlp": 8},
    )
    with torch.device("meta"):
        net = networks.build("psp", encoder=encoder, decoder=decoder)
    found = networks.NETWORKS["psp"].args_from(
        {key: tuple(value.shape) for key, value in net.state_dict().items()}
    )
    assert found["encoder"] == encoder and found["decoder"].items() >= decoder.items()


def convolved(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """The full convolution: every pixel spreads into the kernel's shape."""
    out = np.zeros(np.add(x.shape, kernel.shape) - 1, np.float32)
    for (row, column), value in np.ndenumerate(x):
        out[row : row + kernel.shape[0], column : column + kernel.shape[1]] += value * kernel
    return out


def test_filters_are_convolutions_that_do_not_flip_their_kernel():
    """The published kernel is its own mirror image, so that only another one tells whether it is
    flipped.
    """
    kernel = torch.arange(16.0).view(4, 4)
    x = normal(1, 1, 1, 6, 6)
    blur = stylegan2.Blur((2, 1))
    blur.kernel.copy_(kernel)
    expected = convolved(np.pad(x[0, 0].numpy(), ((2, 1), (2, 1))), kernel.numpy())[3:-3, 3:-3]
    assert torch.allclose(blur(x)[0, 0], torch.from_numpy(expected), atol=1e-4)
    upsample = stylegan2.Upsample()
    upsample.kernel.copy_(kernel)
    apart = np.zeros((12, 12), np.float32)
    apart[::2, ::2] = x[0, 0].numpy()
    expected = convolved(apart, kernel.numpy())[1:-2, 1:-2]
    assert torch.allclose(upsample(x)[0, 0], torch.from_numpy(expected), atol=1e-4)
