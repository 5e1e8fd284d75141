"""Train the renderer: code, lines and noise → photo, in the mean shape's frame at 128 px.

`python -m tools.shipped.people.renderer DATA STATE --until 2026-01-01T18:00`, DATA as `prepare`
leaves it, STATE a folder with the components' file, `appearance.npz`. Begins with pix2pix-128's
weights; given again, it goes on where it stopped. STATE gets `state.pt`, `curve.csv`, sheets and
`renderer.safetensors`.

Each batch has people whose photo is known, restored from a random number of components with a
little noise, half of them with lines; and invented people, whose codes are drawn from the
Gaussian around somebody's, for whom there is no photo: the discriminators alone see these, and
their colours are held to the code's. Those near to somebody may have this person's lines.

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
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from s2f_studio.drawings import shape_prior
from s2f_studio.faces.networks.renderer import CODE, WIDTHS, Renderer, ResizeConv2d
from s2f_utils import weights
from s2f_utils.methods.projected import SharedChange
from s2f_utils.networks import checkpoints
from s2f_utils.networks.pretrained import features_of, stride_distance
from s2f_utils.networks.projected import ProjectedDiscriminator
from tools.shipped.people import running
from tools.shipped.people.appearance import POWERS, Appearance, is_whole
from tools.shipped.people.discriminators import (
    PARTS,
    PixelDiscriminator,
    conditional_logits,
    crop,
    hinge_d,
    hinge_g,
)

BATCH, INVENTED = 16, 5
LEAST_COMPONENTS = 40
CODE_NOISE = 0.12
BLANK_SHARE = 0.55  # of people, whose lines are left out
WORN_SHARES = (0.2, 0.2, 0.0)  # of glasses, beards, and hats among invented people
HATS_SHOWN = 0.05  # share of people in painted hats among those shown
NEAR_ENOUGH = 0.5  # correlation of an invented code with the person's whose lines it gets
NORM_IMAGES = 17_600  # after which batch norm's statistics stay as they are
LR_G, LR_D, BETAS = 3e-4, 2e-4, (0.0, 0.99)
FALLING_S = 1500.0  # before the end, in which learning rates fall
PERCEPTUAL, COLOURS, L1, PART_PERCEPTUAL, INVENTED_COLOURS = 4.0, 6.0, 3.0, 1.5, 5.0
SAVE_S, SHOW_S = 200.0, 600.0
SHOWN, SHOWN_COMPONENTS = 10, 96
SYNTHETIC = "faker-portraits"  # never a true photo in a measure


@dataclass
class Batch:
    """Photos (B, 3, 128, 128), their code images, lines, and whether each code is that photo's."""

    photo: Tensor
    code: Tensor
    lines: Tensor
    known: Tensor


class Worn:
    """Glasses, beard, and hat of a code: there or not, nothing in between.

    Read from the file of people: a readout (3, K) of codes, and its value without and with each.
    """

    def __init__(self, path: Path, num_components: int) -> None:
        with np.load(path) as file:
            rows, at_zero, per_level = (
                torch.from_numpy(file[name][: len(WORN_SHARES)].astype(np.float32))
                for name in ("rows", "at_zero", "per_level")
            )
            num_shape = len(shape_prior.shapes()[2])
        self.rows = F.pad(rows[:, :-num_shape], (0, num_components - rows.shape[1] + num_shape))
        self.values = torch.stack([at_zero - per_level, at_zero + per_level])  # (2, 3)
        self.back = torch.linalg.pinv(self.rows)  # (K, 3)

    def decided(self, codes: Tensor, chance: torch.Generator | None = None) -> Tensor:
        """Codes (N, K) that wear each thing, or do not, by `WORN_SHARES`; else the likeliest."""
        shares = torch.tensor(WORN_SHARES)
        is_worn = torch.rand(len(codes), len(shares), generator=chance) < shares
        wanted = torch.where(is_worn, self.values[1], self.values[0])
        return codes + (wanted - codes @ self.rows.T) @ self.back.T


