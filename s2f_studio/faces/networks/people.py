"""Who could be meant: a distribution over people of the generator, given a drawing. Ours.

A person is a code of the generator's space W, in its first principal directions. What a drawing
shows becomes numbers, its features; a linear regression leads from these to the likeliest code, and
the covariance of its residuals says how far others may be from it. A flow starts from this normal
distribution, and learns how people differ from it, by flow matching (Lipman et al. 2023), as in
notebook 08. What a code shows (the
length of hair, age, a smile) follows from it by a linear map and one hidden layer. All of it was
fitted on painted people and drawings of them (tools/shipped/generated/fit.py).

Shapes: N drawings or people, K directions, D = 512 numbers in W, V values of looks, T traits of
people, H = 32 pixels of a mask of hair, C components of masks, B of shape, F features, O = T + B +
40 numbers that a person shows: traits, shape and components of the mask of hair.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_studio.codes import NUM_DIRECTIONS
from s2f_studio.faces.looks import NUM_VALUES, SPANS, TRAITS
from s2f_utils.networks.info import MEASURES, ModelInfo
from s2f_utils.networks.landmark_net import Block
from s2f_utils.networks.mobile_stylegan import STYLE_DIM
from s2f_utils.networks.network import Dropout2d, Network
from s2f_utils.pictures.mesh import MEAN_PX

HAIR_PX = 32
NUM_PIXELS = 2 * HAIR_PX**2  # of the masks of person and hair
NUM_MASKS, NUM_HAIR = 48, 40  # components
NUM_SHAPE = 25
NUM_SHOWN = len(TRAITS) + NUM_SHAPE + NUM_HAIR
NUM_HIDDEN = 512
NUM_READ = NUM_MASKS + NUM_SHAPE + NUM_VALUES + 2 + 1
NUM_FEATURES = 2 * NUM_READ + 1
NUM_READ_CHANNELS = 3  # ink, person, hair
WIDTH, NUM_BLOCKS = 384, 4  # of the flow's network
NUM_GIVEN = 192  # numbers that say what the drawing and the time are
NUM_WAVES = 32  # of the time
DROPPED = 0.3
MOST_OFF = 4.0  # standard deviations of a feature from its mean, at most


class People(Network):
    """The reader of drawings, who could be meant, and what a person shows.

    mean_w (D,), directions (K, D), deviations (K,): of codes in W. masks_mean (P,), masks (C, P):
    from masks of person and hair to components. features_mean, features_deviation: (F - 1,).
    regression: (F, K). spread: (K, K), orthogonal columns; times its transpose it is the
    residuals' covariance. shown: (K + 1, O), the linear part of what a code shows; hidden (K + 1,
    512) and shown_by_hidden (512, O): the rest, by SiLU. traits_mean, traits_deviation: (T,).
    hair_mean: (H * H,); hair_components: (40, H * H). identity: (K, K), the square of a way (K,) by
    it is how far a recogniser's descriptor moves. descent, edit_descent: (K, K), what the gradients
    of the fit and of an edit are multiplied by.
    """

    name = "people"
    INFO = ModelInfo(MEASURES, size_px=MEAN_PX)

    def __init__(self) -> None:
        super().__init__()
        self.reader = Reader()
        self.velocity = Velocity(NUM_DIRECTIONS, NUM_FEATURES)
        num, num_traits = NUM_DIRECTIONS, len(TRAITS)
        shapes = {
            "mean_w": (STYLE_DIM,),
            "directions": (num, STYLE_DIM),
            "deviations": (num,),
            "masks_mean": (NUM_PIXELS,),
            "masks": (NUM_MASKS, NUM_PIXELS),
            "features_mean": (NUM_FEATURES - 1,),
            "features_deviation": (NUM_FEATURES - 1,),
            "regression": (NUM_FEATURES, num),
            "spread": (num, num),
            "shown": (num + 1, NUM_SHOWN),
            "hidden": (num + 1, NUM_HIDDEN),
            "shown_by_hidden": (NUM_HIDDEN, NUM_SHOWN),
            "traits_mean": (num_traits,),
            "traits_deviation": (num_traits,),
            "hair_mean": (HAIR_PX**2,),
            "hair_components": (NUM_HAIR, HAIR_PX**2),
            "descent": (num, num),
            "identity": (num, num),
            "edit_descent": (num, num),
        }
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        """What the reader says of a drawing and its mirror image: the mean of both is steadier."""
        return normalised(0.5 * (self.reader(x) + self.reader(x.flip(3))))

    def features(
        self, looks: Tensor, masks: Tensor, shape: Tensor, lips: Tensor, crude: Tensor
    ) -> Tensor:
        """What a drawing shows as numbers: (N, F).

        looks: (N, V), logarithms of probabilities. masks: (N, 2, H, H), person and hair in the mean
        shape's frame. shape: (N, B). lips: (N, 2), the gap between them and the smile. crude: (N,).
        """
        components = (masks.flatten(1) - self.masks_mean) @ self.masks.T
        mouth = (10 * lips).clamp(-3, 5)
        read = torch.cat([components, shape, looks.exp(), mouth, crude[:, None]], dim=1)
        both = torch.cat([read, read * (1 - crude[:, None])], dim=1)
        scaled = (both - self.features_mean) / self.features_deviation
        return F.pad(scaled.clamp(-MOST_OFF, MOST_OFF), (0, 1), value=1.0)

    def velocity_of(self, x: Tensor, time: Tensor, features: Tensor) -> Tensor:
        """The flow's velocity at x (N, K) and a time (N,) for drawings with these features."""
        usual = normal_velocity(x, time, features @ self.regression, self.spread)
        return usual + self.velocity(x, time, features)

    def to_w(self, code: Tensor) -> Tensor:
        """Codes of the generator: (N, K) → (N, D)."""
        return self.mean_w + (code * self.deviations) @ self.directions

    def to_code(self, w: Tensor) -> Tensor:
        """The nearest codes: (N, D) → (N, K)."""
        return (w - self.mean_w) @ self.directions.T / self.deviations

    def linear(self) -> tuple[Tensor, Tensor, Tensor]:
        """The directions in which traits, shape and hair change: (K, T), (K, B), (K, 40)."""
        return self.shown[:-1].split([len(TRAITS), NUM_SHAPE, NUM_HAIR], dim=1)

    def shown_by(self, code: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What people show: traits (N, T), in standard deviations from the mean, shape (N, B) and
        components of the mask of hair (N, 40); and what enters the hidden layer (N, 512), for
        `slope_of`.
        """
        hidden = code @ self.hidden[:-1] + self.hidden[-1]
        shown = code @ self.shown[:-1] + self.shown[-1] + F.silu(hidden) @ self.shown_by_hidden
        traits, shape, hair = shown.split([len(TRAITS), NUM_SHAPE, NUM_HAIR], dim=1)
        return traits, shape, hair, hidden

    def slope_of(self, slope: Tensor, hidden: Tensor) -> Tensor:
        """The gradient by a code (N, K) of what has this gradient by what it shows (N, O)."""
        gate = hidden.sigmoid()
        of_silu = gate * (1 + hidden * (1 - gate))
        through = (slope @ self.shown_by_hidden.T) * of_silu
        return slope @ self.shown[:-1].T + through @ self.hidden[:-1].T

    def traits_of(self, code: Tensor) -> Tensor:
        """Traits of people, in standard deviations from the mean: (N, K) → (N, T)."""
        return self.shown_by(code)[0]

    def shape_of(self, code: Tensor) -> Tensor:
        """The shape of their faces: (N, K) → (N, B)."""
        return self.shown_by(code)[1]

    def hair_of(self, code: Tensor) -> Tensor:
        """The mask of their hair in the mean shape's frame, from 0 to 1: (N, K) → (N, H * H)."""
        return self.mask_of(self.shown_by(code)[2]).clamp(0, 1)

    def mask_of(self, components: Tensor) -> Tensor:
        """A mask of hair of its components, not clamped: (N, 40) → (N, H * H)."""
        return components @ self.hair_components + self.hair_mean


class Reader(nn.Module):
    """What a drawing shows: ink and masks of person and hair (N, 3, S, S), from 0 to 1 → logarithms
    of the probabilities of each look's values (N, V). The side is S = 128 pixels, in the mean
    shape's frame.
    """

    def __init__(self, widths: tuple[int, ...] = (24, 32, 64, 96), hidden: int = 96) -> None:
        super().__init__()
        first, second, third, last = widths
        self.stem = nn.Sequential(nn.Conv2d(NUM_READ_CHANNELS, first, 5, 2, 2), nn.SiLU())
        self.body = nn.Sequential(
            Block(first, second, 2),
            Block(second, third, 2),
            Block(third, last, 2),
            Dropout2d(0.1),
            Block(last, last),
        )  # (N, 96, 8, 8)
        self.narrow = nn.Conv2d(last, 32, 1)
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(32 * 8 * 8, hidden), nn.SiLU(), nn.Linear(hidden, NUM_VALUES)
        )

    def forward(self, x: Tensor) -> Tensor:
        return normalised(self.head(self.narrow(self.body(self.stem(x)))))


