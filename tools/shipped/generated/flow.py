"""Train the flow from noise to people, given a drawing, by flow matching (Lipman et al. 2023)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from s2f_studio.faces.networks.people import People

NUM_STEPS, BATCH, LR, DECAY = 5000, 128, 5e-4, 0.1
EMA, EMA_FROM = 0.995, 300
NO_DRAWING = 0.15  # of the examples have no drawing, so that there is a velocity without one
EARLIEST, LATEST = 0.02, 0.98  # time
NUM_HELD_OUT_TIMES = 6


class Lines:
    """Random points on lines from noise to people, who have some drawings each.

    codes: (N, K). features: (N, M, F).
    """

    def __init__(self, codes: np.ndarray, features: np.ndarray, seed: int) -> None:
        self.codes = torch.from_numpy(codes).float()
        self.features = torch.from_numpy(features).float()
        self.chance = torch.Generator().manual_seed(seed)

    def draw(self, which: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """For people (B,): places (B, K), times (B,), features (B, F), velocities (B, K)."""
        num = len(which)
        drawing = torch.randint(self.features.shape[1], (num,), generator=self.chance)
        time = EARLIEST + (LATEST - EARLIEST) * torch.rand(num, generator=self.chance)
        person = self.codes[which]
        noise = torch.randn(person.shape, generator=self.chance)
        place = torch.lerp(noise, person, time[:, None])
        return place, time, self.features[which, drawing], person - noise


def train_flow(net: People, codes: np.ndarray, features: np.ndarray) -> None:
    """Train `net.velocity` beside the normal distribution, which is set."""
    torch.manual_seed(0)
    lines = Lines(codes, features, seed=0)
    velocity = net.velocity.train().requires_grad_(True)
    averaged = AveragedModel(velocity, multi_avg_fn=get_ema_multi_avg_fn(EMA))
    optimizer = torch.optim.AdamW(velocity.parameters(), lr=LR, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, NUM_STEPS)
    with torch.enable_grad():
        for step in range(NUM_STEPS):
            place, time, given, truth = lines.draw(torch.randint(len(codes), (BATCH,)))
            given[torch.rand(BATCH) < NO_DRAWING, :-1] = 0
            loss = (net.velocity_of(place, time, given) - truth).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            if step >= EMA_FROM:
                averaged.update_parameters(velocity)
    velocity.load_state_dict(averaged.module.state_dict())
    velocity.eval().requires_grad_(False)


@torch.inference_mode()
def report(net: People, codes: np.ndarray, features: np.ndarray) -> None:
    """Print the error of velocities, squared, for people apart: the flow's and the normal
    distribution's, with their drawings and with other people's.
    """
    if not len(codes):
        return
    lines = Lines(codes, features, seed=1)
    errors: dict[str, list[float]] = {}
    for _ in range(NUM_HELD_OUT_TIMES):
        place, time, given, truth = lines.draw(torch.arange(len(codes)))
        for title, drawn in (("", given), (", another's drawing", given.roll(1, dims=0))):
            flow = net.velocity_of(place, time, drawn)
            for name, guess in (
                ("flow", flow),
                ("normal", flow - net.velocity(place, time, drawn)),
            ):
                error = (guess - truth).square().mean().item()
                errors.setdefault(name + title, []).append(error)
    print("error of velocities:", {name: round(np.mean(all_), 4) for name, all_ in errors.items()})
