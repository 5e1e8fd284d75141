"""From the face that is expected to people who might exist, in the mean shape's frame.

Shapes: N people, S = 128 pixels of what is expected, P = 256 of a person.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_studio.attributes import TEXTURED
from s2f_studio.engines import plane
from s2f_studio.faces.regions import cheeks_and_above, inside_face
from s2f_studio.render import network as render
from s2f_studio.render import pixels
from s2f_studio.render.network import GIVEN_PX, MADE_PX
from s2f_utils.infer.stages import F32, I64

THIN = 0.15  # of a person: less is not shown: another background would shine through
BESIDE_PX = 3  # of 256
TRAIT_GUIDANCE = 3.0  # how much what is said of a person is exaggerated in the rendered texture
# Of the codes that a seed draws; 1: as different as training's faces, with harsh light at times
TEMPERATURE = 0.5
HAIR, PERSON = 0.4, 0.5  # a pixel is hair, or of the person, from this share on
UNLIKE_SKIN = 20.0  # distance in CIELAB from the cheeks' tone
LEAST = 0.02  # of the pixels; less is no hat
# How much of a colour cast (a tint of the light) is taken away; how far apart in CIELAB hues may be
# to count as skin's.
CAST, ALIKE = 0.7, 30.0
SATURATION = 0.5  # share of the differences in hue that is kept in hair, and in a hat of one hue
# Gaps in a hat this wide, of 512 pixels, are closed, and spots removed; the blur of its rim.
CLOSE_PX, SOFT_PX = 9, 2.0


class Rendered(nn.Module):
    """Photos of people who might exist.

    In: expected (N, 5, S, S) in [0, 1]; seed int64 (N,); traits (N, 3) as `TEXTURED`, from -1 to 1,
    NaN where nothing is said. Out: people (N, 4, P, P), colours times person and person; hair
    (N, 1, S, S), as it was decided.
    """

    inputs = {
        "expected": (F32, 5, GIVEN_PX, GIVEN_PX),
        "seed": (I64,),
        "traits": (F32, len(TEXTURED)),
    }
    outputs = ("people", "hair")

    def __init__(
        self, net: render.Render, images: Callable[[Tensor], Tensor] = lambda x: x
    ) -> None:
        super().__init__()
        self.net, self.images = net, images
        self.register_buffer(
            "face", torch.from_numpy(inside_face() > 0.3).float()[None, None], persistent=False
        )

    def forward(self, expected: Tensor, seed: Tensor, traits: Tensor) -> tuple[Tensor, Tensor]:
        given = self.with_outline(expected)
        return self.of_styles(given, self.style(seed, traits), seed), given[:, 4:]

    def style(self, seed: Tensor, traits: Tensor) -> Tensor:
        """The network's style for a seed and what is said, (N, C)."""
        return self.net.draw_style(seed, TEMPERATURE, TRAIT_GUIDANCE * traits)

    def with_outline(self, expected: Tensor) -> Tensor:
        """What is expected, its outline decided, in one piece: what hangs in the air beside the
        head is left out.
        """
        parts = render.decided(expected[:, 3:])
        person = (parts[:, :1] > THIN).float()
        whole = pixels.reached(person, self.face)
        is_there = (whole.amax((1, 2, 3), keepdim=True) > 0).float()
        hanging = person * (1 - whole) * is_there
        return torch.cat([expected[:, :3], parts * (1 - hanging)], dim=1)

    def of_styles(self, expected: Tensor, styles: Tensor, seeds: Tensor) -> Tensor:
        """What is expected, as `with_outline` leaves it → people of styles (N, C), (N, 4, P, P)."""
        made = self.net(self.images(before_wall(expected)), styles, seeds)
        made = torch.cat([render.without_mesh(made[:, :3]), made[:, 3:]], dim=1).clamp(-1, 1)
        return cut_out(made, expected[:, 3:4])


def before_wall(expected: Tensor) -> Tensor:
    """What is expected, (N, 5, S, S) in [0, 1], as `Render` reads it: on its wall, in [-1, 1]."""
    person = expected[:, 3:4]
    colours = (2 * expected[:, :3] - 1) * person + render.WALL * (1 - person)
    return torch.cat([colours, 2 * expected[:, 3:] - 1], dim=1)


def cut_out(made: Tensor, given: Tensor | None = None) -> Tensor:
    """What `Render` says, (N, 4, S, S) in [-1, 1] → colours times person, and person, the same
    shape, in [0, 1].

    What is hardly there is left out: it still has the colour of the wall that the network learned
    with. given: the person that was to be rendered, (N, 1, S', S') in [0, 1]; what is further
    beside it than `BESIDE_PX` is left out.
    """
    person = 0.5 + 0.5 * made[:, 3:4]
    colours = (0.5 + 0.5 * made[:, :3] - (0.5 + 0.5 * render.WALL) * (1 - person)).clamp_min(0)
    if given is not None:
        large = F.interpolate(given, size=made.shape[-2:], mode="bilinear", align_corners=False)
        near = pixels.grown(large, 2 * BESIDE_PX + 1)
        colours, person = (
            colours * torch.minimum(person, near) / person.clamp_min(1e-3),
            torch.minimum(person, near),
        )
    solid = (person - THIN).clamp_min(0) / (1 - THIN)
    return torch.cat(
        [torch.minimum(colours, person) * solid / person.clamp_min(THIN), solid], dim=1
    )


