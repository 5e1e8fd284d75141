"""The discriminator of patches, with the key names of the published PyTorch checkpoints.

Shapes: N images, C channels (sketch and photo together for pix2pix), H and W pixels; F =
base_filters.
"""

from __future__ import annotations

from torch import Tensor, nn

from s2f_utils.networks.info import SCORES, ModelInfo
from s2f_utils.networks.network import Network, norm_layer


class PatchGAN(Network):
    """One real-or-fake logit for every overlapping patch: (N, C, H, W) → (N, 1, h, w).

    With `num_layers=3` a logit sees 70×70 pixels and a 256 px image has 30×30 of them; 2,768,705
    parameters on 6 channels with batch norm. Source: Isola et al. 2017, section 6.1.2; keys as in
    pytorch-CycleGAN-and-pix2pix.
    norm: "batch", "instance" or "none".
    """

    name = "patchgan"
    INFO = ModelInfo(task=SCORES)

    def __init__(
        self, in_channels: int = 6, base_filters: int = 64, num_layers: int = 3, norm: str = "batch"
    ) -> None:
        super().__init__()
        bias = norm != "batch"
        widths = [base_filters * min(2**n, 8) for n in range(num_layers + 1)]
        first = nn.Conv2d(in_channels, widths[0], 4, stride=2, padding=1)
        layers = [first, nn.LeakyReLU(0.2, inplace=True)]
        # Instance norm gives back a view, whose gradient would be copied.
        inplace = norm != "instance"
        for n in range(1, num_layers + 1):
            stride = 2 if n < num_layers else 1
            layers += [
                nn.Conv2d(widths[n - 1], widths[n], 4, stride=stride, padding=1, bias=bias),
                norm_layer(norm, widths[n]),
                nn.LeakyReLU(0.2, inplace=inplace),
            ]
        layers.append(nn.Conv2d(widths[-1], 1, 4, stride=1, padding=1))
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)

    def features(self, x: Tensor) -> list[Tensor]:
        """The features after each LeakyReLU, (N, C_i, h_i, w_i), and the logits, last."""
        features = []
        for layer in self.model:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                features.append(x)
        return [*features, x]

    @property
    def receptive_field_px(self) -> int:
        """The width in pixels of the patch that one logit sees."""
        size = 1
        for layer in reversed([m for m in self.model if isinstance(m, nn.Conv2d)]):
            size = (size - 1) * layer.stride[0] + layer.kernel_size[0]
        return size
