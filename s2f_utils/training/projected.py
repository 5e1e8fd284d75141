"""A batch in the eyes of the projected discriminator, and its hinge losses: for any method that has pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from s2f_utils.models.pretrained import features_of, stride_distance
from s2f_utils.models.projected import ProjectedDiscriminator
from s2f_utils.training.ada import SharedChange
from s2f_utils.training.losses import discriminator_loss, generator_loss

AUGMENTATIONS = ("shared", "none")


class ProjectedPair:
    """True and made pictures, changed by the same draw and projected once: the discriminator's step and the generator's
    after it look at the same features. Gradients reach the made pictures alone.

    net_d: the discriminator. sketch: what the pictures are answers to, (N, C, H, W), None for a discriminator without
    sketches. real, fake: (N, 3, H, W) in [-1, 1]. augment: "shared" (`SharedChange`; sketches are moved alike) or
    "none". within: the context in which features are taken, such as `Precision.autocast`.
    """

    def __init__(
        self,
        net_d: ProjectedDiscriminator,
        sketch: Tensor | None,
        real: Tensor,
        fake: Tensor,
        augment: str = "shared",
        within: Callable[[], torch.autocast] | None = None,
    ) -> None:
        if augment not in AUGMENTATIONS:
            raise ValueError(f"augment must be {' or '.join(AUGMENTATIONS)}, got {augment!r}")
        self.net_d, self.sketch = net_d, sketch
        if augment == "shared":
            change = SharedChange(len(real))
            real, fake = change(real), change(fake)
            self.sketch = None if sketch is None else change.places(sketch)
        with within() if within else torch.autocast(real.device.type, enabled=False):
            with torch.no_grad():
                self.features_real = features_of(real, net_d.features)
            self.features_fake = features_of(fake, net_d.features)
        self.real, self.fake = net_d.project(self.features_real), net_d.project(self.features_fake)

    def loss_d(self) -> Tensor:
        """The discriminator's hinge loss, summed over its heads; nothing of it reaches the generator."""
        logits_real = self.net_d(self.real, self.sketch)
        logits_fake = self.net_d([x.detach() for x in self.fake], self.sketch)
        return _summed(discriminator_loss(r, f, "hinge") for r, f in zip(logits_real, logits_fake, strict=True))

    def loss_gan(self) -> Tensor:
        """What the generator lowers: minus the mean logit of each head, summed."""
        return _summed(generator_loss(logits, "hinge") for logits in self.net_d(self.fake, self.sketch))

    def loss_perceptual(self) -> Tensor:
        """As `perceptual_loss`, of the pictures as they are changed; their features are there already."""
        return stride_distance(self.features_fake, self.features_real).mean()


def _summed(values: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(values)).sum()
