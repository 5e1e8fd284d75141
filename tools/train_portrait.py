"""Train the generator of portraits: `python tools/train_portrait.py DATA.npz RUN [--minutes N] [--init FILE]`.

DATA as tools/pack_portraits.py leaves it. The same command goes on where it stopped. In RUN: state.pt (everything,
every five minutes), curve.csv (losses by images seen), sheet.png (photo, expected, codes near and far from it), and
portrait.safetensors, which has all networks without the optimisers' states and can be given as --init;
generator.safetensors, which answers (`s2f.load(RUN)`). Where it stood last lies in tools/resting, with its curve.

Half of a batch gets the code of its own photo and is to look like it: L1 of pretrained features, and of colours over
8 × 8 pixels. The other half gets a code of somebody else, or one that the prior draws; it is to look like a photo, to
keep what was told, and the code is to be found again in it. Each second batch is moved, coloured and zoomed before the
features, true and made alike. Ours.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from data_prep.sources import open_portraits
from s2f_studio.faces.method import skin_area
from s2f_studio.faces.networks.portrait import ATTRIBUTES, CODE_DIM, SIZE_PX, pooled_places, with_known
from s2f_utils import models
from s2f_utils.models import checkpoints
from s2f_utils.models.card import ModelCard
from s2f_utils.models.pretrained import PretrainedFeatures
from s2f_utils.models.projected import RandomProjection

BATCH, OWN = 16, 8  # pictures of a batch, and those with their own photo's code
LR_G, LR_D = 3e-4, 2e-4
FEATURE_WEIGHTS = (0.6, 2.0, 2.0, 1.0)  # of the L1 loss at strides 4, 8, 16, 32: finer strides etch the skin
HEAD_WEIGHTS = (1.0, 1.0, 1.0, 1.0, 0.7)  # strides 4 to 32, pixels
SPREAD = 0.35  # standard deviation of the noise on an encoded code, whose own is 1
SHOWN = torch.tensor([0.9, 0.9, 0.9, 0.85, 0.6, 0.6, 0.6, 0.5, 0.5, 0.5])  # how often each attribute is told
CLASSES = 7  # attributes that a linear classifier on features of true photos has to find in what is made
TONE = 7  # where the skin's tone stands among the values
EMA_LAST = 0.9985
ROWS_NEAR, ROWS_FAR = 4, 3  # of the sheet
NEAR, FAR = 0.15, 0.7  # degrees
CHANNELS_LAST = {"memory_format": torch.channels_last}


class Training:
    """The networks, their optimisers, and the data."""

    def __init__(self, data: Path) -> None:
        found = np.load(data)
        self.photo, self.expected, self.values, self.weight = (
            torch.from_numpy(found[name]) for name in ("photo", "expected", "values", "weight")
        )
        self.sets = found["sets"].tolist()
        features = torch.from_numpy(found["features"]).float()
        self.mean, self.std = features.mean((0, 1)), features.std((0, 1)) + 1e-2
        self.known = (features - self.mean) / self.std  # (2, N, F)
        groups = torch.from_numpy(found["group"])
        self.group, self.members = groups, {int(g): torch.where(groups == g)[0] for g in groups.unique()}
        self.features = PretrainedFeatures().to(**CHANNELS_LAST)
        self.fast_features = PretrainedFeatures().to(torch.bfloat16, **CHANNELS_LAST)
        self.projection = RandomProjection(self.features.backbone.channels, 64, seed=5).to(**CHANNELS_LAST)
        self.net_g, self.ema, self.net_d = (
            models.build(name).to(**CHANNELS_LAST)
            for name in ("portrait-generator", "portrait-generator", "portrait-disc")
        )
        self.encoder, self.prior = models.build("style-encoder"), models.build("code-prior")
        self.classifier = nn.Linear(self.known.shape[2], CLASSES)
        for parameter in self.classifier.parameters():
            nn.init.zeros_(parameter)
        self.ema.load_state_dict(self.net_g.state_dict())
        self.ema.eval().requires_grad_(False)
        learned = [*self.net_g.parameters(), *self.encoder.parameters(), *self.prior.parameters()]
        self.opt_g = torch.optim.Adam(learned, LR_G, betas=(0.0, 0.99), fused=True)
        self.opt_d = torch.optim.Adam(self.net_d.parameters(), LR_D, betas=(0.0, 0.99), fused=True)
        self.opt_c = torch.optim.Adam(self.classifier.parameters(), 1e-3, weight_decay=1e-4)
        self.images_seen = 0
        self.skin = skin_area(SIZE_PX, torch.device("cpu"))

    @property
    def kept(self) -> dict[str, nn.Module]:
        """The networks, by the names that they are saved under."""
        names = ("net_g", "ema", "net_d", "encoder", "prior", "classifier", "projection")
        return {name: getattr(self, name) for name in names}

    def step(self) -> dict[str, Tensor]:
        """One step of all networks; returns the losses."""
        which, mirrored = torch.multinomial(self.weight.double(), BATCH), torch.rand(BATCH) < 0.5
        of_drawing = torch.randint(self.expected.shape[1], (BATCH,))
        real, expected = self.photo[which], self.expected[which, of_drawing]
        real, expected = (
            torch.where(mirrored.view(-1, 1, 1, 1), x.flip(3), x).float() / 127.5 - 1 for x in (real, expected)
        )
        condition = spoiled(expected, torch.where(torch.rand(BATCH) < 0.3, 0.0, torch.rand(BATCH)))
        told = with_known(self.values[which], torch.rand(BATCH, len(ATTRIBUTES)) < SHOWN)
        change = Change(BATCH) if self.images_seen // BATCH % 2 == 0 else None
        codes, loss_prior, others = self._codes(which, mirrored, condition, told)
        with torch.autocast("cpu", torch.bfloat16):
            fake = self.net_g(condition, codes, told)
        real_seen, fake_seen = (x.contiguous(**CHANNELS_LAST) if change is None else change(x) for x in (real, fake))
        with torch.no_grad():
            of_real = [f.float() for f in self.fast_features(real_seen.bfloat16())]
        of_fake = self.features(fake_seen)
        small = F.avg_pool2d(condition[:, :5], 8)
        losses = self._discriminate(of_real, of_fake, real_seen, fake_seen, small, told, change is None)
        losses["prior"] = loss_prior
        losses["features"] = sum(
            w * (a[:OWN] - b[:OWN]).abs().mean() for w, a, b in zip(FEATURE_WEIGHTS, of_fake, of_real, strict=True)
        )
        losses["colours"] = (F.avg_pool2d(fake[:OWN], 8) - F.avg_pool2d(real[:OWN], 8)).abs().mean()
        tone = (self.skin * fake).sum((2, 3)) / self.skin.sum()
        wanted, is_told = told[:, TONE : TONE + 3], told[:, len(self.values[0]) + TONE]
        losses["tone"] = ((tone - wanted).abs().mean(1) * is_told).mean()
        loss = losses["gan"] + losses["features"] + 4 * losses["colours"] + 0.02 * loss_prior + 2 * losses["tone"]
        if change is None:  # codes and attributes are looked for in unmoved pictures, as in true ones
            found = (pooled_places(of_fake) - self.mean) / self.std
            losses["code"] = (self._read(found[OWN:]) - codes[OWN:].detach()).square().mean()
            said = F.linear(found, self.classifier.weight.detach(), self.classifier.bias.detach())
            known = told[:, len(self.values[0]) :][:, :CLASSES]
            apart = F.binary_cross_entropy_with_logits(said, 0.5 + 0.5 * told[:, :CLASSES], reduction="none")
            losses["attributes"] = (apart * known).sum(1).mean()
            loss = loss + losses["code"] + 0.3 * losses["attributes"]
        descend(self.opt_g, loss)
        losses["classifier"] = self._classify(others)
        self.images_seen += BATCH
        self._average()
        return {name: value.detach() for name, value in losses.items()}

    def _codes(self, which: Tensor, mirrored: Tensor, condition: Tensor, told: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The batch's codes, the prior's loss, and which other people the batch norm of codes saw as well."""
        lenders = torch.tensor(
            [int(m[torch.randint(len(m), ())]) for m in (self.members[int(self.group[n])] for n in which[OWN:])]
        )
        others = torch.randint(len(self.photo), (64,))
        sides = torch.cat([mirrored.long(), torch.randint(2, (len(lenders) + 64,))])
        mean = self.encoder(self.known[sides, torch.cat([which, lenders, others])])
        prior, log_var = self.prior(condition, told)
        off = (mean[:BATCH].detach() - prior).square() + SPREAD**2
        loss = 0.5 * (off / log_var.exp() + log_var).sum(1).mean()
        drawn = (prior + (0.5 * log_var).exp() * torch.randn(BATCH, CODE_DIM)).detach()[OWN:]
        lent = mean[BATCH : BATCH + len(lenders)].detach() + SPREAD * torch.randn(len(lenders), CODE_DIM)
        free = torch.where(torch.rand(len(lenders), 1) < 0.5, drawn, lent)
        return torch.cat([mean[:OWN] + SPREAD * torch.randn(OWN, CODE_DIM), free]), loss, others

    def _discriminate(
        self, of_real: list, of_fake: list, real: Tensor, fake: Tensor, small: Tensor, told: Tensor, in_place: bool
    ) -> dict[str, Tensor]:
        """The discriminator's step, and the generator's loss against it."""
        projected, made = self.projection(of_real), self.projection(of_fake)
        self.net_d.requires_grad_(True)
        genuine = self.net_d(projected, real, small, told, in_place)
        forged = self.net_d([x.detach() for x in made], fake.detach(), small, told, in_place)
        pairs = zip(HEAD_WEIGHTS, genuine, forged, strict=True)
        loss = sum(w * (F.relu(1 - r).mean() + F.relu(1 + f).mean()) for w, r, f in pairs)
        descend(self.opt_d, loss)
        self.net_d.requires_grad_(False)
        logits = self.net_d(made, fake, small, told, in_place)
        return {"d": loss, "gan": -sum(w * f.mean() for w, f in zip(HEAD_WEIGHTS, logits, strict=True))}

    def _read(self, found: Tensor) -> Tensor:
        """The codes of made pictures; the encoder does not learn from them."""
        self.encoder.eval().requires_grad_(False)
        codes = self.encoder(found)
        self.encoder.train().requires_grad_(True)
        return codes

    def _classify(self, others: Tensor) -> Tensor:
        values = self.values[others][:, :CLASSES]
        known = values.isfinite()
        said = self.classifier(self.known[0, others])
        apart = F.binary_cross_entropy_with_logits(said, 0.5 + 0.5 * values.nan_to_num(0.0), reduction="none")
        loss = (apart * known).sum() / known.sum()
        descend(self.opt_c, loss)
        return loss

    @torch.no_grad()
    def _average(self) -> None:
        steps = self.images_seen // BATCH
        weight = 1 - min(EMA_LAST, (1 + steps) / (20 + steps))
        for mine, theirs in zip(self.ema.state_dict().values(), self.net_g.state_dict().values(), strict=True):
            if mine.is_floating_point():
                mine.lerp_(theirs, weight)

    @torch.no_grad()
    def sheet(self, num: int = 14) -> Image.Image:
        """Photos, what is expected, and people whom the prior draws, near to it and far from it."""
        which = torch.randperm(len(self.photo), generator=torch.Generator().manual_seed(3))[:num]
        expected = self.expected[which, 1].float() / 127.5 - 1
        rows = [self.photo[which].float() / 127.5 - 1, expected[:, :3]]
        shown = torch.arange(len(ATTRIBUTES)) < CLASSES  # tones are left open
        told = with_known(self.values[which], shown.expand(num, -1))
        state, _ = torch.get_rng_state(), (torch.manual_seed(1), self.prior.eval())
        for degree in [NEAR] * ROWS_NEAR + [FAR] * ROWS_FAR:
            condition = spoiled(expected, torch.full((num,), degree))
            mean, log_var = self.prior(condition, told)
            rows.append(self.ema(condition, mean + (0.5 * log_var).exp() * torch.randn_like(mean), told))
        torch.set_rng_state(state)
        self.prior.train()
        whole = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)
        return Image.fromarray(((whole.clamp(-1, 1) + 1) * 127.5).byte().permute(1, 2, 0).numpy())


