"""Train the renderer: code, lines and noise → photo, in the mean shape's frame at 128 px.

`python -m tools.shipped.people.renderer DATA STATE --until 2026-01-01T18:00`, DATA as `prepare`
leaves it, STATE a folder with the components' file, `appearance.npz`. Begins with pix2pix-128's
weights; given again, it goes on where it stopped. STATE gets `state.pt`, `curve.csv`, sheets and
`renderer.safetensors`.

Each batch has people whose photo is known, restored from a random number of components with a
little noise, half of them with lines; and invented people, `strangers`, for whom there is no photo:
the discriminators alone see these, and their colours are held to the code's. Those near to somebody
may have this person's lines.

Batch norm's statistics are fixed after the first `NORM_IMAGES`: with a batch's own, half of it with
lines, the averaged renderer painted red blotches on foreheads that training never saw.
"""

from __future__ import annotations

import argparse
import copy
import functools
import os
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from s2f_studio.faces.networks.renderer import CODE, WIDTHS, Renderer, ResizeConv2d
from s2f_utils import weights
from s2f_utils.methods.projected import SharedChange
from s2f_utils.networks import checkpoints
from s2f_utils.networks.pretrained import features_of
from tools.shipped.people import running
from tools.shipped.people.appearance import Appearance
from tools.shipped.people.discriminators import (
    OFTEN,
    conditional_logits,
    crop,
    discriminators,
    hinge_d,
    hinge_g,
)
from tools.shipped.people.shown import BATCH, INVENTED, SHOWN, SHOWN_COMPONENTS, People, Worn

NORM_IMAGES = 17_600  # after which batch norm's statistics stay as they are
LR_G, LR_D, BETAS = 3e-4, 2e-4, (0.0, 0.99)
FALLING_S = 1500.0  # before the end, in which learning rates fall
PERCEPTUAL, COLOURS, L1, PART_PERCEPTUAL, INVENTED_COLOURS = 4.0, 6.0, 2.0, 1.5, 5.0
SAVE_S, SHOW_S = 200.0, 600.0


