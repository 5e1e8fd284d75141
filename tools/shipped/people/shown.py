"""Who is shown to the renderer: training people, in balance, and invented ones.

Shapes: N people, K components.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from s2f_studio.drawings import mesh, shape_prior
from tools.shipped.people import running, strangers
from tools.shipped.people.appearance import POWERS, Appearance, is_whole

BATCH, INVENTED = 16, 7
LEAST_COMPONENTS = 40
CODE_NOISE = 0.12
BLANK_SHARE = 0.55  # of people, whose lines are left out
WORN_SHARES = (0.2, 0.2, 0.0)  # of glasses, beards, and hats among invented people
HATS_SHOWN = 0.05  # share of people in painted hats among those shown
NEAR_ENOUGH = 0.2  # the other person's share in a blend, up to which it gets the first one's lines
SHOWN, SHOWN_COMPONENTS = 10, 96
MOST_TURNED = 0.2  # the nose's tip from between eyes and mouth, of the eyes' distance
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
        people = running.read_people(folder) | running.read_plain(folder)
        whole = is_whole(people) & is_frontal(people["points"])
        self.appearance = appearance
        training = whole & (people["split"] == "train")
        held = whole & (people["split"] != "train") & (running.set_of(people["name"]) != SYNTHETIC)
        self.photo = torch.from_numpy(people["photo"][training])
        self.lines = torch.from_numpy(people["lines"][training])
        powers = POWERS | {"mouth": 1.0, "glasses": 0.3}
        self.balance = running.balanced(people["labels"][training], powers)
        self._add_hats(folder / "plain-hats.npz")
        self.codes = torch.stack(
            [self._codes(False), self._codes(True)]
        )  # (2, N, K), mirrored last
        self.alike = self._alike(people["labels"][training], people["person"][training])
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

    def _alike(self, labels: np.ndarray, person: np.ndarray) -> Tensor:
        """With whom each may be blended: numbers of people, mirrored ones behind the others."""
        group = strangers.groups_of(labels)
        person = torch.from_numpy(person.astype(np.int64))
        num_hats = len(self.photo) - len(person)
        group = torch.cat([group, group[:1].expand(num_hats)]).repeat(2)
        person = torch.cat([person, person.new_full((num_hats,), -1)]).repeat(2)
        return strangers.partners(self.codes.flatten(0, 1), group, person, ~self.has_hat.repeat(2))

    def invented(self, who: Tensor, mirrored: Tensor, share: Tensor) -> Tensor:
        """Whole codes (N, K) of blends of people `who` (N,) with others; share: (N, 1)."""
        every = self.codes.flatten(0, 1)
        one = who + mirrored.long() * len(self.photo)
        other = self.alike[one, torch.randint(strangers.NUM_ALIKE, one.shape)]
        made = strangers.blended(every[one], every[other], share)
        return self.worn.decided(made + strangers.LOOSE * torch.randn_like(made))

    def strangers(self, num: int, seed: int = 5) -> Tensor:
        """Codes (num, K) of invented people, as they are shown and measured."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            who = torch.multinomial(self.balance * ~self.has_hat, num, replacement=True)
            share = strangers.MOST_SHARE * torch.rand(num, 1)
            codes = self.invented(who, torch.rand(num) < 0.5, share)
        codes[:, SHOWN_COMPONENTS:] = 0
        return codes

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
        share = strangers.MOST_SHARE * torch.rand(BATCH, 1)
        blank = (torch.rand(BATCH) < BLANK_SHARE) | (~known & (share[:, 0] > NEAR_ENOUGH))
        lines = torch.where(blank.view(-1, 1, 1, 1), torch.ones_like(lines), lines)
        whole = self.codes[mirrored.long(), who]
        codes = torch.where(self.has_hat[who, None], whole, spoiled(whole))
        codes = torch.where(
            known[:, None], codes, self.invented(who, mirrored, share) * (codes != 0)
        )
        return Batch(photo, self.appearance.picture(codes), lines, known.float())


def is_frontal(points: np.ndarray) -> np.ndarray:
    """Whether each face looks ahead: bool (N,); points: (N, 164, 2).

    The half of a turned face that is hardly seen is torn wide in the mean shape's frame.
    """
    five = mesh.five_of(points)
    middle = (five[:, :2].mean(axis=1) + five[:, 3:].mean(axis=1)) / 2
    return np.abs(five[:, 2, 0] - middle[:, 0]) <= MOST_TURNED * mesh.eye_distance(points)


def _mirror(pictures: Tensor, mirrored: Tensor) -> Tensor:
    return torch.where(mirrored.view(-1, 1, 1, 1), pictures.flip(3), pictures)


def spoiled(codes: Tensor) -> Tensor:
    """Codes (N, K) with a random number of components, half of them with a little noise."""
    num, most = codes.shape
    kept = LEAST_COMPONENTS * (most / LEAST_COMPONENTS) ** torch.rand(num, 1)
    noise = CODE_NOISE * torch.randn_like(codes) * (torch.rand(num, 1) < 0.5)
    return (codes + noise) * (torch.arange(most)[None] < kept)