def normalised(logits: Tensor) -> Tensor:
    """Logits (N, V) as logarithms of the probabilities of each look's values."""
    return torch.cat([logits[:, span].log_softmax(1) for span in SPANS.values()], dim=1)


class FlowBlock(nn.Module):
    """A residual block of two layers, scaled and shifted by what is given."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.by_given = nn.Linear(NUM_GIVEN, 2 * WIDTH)
        self.first, self.second = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor, given: Tensor) -> Tensor:
        scale, shift = self.by_given(given).chunk(2, dim=1)
        hidden = F.silu(self.first(self.norm(x) * (1 + scale) + shift))
        return x + self.second(hidden)  # (N, 384)


class Velocity(nn.Module):
    """By how much the velocity of a flow from noise to people differs from a normal distribution's,
    given a drawing: x (N, K) at a time (N,), features (N, F) → (N, K).

    Noise z at time 0 and a person's code u at time 1 are joined by a line, x = (1 - t) z + t u; the
    velocity is the mean of u - z over all lines through x. For a normal distribution it is known in
    closed form (`normal_velocity`); the network learns what people differ from that.
    """

    def __init__(self, num_directions: int, num_features: int) -> None:
        super().__init__()
        self.by_drawing = nn.Sequential(
            nn.Linear(num_features, NUM_GIVEN),
            nn.SiLU(),
            nn.Dropout(DROPPED),
            nn.Linear(NUM_GIVEN, NUM_GIVEN),
        )
        self.by_both = nn.Linear(2 * NUM_WAVES + NUM_GIVEN, NUM_GIVEN)
        self.enter, self.leave = nn.Linear(num_directions, WIDTH), nn.Linear(WIDTH, num_directions)
        self.blocks = nn.ModuleList(FlowBlock() for _ in range(NUM_BLOCKS))
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        waves = 100 * torch.linspace(0, -math.log(1000), NUM_WAVES).exp()
        self.register_buffer("waves", waves, persistent=False)

    def forward(self, x: Tensor, time: Tensor, features: Tensor) -> Tensor:
        angles = time[:, None] * self.waves
        given = torch.cat([angles.sin(), angles.cos(), self.by_drawing(features)], dim=1)
        given = F.silu(self.by_both(given))
        x = self.enter(x)
        for block in self.blocks:
            x = block(x, given)
        return self.leave(x)


def normal_velocity(x: Tensor, time: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    """The velocity where people are normally distributed around a mean (N, K): (N, K).

    spread: (K, K), orthogonal columns; times its transpose it is the covariance.
    """
    variances = spread.square().sum(0)
    axes = spread / variances.sqrt()
    time = time[:, None]
    off = (x - time * mean) @ axes / ((1 - time).square() + time.square() * variances)
    return mean + (off * (time * variances - (1 - time))) @ axes.T
