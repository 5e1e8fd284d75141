"""Train StyleGAN2 on at 128 px, against a projected discriminator with heads on parts of the face.

`python -m tools.shipped.faces.generator DATA STATE --init FOLDER --until 2026-01-01T18:00`, DATA
as `tools.shipped.people` and `tools.shipped.walls` leave it, STATE any folder. Given again, it goes
on where it stopped. STATE gets `state.pt`, `curve.csv`, sheets and `generator.safetensors`.

A narrower set than before: `OFFICIAL` portraits in colour whose eyes are `LEAST_EYES_PX` apart,
nearly whole in the frame, each shown as it is and mirrored, rare looks more often. One kind of
picture is easier to learn than all: plain walls, even light, a face from the front. Casual
portraits, stock photos and made pictures are left out.

Half of each batch has the random numbers of a photo (`codes`) and is held near to it, by features
and colours; the other half has random ones.
"""

from __future__ import annotations

import argparse
import copy
import functools
import os
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from s2f_utils.methods.projected import SharedChange
from s2f_utils.networks import checkpoints
from s2f_utils.networks.pretrained import features_of
from tools.shipped import running
from tools.shipped.faces.codes import Codes, fit_mapping
from tools.shipped.faces.discriminator import FacesDiscriminator, crop

BATCH = 16
OFFICIAL = ("congress-118", "portraits", "uk-mps-2017", "br-deputados")
LEAST_EYES_PX, LEAST_INSIDE = 31.0, 0.9
POWERS = {"mouth": 1.0, "glasses": 0.4, "presents": 0.6, "skin": 0.5, "age": 0.4}
LR_G, LR_WHOLE, LR_PART, BETAS = 1.2e-3, 1.2e-4, 2e-4, (0.0, 0.99)
# The mapping's weights are kept a hundred times as large, so that it hardly learns at LR_G.
LR_MAPPING = 0.3
WARM_UP_IMAGES = 1_600  # in which the generator's rate rises, for Adam begins anew
FALLING_S = 1500.0  # before the end, in which learning rates fall
MIXING = 0.5  # share of random faces whose styles come from two draws
OF_PHOTOS = 8  # of a batch have the numbers of a photo
NOISE = 0.1  # added to these
# Weights of what holds them near to the photo; their gradients are half as long as those of the
# discriminator.
NEAR, NEAR_PART, COLOURS = 8.0, 4.0, 300.0
SAVE_S, SHOW_S = 200.0, 600.0
SHOWN_PER_ROW, SHOWN_ROWS = 12, 2
PSI = 0.7
TERMS = ("d_whole", "d_part", "d_pixels", "loss_gan", "loss_near")


class People:
    """Training photos, shown in balance, and held-out ones."""

    def __init__(self, folder: Path) -> None:
        people = running.read_people(folder) | running.read_plain(folder)
        chosen = np.isin(running.set_of(people["name"]), OFFICIAL)
        chosen &= (people["eyes_px"] >= LEAST_EYES_PX) & (people["aligned_inside"] >= LEAST_INSIDE)
        training, held = (
            chosen & (people["split"] == "train"),
            chosen & (people["split"] != "train"),
        )
        self.photo = torch.from_numpy(people["aligned"][training])
        self.balance = running.balanced(people["labels"][training], POWERS)
        self.held_photo = running.pixels(people["aligned"][held])

    def codes(self, num: int) -> Codes:
        """The principal components of the training photos."""
        return Codes.of_photos(self.photo, self.balance, num)

    @functools.cached_property
    def held_features(self) -> Tensor:
        """The judge's features of held-out photos."""
        return running.judged(self.held_photo)

    def draw(self) -> Tensor:
        """A batch of photos (B, 3, 128, 128)."""
        who = torch.multinomial(self.balance, BATCH, replacement=True)
        photo = running.pixels(self.photo[who])
        mirrored = torch.rand(BATCH) < 0.5
        return torch.where(mirrored.view(-1, 1, 1, 1), photo.flip(3), photo)