class People:
    """Training people, shown in balance, and held-out ones."""

    def __init__(self, folder: Path, appearance: Appearance, worn: Worn) -> None:
        self.worn = worn
        people = running.read_people(folder)
        whole = is_whole(people)
        self.appearance = appearance
        training = whole & (people["split"] == "train")
        held = whole & (people["split"] != "train") & (running.set_of(people["name"]) != SYNTHETIC)
        self.photo = torch.from_numpy(people["photo"][training])
        self.lines = torch.from_numpy(people["lines"][training])
        powers = POWERS | {"mouth": 1.0, "glasses": 0.3}
        self.balance = running.balanced(people["labels"][training], powers)
        self._add_hats(folder / "hats.npz")
        self.codes = torch.stack(
            [self._codes(False), self._codes(True)]
        )  # (2, N, K), mirrored last
        self.held_photo = running.pixels(people["photo"][held])
        self.held_lines = torch.from_numpy(people["lines"][held])[:, :, None].float() / 127.5 - 1
        self.held_code = appearance.code(self.held_photo)

    def _add_hats(self, path: Path) -> None:
        """Show people in painted hats, too, without lines: `HATS_SHOWN` of all.

        Their codes stay whole: with fewer components some had a hat that their code did not show,
        and the renderer put patches of hats onto anybody.
        """
        with np.load(path) as file:
            hats = torch.from_numpy(file["photo"])
        self.has_hat = torch.cat([torch.zeros(len(self.photo)), torch.ones(len(hats))]).bool()
        share = HATS_SHOWN / (1 - HATS_SHOWN) * self.balance.sum() / len(hats)
        self.photo = torch.cat([self.photo, hats])
        self.lines = torch.cat(
            [self.lines, self.lines.new_full((len(hats), *self.lines.shape[1:]), 255)]
        )
        self.balance = torch.cat([self.balance, share.expand(len(hats))])

    def _codes(self, mirrored: bool) -> Tensor:
        found = []
        for some in self.photo.split(256):
            pictures = running.pixels(some)
            found.append(self.appearance.code(pictures.flip(3) if mirrored else pictures))
        return torch.cat(found)

    @functools.cached_property
    def held_features(self) -> Tensor:
        """The judge's features of held-out photos."""
        return running.judged(self.held_photo)

    def draw(self) -> Batch:
        """A batch; its last `INVENTED` codes belong to nobody."""
        who = torch.multinomial(self.balance, BATCH, replacement=True)
        mirrored = torch.rand(BATCH) < 0.5
        photo = _mirror(running.pixels(self.photo[who]), mirrored)
        style = torch.randint(self.lines.shape[1], (BATCH,))
        lines = _mirror(self.lines[who, style][:, None].float() / 127.5 - 1, mirrored)
        known = torch.arange(BATCH) < BATCH - INVENTED
        near = 0.85 * torch.rand(BATCH, 1)
        blank = (torch.rand(BATCH) < BLANK_SHARE) | (~known & (near[:, 0] < NEAR_ENOUGH))
        lines = torch.where(blank.view(-1, 1, 1, 1), torch.ones_like(lines), lines)
        whole = self.codes[mirrored.long(), who]
        codes = torch.where(self.has_hat[who, None], whole, spoiled(whole))
        strangers = self.worn.decided(invented(codes, near)) * (codes != 0)
        codes = torch.where(known[:, None], codes, strangers)
        return Batch(photo, self.appearance.picture(codes), lines, known.float())


def _mirror(pictures: Tensor, mirrored: Tensor) -> Tensor:
    return torch.where(mirrored.view(-1, 1, 1, 1), pictures.flip(3), pictures)


def spoiled(codes: Tensor) -> Tensor:
    """Codes (N, K) with a random number of components, half of them with a little noise."""
    num, most = codes.shape
    kept = LEAST_COMPONENTS * (most / LEAST_COMPONENTS) ** torch.rand(num, 1)
    noise = CODE_NOISE * torch.randn_like(codes) * (torch.rand(num, 1) < 0.5)
    return (codes + noise) * (torch.arange(most)[None] < kept)


def invented(codes: Tensor, near: Tensor) -> Tensor:
    """Codes (N, K) with people's variance; near (N, 1): their correlation with the given ones."""
    temperature = 0.7 + 0.3 * torch.rand(len(codes), 1)
    drawn = temperature * torch.randn_like(codes) * (codes != 0)
    return near * codes + (1 - near.square()).sqrt() * drawn


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
        self.net_d = nn.ModuleDict({"whole": ProjectedDiscriminator(width=64, sketch_channels=3)})
        for number, part in enumerate(PARTS):
            self.net_d[part] = ProjectedDiscriminator(width=48, sketch_channels=0, seed=1 + number)
        self.net_d["pixels"] = PixelDiscriminator()
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
        part = "eyes" if torch.rand(()) < 0.6 else "mouth"
        with torch.autocast("cpu", torch.bfloat16):
            fake = self.net_g(inputs(batch.code, batch.lines))
        change = SharedChange(BATCH)
        changed_real, changed_fake = change(batch.photo), change(fake)
        shifted_code = change.places(batch.code)
        with torch.no_grad():
            real_whole = features_of(changed_real)
            real_part = features_of(crop(batch.photo, part))
        fake_whole = features_of(changed_fake)
        fake_part = features_of(crop(fake, part))
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
        terms["loss_perceptual"] = PERCEPTUAL * _distance(fake_whole, real_whole, known)
        terms["loss_part"] = PART_PERCEPTUAL * _distance(fake_part, real_part, known)
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
        chance = torch.Generator().manual_seed(5)
        num = len(people.held_photo) // 2
        codes = people.held_code.clone()
        codes[:, SHOWN_COMPONENTS:] = 0
        restored = self.rendered(codes[:num])
        drawn = 0.85 * torch.randn(num, codes.shape[1], generator=chance)
        drawn[:, 128:] = 0
        drawn = people.worn.decided(drawn, chance)
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
        chance = torch.Generator().manual_seed(3)
        for _ in range(2):
            drawn = 0.85 * torch.randn(SHOWN, codes.shape[1], generator=chance)
            drawn[:, 128:] = 0
            drawn = people.worn.decided(drawn, chance)
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


def _distance(fake: list[Tensor], real: list[Tensor], some: slice) -> Tensor:
    """Mean distance of features of some of a batch."""
    return stride_distance([x[some] for x in fake], [x[some] for x in real]).mean()


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
