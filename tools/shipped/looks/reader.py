"""Train the reader, which says what a drawing shows: `python -m tools.shipped.looks.reader DATA
OUT`.

DATA has the files of `tools.shipped.looks.drawings`. Cross-entropy of each look where it is known;
a tenth of the drawings is kept to measure. Writes OUT/reader.pt: the averaged weights, and the
shares of values in training (`prior`).
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from s2f_studio.faces.looks import LOOKS, SPANS
from s2f_studio.faces.networks.people import Reader
from tools.shipped.running import follow

BATCH, HELD_OUT = 64, 10
SMOOTHING = 0.03  # of labels: some are wrong
SAVED_EVERY = 500  # steps
PIECES = 6  # of others' lines
KINDS = ("portraits", "generated", "code")


class Drawings:
    """All drawings: ink uint8 (N, 128, 128), parts uint8 (N, 2, 64, 64), looks int64 (N, L)."""

    def __init__(self, folder: Path) -> None:
        files = [np.load(folder / f"drawings-{kind}.npz") for kind in KINDS]
        self.ink = torch.from_numpy(np.concatenate([file["ink"] for file in files]))
        self.parts = torch.from_numpy(np.concatenate([file["parts"] for file in files]))
        self.looks = torch.from_numpy(np.concatenate([file["looks"] for file in files])).long()
        self.crude = torch.from_numpy(np.concatenate([file["crude"] for file in files]))
        # People, not drawings, are kept apart: a person's drawings follow one another.
        block = torch.arange(len(self.ink)) // 50
        self.held = block % HELD_OUT == 3

    def batch(self, which: Tensor) -> Tensor:
        """What the reader sees, (N, 3, 128, 128)."""
        ink = 1 - self.ink[which].float() / 255
        parts = F.interpolate(self.parts[which].float() / 255, size=128, mode="bilinear")
        return torch.cat([ink[:, None], parts], dim=1)


def moved(x: Tensor) -> Tensor:
    """Drawings mirrored by chance, shifted and scaled a little, as landmarks are off."""
    num = len(x)
    flip = torch.where(torch.rand(num) < 0.5, -1.0, 1.0)
    scale = 1 + 0.06 * torch.randn(num, 2)
    matrix = torch.zeros(num, 2, 3)
    matrix[:, 0, 0], matrix[:, 1, 1] = flip * scale[:, 0], scale[:, 1]
    matrix[:, :, 2] = 0.04 * torch.randn(num, 2)
    grid = F.affine_grid(matrix, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False) * torch.rand(num, 1, 1, 1).mul(0.4).add(0.7)


def scribbled_over(x: Tensor) -> Tensor:
    """Drawings with pieces of others' lines in their ink, as if somebody had gone on drawing, and
    with pieces erased: a few strokes must not change much.
    """
    num, size = len(x), x.shape[-1]
    places = torch.arange(size)
    ink = x[:, 0]
    for _ in range(PIECES):
        middle = size * torch.rand(num, 2, 1)
        wide = size * (0.03 + 0.1 * torch.rand(num, 2, 1))
        rows, columns = ((places - middle[:, n]).abs() < wide[:, n] for n in (0, 1))
        piece = (rows[:, :, None] & columns[:, None]).float()
        other = ink[torch.randperm(num)].roll(tuple(torch.randint(size, (2,)).tolist()), (1, 2))
        kept = torch.rand(num, 1, 1)
        added, erased = (kept < 0.4).float(), (kept > 0.85).float()
        ink = torch.maximum(ink, added * piece * other) * (1 - erased * piece)
    return torch.cat([ink[:, None], x[:, 1:]], dim=1)


def loss_of(logs: Tensor, looks: Tensor) -> Tensor:
    """The mean cross-entropy of all looks, (L,)."""
    losses = []
    for n, span in enumerate(SPANS.values()):
        some = logs[:, span]
        losses.append(
            F.cross_entropy(some, looks[:, n], ignore_index=-1, label_smoothing=SMOOTHING)
        )
    return torch.stack([one.nan_to_num(0.0) for one in losses])


def shares(looks: Tensor) -> Tensor:
    """The logarithm of each value's share, (V,)."""
    logs = []
    for n, values in enumerate(LOOKS.values()):
        counts = torch.bincount(looks[looks[:, n] >= 0, n], minlength=len(values)).float()
        logs.append(((counts + 1) / (counts.sum() + len(values))).log())
    return torch.cat(logs)


@torch.no_grad()
def accuracy(net: Reader, data: Drawings) -> dict[str, str]:
    """Of each look, the share of held-out drawings read rightly: careful, crude, and the largest
    class's share.
    """
    which = data.held.nonzero()[:, 0]
    logs = torch.cat([net(data.batch(some)) for some in which.split(256)])
    found = {}
    for n, (name, span) in enumerate(SPANS.items()):
        true = data.looks[which, n]
        right = (logs[:, span].argmax(1) == true).float()
        sides = [
            right[(true >= 0) & (data.crude[which] < 0.4)].mean(),
            right[(true >= 0) & (data.crude[which] >= 0.4)].mean(),
            torch.bincount(true[true >= 0]).max() / (true >= 0).sum(),
        ]
        found[name] = " ".join(f"{float(side):.2f}" for side in sides)
    return found


def main() -> None:
    """Train for some minutes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--init", type=Path, help="a reader.pt to go on from")
    args = parser.parse_args()
    torch.manual_seed(0)
    data, net = Drawings(args.data), Reader().to(memory_format=torch.channels_last)
    if args.init:
        net.load_state_dict(torch.load(args.init, weights_only=True)["reader"])
    training = (~data.held).nonzero()[:, 0]
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, args.steps)
    mean, began = copy.deepcopy(net).eval(), time.time()
    for step in range(args.steps):
        which = training[torch.randint(len(training), (BATCH,))]
        seen = scribbled_over(moved(data.batch(which))).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            logs = net(seen)
        losses = loss_of(logs.float(), data.looks[which])
        optimizer.zero_grad()
        losses.sum().backward()
        optimizer.step()
        schedule.step()
        follow(mean, net, step)
        if (step + 1) % SAVED_EVERY == 0:
            print(step + 1, f"{time.time() - began:.0f} s", accuracy(mean, data), flush=True)
            state = {"reader": mean.state_dict(), "prior": shares(data.looks[training])}
            torch.save(state, args.out / "reader.pt")


if __name__ == "__main__":
    main()