class Change:
    """A change of colours and place, drawn once for each of `num` pictures, for true and made ones alike."""

    def __init__(self, num: int) -> None:
        changed = (torch.rand(num) < 0.7).float()

        def span(most: float) -> Tensor:
            return (2 * torch.rand(num) - 1) * most * changed

        self.brightness, self.contrast, self.saturation = span(0.25), 1 + span(0.25), 1 + span(0.4)
        zoom = 1 - 0.45 * torch.rand(num) * (torch.rand(num) < 0.5)
        self.matrix = torch.zeros(num, 2, 3)
        self.matrix[:, 0, 0] = self.matrix[:, 1, 1] = zoom
        for axis in (0, 1):
            self.matrix[:, axis, 2] = 2 * span(0.08) + (2 * torch.rand(num) - 1) * (1 - zoom) * 0.6

    def __call__(self, x: Tensor) -> Tensor:
        mean = x.mean(1, keepdim=True)
        x = mean + (x - mean) * self.saturation.view(-1, 1, 1, 1)
        mean = x.mean((1, 2, 3), keepdim=True)
        x = mean + (x - mean) * self.contrast.view(-1, 1, 1, 1) + self.brightness.view(-1, 1, 1, 1)
        grid = F.affine_grid(self.matrix, list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False).contiguous(**CHANNELS_LAST)


