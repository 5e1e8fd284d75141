"""Train the generator of portraits: `python tools/train_portrait.py DATA RUN --expect FOLD0 FOLD1
[--minutes N]`.

DATA as data_prep.make.packing leaves it; FOLD0 and FOLD1 are expected faces that have not seen the
people of that fold (tools/train_expected.py --fold), so that the generator meets expectations as
wrong as they are for a stranger. The same command goes on where it stopped, and may begin with
another run (--init). On a GPU if there is one, with batches of 64; else with 16. `--finish` lets
the learning rates fall over the last third. In RUN: state.pt (everything, every two minutes),
curve.csv (losses by images seen), sheet.png (photo, expected, codes near and far from it),
generator.safetensors, which answers (`s2f.load(RUN)`), and judges.safetensors, all other networks.

Half of a batch gets the code of its own photo and is to look like it: L1 of pretrained features,
and of colours over 8 × 8 pixels. The other half gets a code of somebody else, or one that the prior
draws; it is to look like a photo, to keep what was told, and the code is to be found again in it.
Each second batch is coloured, moved and zoomed before the features, true and made alike; the others
are moved by up to three pixels. Ours.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from changes import Change, spoiled
from packed import learned_from, read, write_row
from PIL import Image
from recorded import Recorded
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from s2f_studio.faces.method import half_known, hidden, misfit, other_pen, skin_area, sometimes
from s2f_studio.faces.networks.portrait import (
    ATTRIBUTES,
    CODE_DIM,
    SIZE_PX,
    pooled_places,
    with_known,
)
from s2f_utils import networks
from s2f_utils.networks import checkpoints
from s2f_utils.networks.card import ModelCard
from s2f_utils.networks.pretrained import PretrainedFeatures
from s2f_utils.networks.projected import RandomProjection
from s2f_utils.runtime import pick_precision, tuned

WIDTH_G, WIDTH_D = 1.0, 96
LR_G, LR_D = 4e-4, 3e-4  # with 64 pictures in a batch; less by the root of the share with fewer
FEATURE_WEIGHTS = (
    0.6,
    2.0,
    2.0,
    1.0,
)  # of the L1 loss at strides 4, 8, 16, 32: finer strides etch the skin
HEAD_WEIGHTS = (1.0, 1.0, 1.0, 1.0, 0.7)  # strides 4 to 32, pixels
SPREAD = 0.35  # standard deviation of the noise on an encoded code, whose own is 1
SHOWN = (0.9, 0.9, 0.9, 0.85, 0.6, 0.6, 0.6, 0.5, 0.5, 0.5)  # how often each attribute is told
CLASSES = (
    7  # attributes that a linear classifier on features of true photos has to find in what is made
)
TONE = 7  # where the skin's tone stands among the values
EMA_LAST = 0.9985
WARM_UP_STEPS = 12  # before a step is recorded
FALLS_FROM = 0.65  # of the time, with --finish
SAVE_EVERY_S = 120
ROWS_NEAR, ROWS_FAR = 4, 3  # of the sheet
NEAR, FAR = 0.15, 0.7  # degrees
CHANNELS_LAST = {"memory_format": torch.channels_last}
NETWORKS = ("net_g", "ema", "net_d", "encoder", "prior", "classifier", "projection")
SCORES = ("net_d", "encoder", "classifier", "projection")


class Training:
    """The networks, their optimisers, and the data, on one device."""

    def __init__(
        self, folder: Path, expect: list[Path], device: torch.device, batch: int | None = None
    ) -> None:
        self.device, self.precision = device, pick_precision(device)
        self.batch = batch or (64 if device.type == "cuda" else 16)
        self.own = self.batch // 2  # pictures of a batch that have their own photo's code
        self.data = read(folder, device)
        self.values = self.data.values()
        self.chance = self.data.weight.double().cumsum(0) / self.data.weight.double().sum()
        self.expect = [
            self._ready(checkpoints.load_network(one)[0]).eval().requires_grad_(False)
            for one in expect
        ]
        self.features = self._ready(PretrainedFeatures())
        self._know_features()
        self._know_groups()
        self.projection = self._ready(
            RandomProjection(self.features.backbone.channels, WIDTH_D, seed=5)
        )
        self.net_g, self.ema = (
            self._ready(networks.build("portrait-generator", width=WIDTH_G)) for _ in range(2)
        )
        self.net_d = self._ready(networks.build("portrait-disc", width=WIDTH_D))
        self.encoder, self.prior = (
            self._ready(networks.build(name)) for name in ("style-encoder", "code-prior")
        )
        self.classifier = self._ready(nn.Linear(self.known.shape[2], CLASSES))
        for parameter in self.classifier.parameters():
            nn.init.zeros_(parameter)
        self.ema.load_state_dict(self.net_g.state_dict())
        self.ema.eval().requires_grad_(False)
        learned = [*self.net_g.parameters(), *self.encoder.parameters(), *self.prior.parameters()]
        on_gpu = {"fused": True, "capturable": device.type == "cuda"}
        self.opt_g = torch.optim.Adam(learned, self._rate(LR_G), betas=(0.0, 0.99), **on_gpu)
        self.opt_d = torch.optim.Adam(
            self.net_d.parameters(), self._rate(LR_D), betas=(0.0, 0.99), **on_gpu
        )
        self.opt_c = torch.optim.Adam(
            self.classifier.parameters(), self._rate(1e-3), weight_decay=1e-4, **on_gpu
        )
        self.recorded: dict[bool, Recorded] | None = {} if device.type == "cuda" else None
        self.images_seen = self.began_at = 0
        pairs = zip(self.ema.state_dict().values(), self.net_g.state_dict().values(), strict=True)
        self.averaged = tuple(
            zip(*(pair for pair in pairs if pair[0].is_floating_point()), strict=True)
        )
        self.skin = skin_area(SIZE_PX, device)
        self.shown = torch.tensor(SHOWN, device=device)

    def _ready(self, net: nn.Module) -> nn.Module:
        return net.float().to(self.device, **CHANNELS_LAST)

    @torch.no_grad()
    def _know_features(self) -> None:
        """What the features say of each photo and its mirror image, standardised: `known` (2, N,
        F).
        """
        found = []
        for some in self.data.photo.split(64):
            photo = some.float() / 127.5 - 1
            found.append(
                torch.stack([pooled_places(self.features(x)) for x in (photo, photo.flip(3))])
            )
        features = torch.cat(found, dim=1).float()
        self.mean, self.std = features.mean((0, 1)), features.std((0, 1)) + 1e-2
        self.known = (features - self.mean) / self.std

    def _know_groups(self) -> None:
        """A table of who is in each group: `members` (G, M), of which `counts` (G,) are used."""
        groups = [
            torch.where(self.data.group == g)[0] for g in range(int(self.data.group.max()) + 1)
        ]
        self.counts = torch.tensor([len(one) for one in groups], device=self.device)
        self.members = nn.utils.rnn.pad_sequence(groups, batch_first=True)

    def rand(self, *shape: int) -> Tensor:
        return torch.rand(shape, device=self.device)

    def randn(self, *shape: int) -> Tensor:
        return torch.randn(shape, device=self.device)

    def _rate(self, rate: float) -> float | Tensor:
        """A learning rate, on a GPU where a recorded step reads it."""
        return torch.tensor(rate, device=self.device) if self.device.type == "cuda" else rate

    def set_rate(self, opt: torch.optim.Optimizer, rate: float) -> None:
        """Change a learning rate."""
        for group in opt.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    @torch.no_grad()
    def given(self, which: Tensor) -> tuple[Tensor, Tensor]:
        """One of each one's drawings, by another pen and with what is told, (B, 10, S, S), and
        tones (B, 6).
        """
        of_drawing = torch.randint(self.data.drawings.shape[1], (len(which),), device=self.device)
        drawn = self.data.drawings[which, of_drawing].float() / 127.5 - 1
        words = (
            self.data.words[which].nan_to_num(0.0)[..., None, None].expand(-1, -1, SIZE_PX, SIZE_PX)
        )
        told = [half_known(words[:, :3], 0.9), sometimes(words[:, 3:], 0.6)]
        given = torch.cat([other_pen(misfit(drawn, 1.2)), *told], dim=1).contiguous(**CHANNELS_LAST)
        return given, hidden(self.values[which, TONE : TONE + 6], 0.5)

    @torch.no_grad()
    def expected(self, which: Tensor, given: Tensor, tones: Tensor) -> Tensor:
        """What is expected of drawings by the network that has not seen the person: (B, 5, S, S)."""
        with self.precision.autocast():
            both = [net(given, tones).float() for net in self.expect]
        out = torch.where((self.data.fold[which] == 0).view(-1, 1, 1, 1), both[0], both[-1])
        return torch.cat([out[:, :3].clamp(-1, 1), 2 * out[:, 3:].sigmoid() - 1], dim=1)

    def advance(self) -> dict[str, Tensor]:
        """One step, on a GPU by what was recorded of one: thousands of small kernels are started at
        once.
        """
        which = torch.searchsorted(self.chance, self.rand(self.batch).double()).clamp_max(
            len(self.chance) - 1
        )
        inputs, in_place = (which, *self.given(which)), self.images_seen // self.batch % 2 == 1
        warm = self.images_seen - self.began_at >= WARM_UP_STEPS * self.batch
        if self.recorded is not None and warm and in_place not in self.recorded:
            self._record(in_place, inputs)
        losses = (
            self.recorded[in_place](inputs)
            if self.recorded and warm
            else self.step(*inputs, in_place)
        )
        self.images_seen += self.batch
        self._average()
        return losses

    def _record(self, in_place: bool, inputs: tuple[Tensor, ...]) -> None:
        """Record a step; where that fails, steps go on being started kernel by kernel."""
        try:
            self.recorded[in_place] = Recorded(lambda *fixed: self.step(*fixed, in_place), inputs)
        except RuntimeError as error:
            print(f"a step cannot be recorded, so that training is slower: {error}", flush=True)
            torch.cuda.synchronize()
            self.recorded = None

    def step(
        self, which: Tensor, given: Tensor, tones: Tensor, in_place: bool
    ) -> dict[str, Tensor]:
        """One step of all networks; returns the losses. in_place: pictures are hardly moved, so
        that codes and attributes can be looked for in them.
        """
        num, own = self.batch, self.own
        mirrored = self.rand(num) < 0.5
        real, expected = (
            self.data.photo[which].float() / 127.5 - 1,
            self.expected(which, given, tones),
        )
        real, expected = (
            torch.where(mirrored.view(-1, 1, 1, 1), x.flip(3), x) for x in (real, expected)
        )
        condition = spoiled(expected, torch.where(self.rand(num) < 0.3, 0.0, self.rand(num)))
        told = with_known(self.values[which], self.rand(num, len(ATTRIBUTES)) < self.shown)
        change = Change(num, self.device, in_place)
        codes, loss_prior, others = self._codes(which, mirrored, condition, told)
        with self.precision.autocast():
            fake = self.net_g(condition, codes, told)
        real_seen, fake_seen = change(real), change(fake)
        with self.features_autocast():
            with torch.no_grad():
                of_real = [f.float() for f in self.features(real_seen)]
            of_fake = [f.float() for f in self.features(fake_seen)]
        small = F.avg_pool2d(condition[:, :5], 8)
        losses = self._discriminate(of_real, of_fake, real_seen, fake_seen, small, told, in_place)
        losses["prior"] = loss_prior
        losses["features"] = sum(
            w * (a[:own] - b[:own]).abs().mean()
            for w, a, b in zip(FEATURE_WEIGHTS, of_fake, of_real, strict=True)
        )
        losses["colours"] = (F.avg_pool2d(fake[:own], 8) - F.avg_pool2d(real[:own], 8)).abs().mean()
        tone = (self.skin * fake).sum((2, 3)) / self.skin.sum()
        wanted, is_told = told[:, TONE : TONE + 3], told[:, len(self.values[0]) + TONE]
        losses["tone"] = ((tone - wanted).abs().mean(1) * is_told).mean()
        loss = (
            losses["gan"]
            + losses["features"]
            + 4 * losses["colours"]
            + 0.02 * loss_prior
            + 2 * losses["tone"]
        )
        if in_place:
            found = (pooled_places(of_fake) - self.mean) / self.std
            losses["code"] = (self._read(found[own:]) - codes[own:].detach()).square().mean()
            said = F.linear(found, self.classifier.weight.detach(), self.classifier.bias.detach())
            known = told[:, len(self.values[0]) :][:, :CLASSES]
            apart = F.binary_cross_entropy_with_logits(
                said, 0.5 + 0.5 * told[:, :CLASSES], reduction="none"
            )
            losses["attributes"] = (apart * known).sum(1).mean()
            loss = loss + losses["code"] + 0.3 * losses["attributes"]
        descend(self.opt_g, loss)
        losses["classifier"] = self._classify(others)
        return {name: value.detach() for name, value in losses.items()}

    def features_autocast(self) -> torch.autocast:
        """On a CPU the way back through the features is faster in float32."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")

    def _codes(
        self, which: Tensor, mirrored: Tensor, condition: Tensor, told: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The batch's codes, the prior's loss, and which other people the batch norm of codes saw
        as well.
        """
        num, own = self.batch, self.own
        group = self.data.group[which[own:]]
        lenders = self.members[group, (self.rand(len(group)) * self.counts[group]).long()]
        others = torch.randint(len(self.known[0]), (64,), device=self.device)
        sides = torch.cat(
            [mirrored.long(), torch.randint(2, (len(lenders) + 64,), device=self.device)]
        )
        mean = self.encoder(self.known[sides, torch.cat([which, lenders, others])])
        prior, log_var = self.prior(condition, told)
        off = (mean[:num].detach() - prior).square() + SPREAD**2
        loss = 0.5 * (off / log_var.exp() + log_var).sum(1).mean()
        drawn = (prior + (0.5 * log_var).exp() * torch.randn_like(prior)).detach()[own:]
        lent = mean[num : num + len(lenders)].detach() + SPREAD * self.randn(len(lenders), CODE_DIM)
        free = torch.where(self.rand(len(lenders), 1) < 0.5, drawn, lent)
        return torch.cat([mean[:own] + SPREAD * self.randn(own, CODE_DIM), free]), loss, others

    def _discriminate(
        self,
        of_real: list,
        of_fake: list,
        real: Tensor,
        fake: Tensor,
        small: Tensor,
        told: Tensor,
        in_place: bool,
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
        return {
            "d": loss,
            "gan": -sum(w * f.mean() for w, f in zip(HEAD_WEIGHTS, logits, strict=True)),
        }

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
        apart = F.binary_cross_entropy_with_logits(
            said, 0.5 + 0.5 * values.nan_to_num(0.0), reduction="none"
        )
        loss = (apart * known).sum() / known.sum()
        descend(self.opt_c, loss)
        return loss

    @torch.no_grad()
    def _average(self) -> None:
        steps = self.images_seen // self.batch
        weight = 1 - min(EMA_LAST, (1 + steps) / (20 + steps))
        torch._foreach_lerp_(*map(list, self.averaged), weight)

    @torch.no_grad()
    def sheet(self, num: int = 14) -> Image.Image:
        """Photos, what is expected, and people whom the prior draws, near to it and far from it."""
        torch.manual_seed(3)
        which = torch.randperm(len(self.values))[:num].to(self.device)
        expected = self.expected(which, *self.given(which))
        rows = [self.data.photo[which].float() / 127.5 - 1, expected[:, :3]]
        shown = torch.arange(len(ATTRIBUTES), device=self.device) < CLASSES  # tones are left open
        told = with_known(self.values[which], shown.expand(num, -1))
        self.prior.eval()
        for degree in [NEAR] * ROWS_NEAR + [FAR] * ROWS_FAR:
            condition = spoiled(expected, torch.full((num,), degree, device=self.device))
            mean, log_var = self.prior(condition, told)
            rows.append(
                self.ema(condition, mean + (0.5 * log_var).exp() * torch.randn_like(mean), told)
            )
        self.prior.train()
        torch.manual_seed(self.images_seen)
        whole = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)
        return Image.fromarray(
            ((whole.clamp(-1, 1) + 1) * 127.5).byte().permute(1, 2, 0).cpu().numpy()
        )


def descend(opt: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step down a loss."""
    opt.zero_grad(set_to_none=True)
    loss.backward()
    opt.step()


def save(training: Training, run: Path) -> None:
    """Write the state, the networks and the sheet, each whole or not at all."""
    state = {
        name: getattr(training, name).state_dict()
        for name in (*NETWORKS, "opt_g", "opt_d", "opt_c")
    }
    torch.save({**state, "images_seen": training.images_seen}, run / "state.part")
    os.replace(run / "state.part", run / "state.pt")
    tensors = {
        f"{name}.{key}": value.cpu().half().contiguous()
        if value.is_floating_point()
        else value.cpu().contiguous()
        for name in SCORES
        for key, value in state[name].items()
    }
    save_file(tensors, run / "judges.part", metadata={"images_seen": str(training.images_seen)})
    os.replace(run / "judges.part", run / "judges.safetensors")
    answer = networks.build("portrait", generator={"width": WIDTH_G})
    answer.generator.load_state_dict(state["ema"])
    answer.prior.load_state_dict(state["prior"])
    meta = {
        "method": "portrait",
        "direction": "sketch-to-photo",
        "size_px": SIZE_PX,
        "images_seen": training.images_seen,
    }
    card = ModelCard(
        data="open-portraits", terms=learned_from(training.data.sets), method="portrait"
    )
    checkpoints.save_generator(run / "generator.safetensors", answer.half(), meta, card)
    training.sheet().save(run / "sheet.png")


def load(training: Training, run: Path, init: Path | None) -> None:
    """Take up what stopped in `run`, or begin with another run's networks."""
    if (run / "state.pt").is_file():
        state = torch.load(run / "state.pt", map_location=training.device, weights_only=True)
        for name in (*NETWORKS, "opt_g", "opt_d", "opt_c"):
            getattr(training, name).load_state_dict(state[name])
        training.images_seen = state["images_seen"]
        for opt, rate in ((training.opt_g, LR_G), (training.opt_d, LR_D), (training.opt_c, 1e-3)):
            for group in opt.param_groups:  # a run may have begun on another kind of device
                group |= {"lr": training._rate(rate), "capturable": training.device.type == "cuda"}
    elif init is not None:
        judges = load_file(init / "judges.safetensors")
        with safe_open(init / "judges.safetensors", "pt") as file:
            training.images_seen = int(file.metadata()["images_seen"])
        for name in SCORES:
            own = {
                k.removeprefix(f"{name}."): v for k, v in judges.items() if k.startswith(f"{name}.")
            }
            getattr(training, name).load_state_dict(own)
        answer = checkpoints.load_network(init / "generator.safetensors")[0]
        training.prior.load_state_dict(answer.prior.state_dict())
        for net in (training.net_g, training.ema):
            net.load_state_dict(answer.generator.state_dict())


def train(training: Training, run: Path, minutes: float, finish: bool) -> None:
    """Train for so long."""
    began, saved, losses, at_first = time.monotonic(), time.monotonic(), {}, training.images_seen
    while (spent := (time.monotonic() - began) / (60 * minutes)) < 1:
        share = (
            1.0 if not finish or spent < FALLS_FROM else max(0.03, (1 - spent) / (1 - FALLS_FROM))
        )
        for opt, lr in ((training.opt_g, LR_G), (training.opt_d, LR_D)):
            training.set_rate(opt, share * lr * (training.batch / 64) ** 0.5)
        for name, value in training.advance().items():
            losses.setdefault(name, []).append(value)
        if training.images_seen % (100 * training.batch) == 0:
            row = {name: f"{torch.stack(values).mean():.4f}" for name, values in losses.items()}
            pace = (training.images_seen - at_first) / (time.monotonic() - began)
            write_row(
                run / "curve.csv",
                {"images": training.images_seen, **row, "images a second": f"{pace:.1f}"},
            )
            losses = {}
        if time.monotonic() - saved > SAVE_EVERY_S:
            save(training, run)
            saved = time.monotonic()
    save(training, run)
    print(f"{run}: {training.images_seen:,} images, {(time.monotonic() - began) / 60:.1f} minutes")


def main() -> None:
    """Train, by the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument(
        "--expect", type=Path, nargs=2, required=True, help="for fold 0 and fold 1, who saw neither"
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument(
        "--batch", type=int, help="pictures in a step; default: 64 on a GPU, else 16"
    )
    parser.add_argument(
        "--finish", action="store_true", help="let the learning rates fall over the last third"
    )
    parser.add_argument("--init", type=Path, help="another run to begin with")
    args = parser.parse_args()
    args.run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    training = Training(args.data, args.expect, device, args.batch)
    load(training, args.run, args.init)
    training.began_at = training.images_seen
    torch.manual_seed(training.images_seen)
    print(
        f"{len(training.values)} portraits; begins at {training.images_seen:,} images", flush=True
    )
    with tuned(training.device):
        train(training, args.run, args.minutes, args.finish)


if __name__ == "__main__":
    main()