class Training:
    """The generator, its discriminator, their optimisers, and for how long they learned."""

    def __init__(self, people: People, state: Path, init: Path, new_mapping: bool) -> None:
        self.people, self.folder = people, state
        self.net_g = checkpoints.load_network(init / "generator.safetensors")[0].float()
        self.net_g.train().requires_grad_(True)
        whole = checkpoints.load_network(init / "discriminator.safetensors")[0].float()
        self.net_d = FacesDiscriminator(whole.state_dict()).train().requires_grad_(True)
        self.ema = copy.deepcopy(self.net_g).eval().requires_grad_(False)
        mapping = list(self.net_g.style.parameters())
        others = [x for name, x in self.net_g.named_parameters() if not name.startswith("style.")]
        groups = [{"params": others}, {"params": mapping}]
        self.opt_g = torch.optim.Adam(groups, LR_G, betas=BETAS, fused=True)
        of_parts = [*self.net_d["eyes"].parameters(), *self.net_d["mouth"].parameters()]
        groups = [
            {"params": list(self.net_d["whole"].parameters())},
            {"params": of_parts},
            {"params": list(self.net_d["pixels"].parameters())},
        ]
        self.opt_d = torch.optim.Adam(groups, LR_WHOLE, betas=BETAS, fused=True)
        self.images, self.seconds = 0, 0.0
        self.means: dict[str, float] = {}
        self.codes = people.codes(self.net_g.style_dim)
        self.resume()
        if new_mapping and not self.images:
            print(f"styles found of faces: {fit_mapping(self.net_g, self.codes):.2f}", flush=True)
            self.ema.style.load_state_dict(self.net_g.style.state_dict())

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
        if "codes" in state:
            self.codes = Codes(**state["codes"])
        torch.set_rng_state(state["chance"])

    def save(self) -> None:
        """Write the state, and the averaged generator by itself in float16."""
        state = {name: part.state_dict() for name, part in self.parts().items()}
        state |= {"images": self.images, "seconds": self.seconds, "means": self.means}
        state["codes"] = {"mean": self.codes.mean, "scaled": self.codes.scaled}
        running.save_state(self.folder / "state.pt", state | {"chance": torch.get_rng_state()})
        half = {name: value.half().contiguous() for name, value in self.ema.state_dict().items()}
        partial = self.folder / "generator.partial"
        save_file(half, partial, {"network": "stylegan2", "images_seen": str(self.images)})
        partial.replace(self.folder / "generator.safetensors")

    def generated(self, photo: Tensor) -> Tensor:
        """A batch of faces: the first with the numbers of `photo`, the others with random ones,
        some of these with two draws' styles.
        """
        layers = self.net_g.num_layers
        z = torch.randn(2, BATCH, self.net_g.style_dim)
        z[0, :OF_PHOTOS] = self.codes.of(photo[:OF_PHOTOS]) + NOISE * z[0, :OF_PHOTOS]
        w = self.net_g.map(z.flatten(0, 1))
        first, other = w.view(2, BATCH, 1, -1).expand(-1, -1, layers, -1)
        turn_at = torch.randint(1, layers, (BATCH, 1, 1))
        turn_at = torch.where(torch.rand(BATCH, 1, 1) < MIXING, turn_at, layers)
        turn_at[:OF_PHOTOS] = layers
        styles = torch.where(torch.arange(layers)[None, :, None] < turn_at, first, other)
        with torch.autocast("cpu", torch.bfloat16):
            return self.net_g(styles, input_is_latent=True).float()

    def step(self, left_s: float) -> None:
        """One step of the discriminator, one of the generator. left_s: the time left."""
        falling = min(1.0, 0.05 + left_s / FALLING_S)
        warm = min(1.0, (self.images + BATCH) / WARM_UP_IMAGES)
        rates = [LR_G * warm, LR_MAPPING * warm, LR_WHOLE, LR_PART, LR_PART]
        for group, rate in zip(
            (*self.opt_g.param_groups, *self.opt_d.param_groups), rates, strict=True
        ):
            group["lr"] = rate * falling
        part = "eyes" if torch.rand(()) < 0.6 else "mouth"
        photo = self.people.draw()
        fake = self.generated(photo)
        change = SharedChange(BATCH)
        with torch.no_grad():
            real = (features_of(change(photo)), features_of(crop(photo, part)))
        made = (features_of(change(fake)), features_of(crop(fake, part)))

        cut_off = [[x.detach() for x in features] for features in made]
        logits_real = self.net_d.logits(*real, part, photo)
        logits_fake = self.net_d.logits(*cut_off, part, fake.detach())
        sides = list(zip(logits_real, logits_fake, strict=True))
        losses = [0.5 * (F.relu(1 - r).mean() + F.relu(1 + f).mean()) for r, f in sides]
        loss_d = torch.stack(losses).sum()
        self.opt_d.zero_grad(set_to_none=True)
        loss_d.backward()
        self.opt_d.step()

        self.net_d.requires_grad_(False)
        logits = self.net_d.logits(*made, part, fake)
        loss_gan = -torch.stack([one.mean() for one in logits]).sum()
        near = slice(OF_PHOTOS)
        loss_near = NEAR * running.distance(made[0], real[0], near)
        loss_near = loss_near + NEAR_PART * running.distance(made[1], real[1], near)
        coarse = [F.avg_pool2d(one[near], 8) for one in (fake, photo)]
        loss_near = loss_near + COLOURS * F.l1_loss(*coarse)
        self.opt_g.zero_grad(set_to_none=True)
        (loss_gan + loss_near).backward()
        self.opt_g.step()
        self.net_d.requires_grad_(True)

        self.images += BATCH
        running.follow(self.ema, self.net_g, self.images // BATCH)
        num_whole = len(losses) // 2  # as many heads as for a part; the last one is of pixels
        terms = (
            torch.stack(losses[:num_whole]).mean(),
            torch.stack(losses[num_whole:-1]).mean(),
            losses[-1],
            loss_gan,
            loss_near,
        )
        for name, value in zip(TERMS, terms, strict=True):
            now = float(value.detach())
            if not np.isfinite(now):
                raise FloatingPointError(f"{name} is {now} after {self.images} images")
            self.means[name] = self.means.get(name, now) * 0.98 + 0.02 * now

    def random_faces(self, num: int, psi: float, seed: int) -> Tensor:
        """The averaged generator's faces (num, 3, 128, 128) for random numbers."""
        dims = self.ema.style_dim
        generator = torch.Generator().manual_seed(seed)
        return self.faces(torch.randn(num, dims, generator=generator), psi)

    @torch.no_grad()
    def faces(self, z: Tensor, psi: float) -> Tensor:
        """The averaged generator's faces, with its stored noise, styles pulled to the mean."""
        mean = self.ema.mean_latent()
        w = mean + psi * (self.ema.map(z) - mean)
        made = []
        for some in w.split(32):
            with torch.autocast("cpu", torch.bfloat16):
                face = self.ema(some, input_is_latent=True, randomize_noise=False)
            made.append(face.float())
        return torch.cat(made).clamp(-1, 1)

    def measure(self) -> None:
        """Faces at psi 1 against held-out photos."""
        photos = self.people.held_features
        row = {"images": self.images, "minutes": self.seconds / 60}
        row |= running.halves(
            running.judged(self.random_faces(len(photos) // 2, 1.0, seed=2)), photos
        )
        means = {name: self.means.get(name, float("nan")) for name in TERMS}
        running.note(self.folder / "curve.csv", row | means)

    def show(self) -> None:
        """A sheet: rows at psi .7, at 1, held-out photos, and faces with their numbers."""
        num = SHOWN_PER_ROW * SHOWN_ROWS
        rows = [*self.random_faces(num, PSI, seed=0).split(SHOWN_PER_ROW)]
        rows += self.random_faces(num, 1.0, seed=1).split(SHOWN_PER_ROW)
        held = self.people.held_photo[:SHOWN_PER_ROW]
        rows += [held, self.faces(self.codes.of(held), 1.0)]
        running.save_sheet(self.folder / f"sheet-{self.images:07d}.png", rows)


def main() -> None:
    """Train until a time."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("state", type=Path)
    parser.add_argument("--init", type=Path, required=True, help="folder with both networks")
    parser.add_argument(
        "--new-mapping", action="store_true", help="the generator has not learned components yet"
    )
    parser.add_argument("--until", type=datetime.fromisoformat, required=True, metavar="TIME")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    (args.state / "pid").write_text(str(os.getpid()))
    people = People(args.data)
    training = Training(people, args.state, args.init, args.new_mapping)
    saved = shown = time.monotonic()
    print(f"{len(people.photo)} people, {len(people.held_photo)} held out", flush=True)
    if not training.images:
        training.show()
        training.measure()
    while (left_s := (args.until - datetime.now()).total_seconds()) > 0:
        began = time.process_time()
        training.step(left_s)
        training.seconds += time.process_time() - began
        if training.images % (BATCH * 25) == 0:
            terms = " ".join(f"{name} {value:.3f}" for name, value in training.means.items())
            print(f"{training.images} {training.seconds:.0f} s: {terms}", flush=True)
        if time.monotonic() - saved > SAVE_S:
            training.save()
            saved = time.monotonic()
        if time.monotonic() - shown > SHOW_S:
            training.show()
            training.measure()
            shown = time.monotonic()
    training.save()
    training.show()
    training.measure()


if __name__ == "__main__":
    main()