class Finished(nn.Module):
    """Two corrections of rendered people: a colour cast is taken off skin and hair whose tone was
    asked for, and a hat of many hues gets one.

    In: people (N, 4, P, P), hair (N, 1, S, S); tones (N, 6) in [-1, 1], NaN where none was asked
    for; hat (N,), 1 for those who wear one. Out: finished (N, 4, P, P).
    """

    inputs = {
        "people": (F32, 4, MADE_PX, MADE_PX),
        "hair": (F32, 1, GIVEN_PX, GIVEN_PX),
        "tones": (F32, 6),
        "hat": (F32,),
    }
    outputs = ("finished",)

    def __init__(self, side_px: int = MADE_PX) -> None:
        super().__init__()
        cheeks, above = (
            torch.from_numpy(one).float()[None, None] for one in cheeks_and_above(side_px)
        )
        self.register_buffer("cheeks", cheeks, persistent=False)
        self.register_buffer("above", above, persistent=False)

    def forward(self, people: Tensor, hair: Tensor, tones: Tensor, hat: Tensor) -> Tensor:
        hair = F.interpolate(hair, size=people.shape[-2:], mode="bilinear", align_corners=False)
        return self.with_plain_hat(self.without_cast(people, hair, tones), hair, hat)

    def without_cast(self, people: Tensor, hair: Tensor, tones: Tensor) -> Tensor:
        """Move the hues of skin and hair towards the tones that were asked for, and narrow those
        of the hair: a seed's codes tint the light, at times as no light is. hair: (N, 1, P, P).
        """
        colours, lab, there = _colours(people)
        is_hair = there * hair
        known = (tones == tones).view(-1, 2, 3).all(2).float()
        wanted = pixels.to_lab(
            (0.5 + 0.5 * tones.nan_to_num(0.0)).view(-1, 2, 3).permute(0, 2, 1)[..., None]
        )[..., 0]
        hues = lab[:, 1:]
        for n, inside in enumerate((self.cheeks * there, (is_hair > PERSON).float())):
            enough = (inside.mean((1, 2, 3)) >= LEAST / 10).float() * known[:, n]
            own = pixels.median(hues.flatten(2), inside.flatten(2))[:, :, None, None]
            by = wanted[:, 1:, n, None, None] - own
            if n == 0:
                near = torch.exp(-(hues - own).square().sum(1, keepdim=True) / ALIKE**2)
                moved = CAST * near * (1 - is_hair) * by
            else:
                moved = is_hair * (CAST * by - (1 - SATURATION) * (hues - own))
            hues = hues + enough.view(-1, 1, 1, 1) * moved
        made = pixels.from_lab(torch.cat([lab[:, :1], hues], dim=1))
        any_known = (known.amax(1) > 0).view(-1, 1, 1, 1)
        return _with(people, torch.where(any_known, made, colours))

    def with_plain_hat(self, people: Tensor, hair: Tensor, hat: Tensor) -> Tensor:
        """A hat in one hue, of the same lightness: the network saw few, and mixes hues in them.

        The hat is what is above the brows, is no hair, and differs from the cheeks' tone. hair:
        (N, 1, P, P).
        """
        colours, lab, there = _colours(people)
        cheeks = self.cheeks * there
        skin = pixels.median(lab.flatten(2), cheeks.flatten(2))[:, :, None, None]
        unlike = (lab - skin).square().sum(1, keepdim=True).sqrt() > UNLIKE_SKIN
        hat_mask = there * self.above * (hair <= HAIR).float() * unlike.float()
        across = 2 * round(CLOSE_PX * people.shape[-1] / 512) + 1
        hat_mask = pixels.grown(pixels.shrunk(hat_mask, across), across)  # opened, then closed
        hat_mask = pixels.shrunk(pixels.grown(hat_mask, across), across)
        is_hat = (hat_mask.mean((1, 2, 3)) >= LEAST) & (cheeks.amax((1, 2, 3)) > 0) & (hat > 0)
        hue = pixels.median(lab[:, 1:].flatten(2), hat_mask.flatten(2))[:, :, None, None]
        plain = torch.cat([lab[:, :1], (SATURATION * hue).expand_as(lab[:, 1:])], dim=1)
        soft = plane.blurred(hat_mask, SOFT_PX) * is_hat.float().view(-1, 1, 1, 1)
        return _with(people, colours + soft * (pixels.from_lab(plain) - colours))


def _colours(people: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """People's colours, (N, 3, P, P), the same in CIELAB, and the person's mask, (N, 1, P, P).

    The mask's rim is a ramp: at a step, the engines' different rounding would show as whole pixels.
    """
    colours = (people[:, :3] / people[:, 3:].clamp_min(1e-3)).clamp(0, 1)
    return colours, pixels.to_lab(colours), (4 * (people[:, 3:] - PERSON) + 0.5).clamp(0, 1)


def _with(people: Tensor, colours: Tensor) -> Tensor:
    return torch.cat([colours * people[:, 3:], people[:, 3:]], dim=1)
