"""Teach the preview head what the generator's last blocks paint:
`python -m tools.shipped.generated.preview --codes 760 --minutes 30 [--init FILE]`.

Crops of the generator's features at 128 pixels, and of its pictures at 512 reduced to 256, are kept
in memory (some 5 MB a code); the head learns them by L1 and L1 of gradients. Prints the mean error
of people kept apart, of 255; writes s2f_utils/weights/shipped/preview-256.safetensors.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from s2f_utils import networks, weights
from s2f_utils.networks import checkpoints
from s2f_utils.networks.mobile_stylegan import MobileStyleGAN, PreviewHead
from tools.shipped.generated.pool import learned_from

CROPS, CROP_PX, LEARNED_PX = 4, 48, 32  # of features, of one code, and of a step
EDGE_PX = 4  # of a learned crop's answer, which does not count: the convolutions lack neighbours
HELD_OUT = 40  # codes
BATCH, LR, SHOWN_EVERY = 8, 2e-3, 1000
EMA_DECAY = 0.995


@dataclass(frozen=True)
class Crops:
    """Of N codes, features (N, 4, 256, 48, 48), pictures (N, 4, 3, 96, 96), both float16, and w
    less the mean (N, D).
    """

    features: Tensor
    pictures: Tensor
    w: Tensor


@torch.inference_mode()
def painted(generator: MobileStyleGAN, num: int, seed: int) -> Crops:
    """Crops of random people; half of them from the middle, where the face is."""
    chance = torch.Generator().manual_seed(seed)
    features = torch.empty(num, CROPS, 256, CROP_PX, CROP_PX, dtype=torch.half)
    pictures = torch.empty(num, CROPS, 3, 2 * CROP_PX, 2 * CROP_PX, dtype=torch.half)
    codes = torch.empty(num, 512)
    for n in range(num):
        psi = 0.5 + 0.5 * float(torch.rand(1, generator=chance))
        w = generator.sample(torch.randn(1, 512, generator=chance), psi)
        x = generator.features(generator.styles_of(w), PreviewHead.NUM_BLOCKS)
        picture = F.avg_pool2d(generator(w, 512), 2)
        codes[n] = w[0] - generator.mean_w
        for crop in range(CROPS):
            least, most = (16, 66) if crop < CROPS // 2 else (0, 128 - CROP_PX + 1)
            top, left = torch.randint(least, most, (2,), generator=chance).tolist()
            end = top + CROP_PX, left + CROP_PX
            features[n, crop] = x[0, :, top : end[0], left : end[1]]
            pictures[n, crop] = picture[0, :, 2 * top : 2 * end[0], 2 * left : 2 * end[1]]
    return Crops(features, pictures, codes)


def loss_of(made: Tensor, truth: Tensor) -> Tensor:
    """L1 of colours, and half of it of their differences to the next pixels: a scalar."""
    off = (made - truth)[..., EDGE_PX:-EDGE_PX, EDGE_PX:-EDGE_PX]
    across, down = off.diff(dim=3), off.diff(dim=2)
    return off.abs().mean() + 0.5 * (across.abs().mean() + down.abs().mean())


@torch.inference_mode()
def error_of(head: torch.nn.Module, crops: Crops) -> float:
    """The mean error of people kept apart, of 255."""
    errors = []
    for n in range(HELD_OUT):
        w = crops.w[n : n + 1].expand(CROPS, -1)
        off = head(crops.features[n].float(), w) - crops.pictures[n].float()
        errors.append(off[..., EDGE_PX:-EDGE_PX, EDGE_PX:-EDGE_PX].abs().mean())
    return 127.5 * float(torch.stack(errors).mean())


def step(head: PreviewHead, crops: Crops, optimizer: torch.optim.Optimizer) -> None:
    """One step on crops of some people."""
    who = torch.randint(HELD_OUT, len(crops.w), (BATCH,))
    which = torch.randint(CROPS, (BATCH,))
    top, left = torch.randint(CROP_PX - LEARNED_PX + 1, (2,)).tolist()
    end = top + LEARNED_PX, left + LEARNED_PX
    given = crops.features[who, which, :, top : end[0], left : end[1]].float()
    truth = crops.pictures[who, which, :, 2 * top : 2 * end[0], 2 * left : 2 * end[1]].float()
    loss = loss_of(head(given, crops.w[who]), truth)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def new_head(crops: Crops) -> PreviewHead:
    """A head whose modulations begin as one, on features of standard deviation 1."""
    head = networks.build("preview-head")
    with torch.no_grad():
        for name, value in head.named_parameters():
            if "modulation" in name:
                value.fill_(1.0 if name.endswith("bias") else 0.0)
        head.modulation.bias.div_(crops.features[: HELD_OUT + 50].float().std())
    return head


def main() -> None:
    """Teach a head, and write it each thousand steps."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--codes", type=int, default=760)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--init", type=Path, help="a head to go on from")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    generator = checkpoints.load_network(weights.generator())[0].requires_grad_(False)
    crops = painted(generator, args.codes, args.seed)
    head = checkpoints.load_network(args.init)[0] if args.init else new_head(crops)
    averaged = AveragedModel(head, multi_avg_fn=get_ema_multi_avg_fn(EMA_DECAY))
    optimizer = torch.optim.AdamW(head.train().parameters(), LR, weight_decay=0.01)
    begun, steps = time.monotonic(), 0
    while (share := (time.monotonic() - begun) / (60 * args.minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = LR * min(1.0, (steps + 1) / 100, 1.5 * (1 - share)) + 1e-5
        step(head, crops, optimizer)
        averaged.update_parameters(head)
        steps += 1
        if steps % SHOWN_EVERY == 0:
            print(f"{steps} steps: {error_of(averaged.module, crops):.2f} of 255", flush=True)
            target = weights.shipped(weights.PREVIEW)
            info = learned_from()
            checkpoints.save_generator(target, averaged.module, {}, info, compact=True)


if __name__ == "__main__":
    main()