def descend(opt: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step down a loss."""
    opt.zero_grad(set_to_none=True)
    loss.backward()
    opt.step()


def spoiled(expected: Tensor, degree: Tensor) -> Tensor:
    """What is expected (N, 5, S, S), blurred and covered with noise by a degree from 0 to 1, which is a further plane:
    (N, 6, S, S).
    """
    num, share = len(degree), degree.view(-1, 1, 1, 1)
    blurred = torch.cat([blur(one[None], float(sigma)) for one, sigma in zip(expected, 9 * degree**1.3, strict=True)])
    slow = F.interpolate(torch.randn(num, 5, 6, 6), size=SIZE_PX, mode="bilinear", align_corners=False)
    noisy = blurred + share * (0.08 * torch.randn_like(blurred) + 0.25 * slow)
    plane = (2 * share - 1).expand(-1, 1, SIZE_PX, SIZE_PX)
    return torch.cat([noisy, plane], dim=1).contiguous(**CHANNELS_LAST)


def blur(x: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur of one picture (1, C, S, S), sigma in pixels; a wide one at a quarter of the size."""
    if sigma < 0.3:
        return x
    if sigma > 2.5:
        small = blur(F.avg_pool2d(x, 4), (sigma**2 / 16 - 0.1) ** 0.5)
        return F.interpolate(small, scale_factor=4, mode="bicubic", align_corners=False)
    reach = int(3 * sigma) + 1
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1.0) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1).expand(x.shape[1], 1, 1, -1)
    x = F.conv2d(F.pad(x, (reach, reach, 0, 0), mode="reflect"), kernel, groups=x.shape[1])
    return F.conv2d(F.pad(x, (0, 0, reach, reach), mode="reflect"), kernel.transpose(2, 3), groups=x.shape[1])