def fix_norms(net: nn.Module) -> None:
    """Let batch norms use their running statistics, also in training."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def inputs(code: Tensor, lines: Tensor, noise: Tensor | None = None) -> Tensor:
    """What the renderer is given: (N, 5, H, W)."""
    noise = torch.randn_like(lines) if noise is None else noise
    return torch.cat([code, lines, noise], dim=1)


class Training:
    """The renderer, its discriminators, their optimisers, and for how long they learned."""

    def __init__(self, people: People, state: Path) -> None:
        self.people, self.folder = people, state
        self.net_g = Renderer()
        unet = checkpoints.load_network(weights.shipped("pix2pix-128"))[0].state_dict()
        begin_with(self.net_g, {name: value.float() for name, value in unet.items()})
        self.net_d = discriminators()
        self.ema = copy.deepcopy(self.net_g).eval().requires_grad_(False)
        self.opt_g = torch.optim.Adam(self.net_g.parameters(), LR_G, betas=BETAS, fused=True)
        self.opt_d = torch.optim.Adam(self.net_d.parameters(), LR_D, betas=BETAS, fused=True)
        self.images, self.seconds = 0, 0.0
        self.means: dict[str, float] = {}
        self.resume()

    def parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        """All that has a state."""
        names = ("net_g", "net_d", "ema", "opt_g", "opt_d")
        return {name: getattr(self, name) for name in names}

    def resume(self) -> None:
        """Go on with the state in the folder, where there is one."""
        path = self.folder / "state.pt"
        if not path.is_file():
            return
        state = torch.load(path, weights_only=True)
        for name, part in self.parts().items():
            part.load_state_dict(state[name])
        self.images, self.seconds = state["images"], state["seconds"]
        self.means = state["means"]
        torch.set_rng_state(state["chance"])

    def save(self) -> None:
        """Write the state, and the averaged renderer by itself in float16."""
        state = {name: part.state_dict() for name, part in self.parts().items()}
        state |= {"images": self.images, "seconds": self.seconds, "means": self.means}
        running.save_state(self.folder / "state.pt", state | {"chance": torch.get_rng_state()})
        half = {
            name: value.half().contiguous() if value.is_floating_point() else value
            for name, value in self.ema.state_dict().items()
        }
        partial = self.folder / "renderer.partial"
        save_file(half, partial, {"network": "renderer", "images_seen": str(self.images)})
        partial.replace(self.folder / "renderer.safetensors")

    def step(self, left_s: float) -> None:
        """One step of the discriminators, one of the renderer. left_s: the time left."""
        falling = min(1.0, 0.05 + left_s / FALLING_S)
        for optimizer, rate in ((self.opt_g, LR_G), (self.opt_d, LR_D)):
            for group in optimizer.param_groups:
                group["lr"] = rate * falling
        if self.images >= NORM_IMAGES:
            fix_norms(self.net_g)
        batch = self.people.draw()
        part = list(OFTEN)[int(torch.multinomial(torch.tensor(list(OFTEN.values())), 1))]
        seen = functools.partial(crop, part=part, mirrored=bool(torch.rand(()) < 0.5))
        with torch.autocast("cpu", torch.bfloat16):
            fake = self.net_g(inputs(batch.code, batch.lines))
        change = SharedChange(BATCH)
        changed_real, changed_fake = change(batch.photo), change(fake)
        shifted_code = change.places(batch.code)
        with torch.no_grad():
            real_whole = features_of(changed_real)
            real_part = features_of(seen(batch.photo))
        fake_whole = features_of(changed_fake)
        fake_part = features_of(seen(fake))
        whole, of_part, pixels = self.net_d["whole"], self.net_d[part], self.net_d["pixels"]

        def logits(features: list, features_part: list, pictures: Tensor) -> list[Tensor]:
            found = conditional_logits(whole, whole.project(features), shifted_code, batch.known)
            return [*found, *of_part(of_part.project(features_part)), pixels(pictures)]

        cut_off = ([x.detach() for x in fake_whole], [x.detach() for x in fake_part], fake.detach())
        loss_d = hinge_d(logits(real_whole, real_part, batch.photo), logits(*cut_off))
        self.opt_d.zero_grad(set_to_none=True)
        loss_d.backward()
        self.opt_d.step()

        self.net_d.requires_grad_(False)
        terms = {"loss_gan": hinge_g(logits(fake_whole, fake_part, fake))}
        known = slice(BATCH - INVENTED)
        terms["loss_perceptual"] = PERCEPTUAL * running.distance(fake_whole, real_whole, known)
        terms["loss_part"] = PART_PERCEPTUAL * running.distance(fake_part, real_part, known)
        terms["loss_l1"] = L1 * F.l1_loss(fake[known], batch.photo[known])
        coarse = F.avg_pool2d(fake, 8)
        terms["loss_colours"] = COLOURS * F.l1_loss(
            coarse[known], F.avg_pool2d(batch.photo[known], 8)
        )
        asked = F.avg_pool2d(batch.code, 8)[-INVENTED:]
        terms["loss_invented"] = INVENTED_COLOURS * F.l1_loss(coarse[-INVENTED:], asked)
        self.opt_g.zero_grad(set_to_none=True)
        torch.stack(list(terms.values())).sum().backward()
        self.opt_g.step()
        self.net_d.requires_grad_(True)

        self.images += BATCH
        running.follow(self.ema, self.net_g, self.images // BATCH)
        for name, value in ({"loss_d": loss_d} | terms).items():
            now = float(value.detach())
            if not np.isfinite(now):
                raise FloatingPointError(f"{name} is {now} after {self.images} images")
            self.means[name] = self.means.get(name, now) * 0.98 + 0.02 * now

    @torch.no_grad()
    def rendered(self, codes: Tensor, lines: Tensor | None = None, seed: int = 0) -> Tensor:
        """The averaged renderer's pictures of codes (N, K), lines (N, 1, 128, 128) or none."""
        chance = torch.Generator().manual_seed(seed)
        made = []
        for first in range(0, len(codes), 32):
            code = self.people.appearance.picture(codes[first : first + 32])
            blank = torch.ones(len(code), 1, *code.shape[2:])
            some = blank if lines is None else lines[first : first + 32]
            noise = torch.randn(blank.shape, generator=chance)
            with torch.autocast("cpu", torch.bfloat16):
                made.append(self.ema(inputs(code, some, noise)))
        return torch.cat(made).clamp(-1, 1)

    def measure(self) -> None:
        """Held-out people restored, and invented ones, against held-out photos."""
        people = self.people
        num = len(people.held_photo) // 2
        codes = people.held_code.clone()
        codes[:, SHOWN_COMPONENTS:] = 0
        restored = self.rendered(codes[:num])
        drawn = people.strangers(num)
        photos = people.held_features
        row = {"images": self.images, "minutes": self.seconds / 60}
        row |= {
            f"restored_{k}": v for k, v in running.halves(running.judged(restored), photos).items()
        }
        made = running.judged(self.rendered(drawn, seed=1))
        row |= {f"invented_{k}": v for k, v in running.halves(made, photos).items()}
        running.note(self.folder / "curve.csv", row | self.means)

    def show(self) -> None:
        """A sheet: photos, codes, restored without and with lines; invented people."""
        people, rows = self.people, []
        some = slice(0, SHOWN)
        codes = people.held_code[some].clone()
        codes[:, SHOWN_COMPONENTS:] = 0
        rows += [people.held_photo[some], people.appearance.picture(codes), self.rendered(codes)]
        lines = people.held_lines[some, 0]
        rows += [lines.expand(-1, 3, -1, -1), self.rendered(codes, lines)]
        for drawn in people.strangers(2 * SHOWN).split(SHOWN):
            rows += [people.appearance.picture(drawn), self.rendered(drawn)]
        running.save_sheet(self.folder / f"sheet-{self.images:07d}.png", rows)


