"""A batch for the projected discriminator, and its hinge losses: for any method with pairs."""

from __future__ import annotations

import torch
from torch import Tensor

from s2f_utils.methods.losses import discriminator_loss, generator_loss
from s2f_utils.methods.method import Context
from s2f_utils.networks.pretrained import features_of, stride_distance
from s2f_utils.networks.projected_disc import ProjectedDiscriminator
from s2f_utils.networks.resampling import resample
from s2f_utils.runtime import distributed, to_device


class SharedChange:
    """A random change of colours and position, the same for a real and its fake picture, so that
    their features can be compared at each position.

    num: of pairs, of which `CHANGED_SHARE` are changed; edges are mirrored.
    """

    CHANGED_SHARE = 0.6
    # brightness (of white), contrast, saturation, right, down (of a side)
    LIMITS = (0.25, 0.25, 0.4, 0.08, 0.08)

    def __init__(self, num: int) -> None:
        changed = (distributed.rand(num, 1) < self.CHANGED_SHARE).float()
        # (N, 5)
        self.drawn = (2 * distributed.rand(num, 5) - 1) * torch.tensor(self.LIMITS) * changed

    def colours(self, x: Tensor) -> Tensor:
        """Pictures (N, 3, H, W) with changed colours."""
        drawn = to_device(self.drawn[:, :3], x.device).to(x)
        values = drawn[..., None, None, None]  # (N, 3, 1, 1, 1)
        brightness, contrast, saturation = values.unbind(1)
        mean = x.mean(1, keepdim=True)
        x = mean + (x - mean) * (1 + saturation)
        mean = x.mean((1, 2, 3), keepdim=True)
        return mean + (x - mean) * (1 + contrast) + 2 * brightness

    def places(self, x: Tensor) -> Tensor:
        """Pictures (N, C, H, W), shifted."""
        zero, one = torch.zeros(len(x)), torch.ones(len(x))
        right, down = (2 * self.drawn[:, 3:]).unbind(1)
        return resample(x, torch.stack([one, zero, -right, zero, one, -down], dim=1).view(-1, 2, 3))

    def __call__(self, x: Tensor) -> Tensor:
        return self.places(self.colours(x))


class ProjectedPair:
    """Real and fake pictures, changed by the same draw and projected once: the discriminator's step
    and the generator's after it use the same features. Gradients reach only the fake pictures.

    net_d: the discriminator. sketch: the condition, (N, C, H, W), or None. real, fake: (N, 3, H, W)
    in [-1, 1]. ctx: its autocast applies to the features. augment: "shared" (`SharedChange`;
    sketches are shifted alike) or "none".
    """

    def __init__(
        self,
        net_d: ProjectedDiscriminator,
        sketch: Tensor | None,
        real: Tensor,
        fake: Tensor,
        ctx: Context,
        augment: str = "shared",
    ) -> None:
        self.net_d, self.sketch = net_d, sketch
        if augment == "shared":
            change = SharedChange(len(real))
            real, fake = change(real), change(fake)
            self.sketch = None if sketch is None else change.places(sketch)
        with ctx.autocast():
            with torch.no_grad():
                self.features_real = features_of(real, net_d.features)
            self.features_fake = features_of(fake, net_d.features)
        self.real, self.fake = net_d.project(self.features_real), net_d.project(self.features_fake)

    def loss_d(self) -> Tensor:
        """The discriminator's hinge loss, summed over its heads,
        without gradients for the generator.
        """
        logits_real = self.net_d(self.real, self.sketch)
        logits_fake = self.net_d([x.detach() for x in self.fake], self.sketch)
        pairs = zip(logits_real, logits_fake, strict=True)
        return torch.stack([discriminator_loss(r, f, "hinge") for r, f in pairs]).sum()

    def loss_gan(self) -> Tensor:
        """The generator's hinge loss: minus the mean logit of each head, summed."""
        logits_fake = self.net_d(self.fake, self.sketch)
        return torch.stack([generator_loss(logits, "hinge") for logits in logits_fake]).sum()

    def loss_perceptual(self) -> Tensor:
        """As `perceptual_loss`, of the changed pictures, with the features computed before."""
        return stride_distance(self.features_fake, self.features_real).mean()