def save(training: Training, run: Path) -> None:
    """Write state.pt, portrait.safetensors and sheet.png, each whole or not at all."""
    state = {name: net.state_dict() for name, net in training.kept.items()}
    optimisers = {name: getattr(training, name).state_dict() for name in ("opt_g", "opt_d", "opt_c")}
    torch.save({**state, **optimisers, "images_seen": training.images_seen}, run / "state.part")
    os.replace(run / "state.part", run / "state.pt")
    tensors = {
        f"{name}.{key}": value.half().contiguous() if value.is_floating_point() else value.contiguous()
        for name, net in state.items() if name != "net_g" for key, value in net.items()
    }  # fmt: skip
    learned_from = [
        f"{one.name}: {one.what}; credit: {one.credit}; terms: {one.terms}; cut out, scaled and bent; {one.page}"
        for one in open_portraits.open_sets(training.sets).values()
    ]
    notes = {"images_seen": str(training.images_seen), "learned_from": "\n".join(learned_from)}
    save_file(tensors, run / "portrait.part", metadata=notes)
    os.replace(run / "portrait.part", run / "portrait.safetensors")
    answer = models.build("portrait")
    answer.generator.load_state_dict(training.ema.state_dict())
    answer.prior.load_state_dict(training.prior.state_dict())
    meta = {
        "method": "portrait",
        "direction": "sketch-to-photo",
        "size_px": SIZE_PX,
        "images_seen": training.images_seen,
    }
    card = ModelCard(data="open-portraits", terms=learned_from, method="portrait")
    checkpoints.save_generator(run / "generator.safetensors", answer.half(), meta, card)
    training.sheet().save(run / "sheet.png")