@torch.no_grad()
def begin_with(net: Renderer, unet: Mapping[str, Tensor]) -> None:
    """Take over the weights of a pix2pix U-Net of the same widths, that saw sketches."""
    lines = unet["model.model.0.weight"].sum(dim=1)
    first = 0.02 * torch.randn_like(net.downs[0].weight)
    first[:, CODE] = 0.7 * lines
    net.downs[0].weight.copy_(first)
    inside = "model.model.1.model."
    last_level = len(WIDTHS) - 1
    for level in range(1, last_level + 1):
        net.downs[level].weight.copy_(unet[f"{inside}1.weight"])
        up = net.ups[last_level - level]
        up_norm = net.up_norms[last_level - level]
        if level < last_level:
            _copy_norm(net.down_norms[level - 1], unet, f"{inside}2.")
            _fit(up, unet[f"{inside}5.weight"])
            _copy_norm(up_norm, unet, f"{inside}6.")
            inside += "3.model."
        else:
            _fit(up, unet[f"{inside}3.weight"])
            _copy_norm(up_norm, unet, f"{inside}4.")
    _fit(net.colours, unet["model.model.3.weight"])
    net.colours.bias.copy_(unet["model.model.3.bias"])


@torch.no_grad()
def _fit(layer: ResizeConv2d, transposed: Tensor) -> None:
    """Take over a transposed convolution's kernel (I, O, 4, 4), as nearly as can be."""
    spread = torch.tensor([[1, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1]], dtype=torch.float32)
    nearest = torch.linalg.pinv(spread)  # (3, 4)
    kernel = torch.einsum("ap,bq,iopq->oiab", nearest, nearest, transposed.float())
    layer.weight.copy_(kernel.flip(2, 3))


def _copy_norm(norm: nn.BatchNorm2d, unet: Mapping[str, Tensor], prefix: str) -> None:
    norm.load_state_dict({name: unet[prefix + name] for name in norm.state_dict()})


def main() -> None:
    """Train until a time."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("state", type=Path)
    parser.add_argument("--until", type=datetime.fromisoformat, required=True, metavar="TIME")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    (args.state / "pid").write_text(str(os.getpid()))
    appearance = Appearance.load(args.state / "appearance.npz")
    worn = Worn(args.state / "people.npz", len(appearance.deviation))
    people = People(args.data, appearance, worn)
    training = Training(people, args.state)
    saved = shown = time.monotonic()
    print(f"{len(people.photo)} people, {len(people.held_photo)} held out", flush=True)
    while (left_s := (args.until - datetime.now()).total_seconds()) > 0:
        began = time.process_time()
        training.step(left_s)
        training.seconds += time.process_time() - began
        if training.images % (BATCH * 25) == 0:
            terms = " ".join(f"{name[5:]} {value:.3f}" for name, value in training.means.items())
            print(f"{training.images} {training.seconds:.0f} s: {terms}", flush=True)
        if time.monotonic() - saved > SAVE_S:
            training.save()
            saved = time.monotonic()
        if time.monotonic() - shown > SHOW_S or training.images == BATCH * 40:
            training.show()
            training.measure()
            shown = time.monotonic()
    training.save()
    training.show()
    training.measure()


if __name__ == "__main__":
    main()