def load(training: Training, run: Path, init: Path | None) -> None:
    """Take up what stopped in `run`, or begin with a file of networks."""
    if (run / "state.pt").is_file():
        state = torch.load(run / "state.pt", map_location="cpu", weights_only=True)
        for name in (*training.kept, "opt_g", "opt_d", "opt_c"):
            getattr(training, name).load_state_dict(state[name])
        training.images_seen = state["images_seen"]
    elif init is not None:
        tensors = load_file(init)
        with safe_open(init, "pt") as file:
            training.images_seen = int(file.metadata()["images_seen"])
        for name, net in training.kept.items():
            prefix = f"{'ema' if name == 'net_g' else name}."
            net.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})


def train(data: Path, run: Path, minutes: float, init: Path | None) -> None:
    """Train for so long."""
    run.mkdir(parents=True, exist_ok=True)
    training = Training(data)
    torch.manual_seed(0)
    load(training, run, init)
    torch.manual_seed(training.images_seen)
    print(f"{len(training.photo)} portraits; begins at {training.images_seen:,} images")
    began, saved, losses = time.monotonic(), time.monotonic(), {}
    while time.monotonic() - began < 60 * minutes:
        for name, value in training.step().items():
            losses.setdefault(name, []).append(float(value))
        if training.images_seen % (100 * BATCH) == 0:
            row = {name: f"{np.mean(values):.4f}" for name, values in losses.items()}
            write_row(run / "curve.csv", {"images": training.images_seen, **row})
            losses = {}
        if time.monotonic() - saved > 300:
            save(training, run)
            saved = time.monotonic()
    save(training, run)
    print(f"{run}: {training.images_seen:,} images, {(time.monotonic() - began) / 60:.0f} minutes")


def write_row(path: Path, row: dict) -> None:
    """One more row of a CSV file."""
    is_new = not path.is_file()
    with open(path, "a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row))
        if is_new:
            writer.writeheader()
        writer.writerow(row)
    print(row, flush=True)


def main() -> None:
    """Train, by the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--init", type=Path, help="a portrait.safetensors to begin with")
    args = parser.parse_args()
    train(args.data, args.run, args.minutes, args.init)


if __name__ == "__main__":
    main()
