"""Faces by their styles: read from a drawing or a map, drawn at random, mixed layer by layer, varied, and painted.

Shapes: N faces, L styles (one for each layer of the generator), D values of a style, S pixels.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, MutableMapping, Sequence

import numpy as np
import torch
from torch import Tensor

from s2f_utils import models
from s2f_utils.inference import hints
from s2f_utils.inference.asking import Ask
from s2f_utils.inference.hints import Tone
from s2f_utils.inference.translator import Translator, one_way
from s2f_utils.models.noise import as_seeds, normal
from s2f_utils.models.psp import COARSE, MIDDLE
from s2f_utils.pictures import domain, images, masks
from s2f_utils.pictures.remarks import Remark

PUBLISHED_MIX_FROM = 8
PIXELS_AT_ONCE = 1 << 22  # of faces: four of 1024 px
# What the layers decide in a trained generator: pose and shape; features and hair; colours and light.
LEVELS = ("coarse", "middle", "fine")
NUM_MIXED = 48  # K, faces by chance, whose styles are mixed in for a hint
FIT_STEPS, FIT_LR, OWN_AT_FIRST = 50, 0.35, 4.0  # of the shares; the drawing's own begins with half of a layer


class StyleModel(Translator):
    """A generator and, in a pSp model, the encoder; made by `load`. A StyleGAN2 alone reads nothing."""

    in_batches = False
    hint_method = hints.MIXED

    @property
    def num_bytes(self) -> int:
        """As `Model.num_bytes`."""
        return sum(t.numel() * t.element_size() for t in (*self.net.parameters(), *self.net.buffers()))

    @property
    def reads(self) -> str:
        """What the encoder reads, "sketch", "map", "photo" or "sketch and map"; "" where there is none."""
        return self.facts.reads

    @functools.cached_property
    def mean(self) -> Tensor:
        """The mean style, (L, D)."""
        with torch.inference_mode(False):
            return self.net.latent_avg if self.reads else self.net.mean_latent().expand(self.num_layers, -1)

    @property
    def decoder(self) -> models.StyleGAN2:
        """The generator."""
        return self.net.decoder if self.reads else self.net

    @property
    def input_px(self) -> int:
        """P, height and width of the square that the encoder reads."""
        return self.net.encoder.input_px

    @property
    def num_layers(self) -> int:
        """L, the number of styles of a face."""
        return self.decoder.num_layers

    def layers(self, which: str) -> range:
        """The layers of a level: "coarse", "middle" or "fine". Raises ValueError for any other."""
        ends = {"coarse": (0, COARSE), "middle": (COARSE, MIDDLE), "fine": (MIDDLE, self.num_layers)}
        if which not in ends:
            raise ValueError(f"which must be one of {', '.join(ends)}, got {which!r}")
        return range(*ends[which])

    @property
    def open_layers(self) -> range:
        """The layers that an encoder leaves open, for many answers to one drawing: those that it was trained with, else
        from the eighth on, as published (from the seventh on in generators below 256 px).
        """
        first = self.meta.get("mix_from") or (PUBLISHED_MIX_FROM if self.num_layers >= 14 else MIDDLE)
        return range(int(first), self.num_layers)

    def layers_of(self, text: str) -> range:
        """The layers that a person names: "open", a level as in `layers`, or numbers from 0, "5-9" or "4"."""
        if text == "open":
            return self.open_layers
        first, _, last = text.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal()):
            return self.layers(text)
        chosen = range(int(first), int(last or first) + 1)
        if not chosen or chosen[-1] >= self.num_layers:
            raise ValueError(f"layers go from 0 to {self.num_layers - 1}, got {text}")
        return chosen

    def advice(self, picture: np.ndarray, ask: Ask | None = None) -> Remark | None:
        """What to tell the person who gives this picture, uint8 (H, W, 3), to be encoded; None if all is well."""
        if self.reads in ("", "map"):
            return None
        verdict = domain.verdict(_picture(picture, self.reads))
        if min(picture.shape[:2]) < domain.SMALL_PX and verdict.coloured < domain.COLOURED_FROM:
            return None  # lines that are drawn so small are tones
        kind = verdict.kind
        drawn = kind in ("drawing", "faint", "inverted")
        if self.reads == "photo":
            return Remark("drawing-for-photos") if drawn else None
        if kind == "photo":
            return Remark("photo-for-sketches")
        return None if kind == "drawing" else Remark(kind)

    def answer(self, pictures: Sequence[np.ndarray], asks: Sequence[Ask]) -> list[np.ndarray]:
        """As `Translator.answer`. Raises ValueError for a model that reads nothing, or something else."""
        one_way(self.network, asks)
        for ask in asks:
            self._check_reads(ask.labels is not None)
        return super().answer(pictures, asks)

    def _checked(self, image: np.ndarray) -> np.ndarray:
        return super()._checked(image if self.reads_map else _picture(image, self.reads))

    @torch.inference_mode()
    def answer_squares(self, squares: np.ndarray, asks: Sequence[Ask]) -> np.ndarray:
        """As `Translator.answer_squares`: the drawing decides the first styles, a chosen variant or chance the rest."""
        one_way(self.network, asks)
        made = []
        for square, ask in zip(squares, asks, strict=True):
            own = self._encoded(square, ask.labels)
            if ask.style is not None:
                own = self.mix(own, ask.style, self.open_layers)
            elif ask.seed > 0:
                own = self.variants(own, 1, seed=ask.seed)
            made.append(self.decode(own)[0])
        return np.stack(made)

    def translate_batch(self, batch: np.ndarray, *, mode: str = "deterministic") -> np.ndarray:
        """As `Translator.translate_batch`: the drawing decides all styles."""
        return self.answer_squares(batch, [Ask(mode=mode)] * len(batch))

    def with_hints(
        self, given: np.ndarray, face: np.ndarray, tones: Mapping[str, Tone], memory: MutableMapping | None = None
    ) -> np.ndarray:
        """As `Model.with_hints`: inside of a part, the answer with styles mixed in of faces by chance that have the
        tone asked for; the face itself elsewhere. memory: the shares that were found for a part and a tone.
        """
        memory = {} if memory is None else memory
        parts, own = self.parts(given, face), self.encode(given)
        for part, tone in tones.items():
            if not hints.is_there(parts[part]):
                continue
            if (part, tone.colour) not in memory:
                memory[part, tone.colour] = _fitted(self, own, face, parts[part], tone)
            mixed = self.decode(_mixed(self, own, memory[part, tone.colour]))[0]
            face = images.blended(face, mixed, parts[part])
        return face

    @torch.inference_mode()
    def encode(self, picture: np.ndarray, labels: np.ndarray | None = None) -> Tensor:
        """The styles of a drawing, a map or a photo, whatever this model reads: (1, L, D).

        picture: uint8 (H, W, 3); a map as class numbers, uint8 (H, W), or in CelebAMask-HQ's colours. labels: the map
        beside a sketch, for a model that reads both. Raises ValueError for a model without an encoder, or where
        something else was given than it reads.
        """
        self._check_reads(labels is not None)
        if self.reads == "map":
            square = masks.resize(masks.picture_of(picture), self.input_px)
        else:
            square = images.resize(_picture(picture, self.reads), self.input_px, "stretch")
        return self._encoded(square, labels)

    def _check_reads(self, has_labels: bool) -> None:
        if not self.reads:
            raise ValueError("this model draws faces by chance and reads nothing: give a pSp model (s2f train psp)")
        if has_labels != (self.reads == "sketch and map"):
            given = "a sketch and a map" if has_labels else "one picture"
            raise ValueError(f"this model reads a {self.reads}, but {given} was given")

    def _encoded(self, square: np.ndarray, labels: np.ndarray | None) -> Tensor:
        squares = [square]
        if labels is not None:
            squares.append(masks.resize(masks.picture_of(labels), self.input_px))
        x = torch.cat([images.to_tensor(one[None]) for one in squares], 1).to(self.precision.device)
        return self.net.encode(self.precision.images(x))

    @torch.inference_mode()
    def decode(self, styles: Tensor, *, noise: int | None = None) -> np.ndarray:
        """The faces of styles (N, L, D): uint8 (N, S, S, 3). noise: a seed for freckles and strands of hair; None: the
        stored ones.
        """
        styles = styles.to(self.precision.device)
        drawn = self.decoder.noise_for(styles, randomize=noise is not None, seed=noise)
        at_once = max(1, PIXELS_AT_ONCE // self.size_px**2)
        made = []
        for start in range(0, len(styles), at_once):
            part = styles[start : start + at_once]
            own = [x[start : start + at_once] if len(x) > 1 else x for x in drawn]
            with self.precision.autocast():
                made.append(images.to_uint8(self.decoder(part, input_is_latent=True, noise=own)))
        return np.concatenate(made)

    @torch.inference_mode()
    def draw(self, num: int, seed: int = 0, psi: float = 0.7) -> Tensor:
        """Styles of `num` faces by chance, (num, L, D). psi: 1 as the generator knows faces, 0 the mean face."""
        seeds = as_seeds(seed, self.precision.device)
        z = normal(seeds, num * self.decoder.style_dim).view(num, self.decoder.style_dim)
        w = self.decoder.map(z)[:, None].expand(-1, self.num_layers, -1)
        return self.truncate(w, psi)

    def truncate(self, styles: Tensor, psi: float) -> Tensor:
        """Styles pulled towards the mean: 1 leaves them as they are, 0 gives the mean face (Karras et al. 2019)."""
        return torch.lerp(self.mean.expand_as(styles), styles, psi)

    def mix(self, styles: Tensor, others: Tensor, layers: range | list[int], strength: float = 1.0) -> Tensor:
        """The styles, but on these layers moved towards the others': 0 not at all, 1 all the way. (N, L, D) each."""
        layers = list(layers)
        if layers and not 0 <= min(layers) <= max(layers) < self.num_layers:
            raise ValueError(f"layers go from 0 to {self.num_layers - 1}, got {min(layers)} to {max(layers)}")
        num = len(others) if len(styles) == 1 else len(styles)
        styles = styles.expand(num, -1, -1).clone()
        styles[:, layers] = torch.lerp(
            styles[:, layers], others.to(styles)[:, layers].expand_as(styles[:, layers]), strength
        )
        return styles

    def variants(
        self,
        styles: Tensor,
        num: int,
        *,
        seed: int = 0,
        strength: float = 1.0,
        layers: range | None = None,
        psi: float = 1.0,
    ) -> Tensor:
        """`num` answers to one drawing: its styles (1, L, D), on the open layers (or those given) mixed with those of
        faces by chance, as pSp does for many answers; (num, L, D).
        """
        return self.mix(styles, self.draw(num, seed, psi), layers or self.open_layers, strength)

    def between(self, one: Tensor, other: Tensor, num: int) -> Tensor:
        """`num` steps from one face to another, both with them: (1, L, D) twice → (num, L, D)."""
        steps = torch.linspace(0, 1, num, device=one.device).view(-1, 1, 1)
        return torch.lerp(one.expand(num, -1, -1), other.to(one).expand(num, -1, -1), steps)


def _picture(picture: np.ndarray, reads: str) -> np.ndarray:
    picture = np.asarray(picture)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(
            f"a {reads} must be uint8 (H, W, 3), got {picture.dtype} {picture.shape}: images.load_rgb reads any file as"
            " that, and lays what is transparent on white paper"
        )
    if masks.is_coloured(picture):
        raise ValueError(f"this model reads a {reads}, but a segmentation map was given: choose a model for maps")
    return picture


def _mixed(model: StyleModel, own: Tensor, shares: Tensor) -> Tensor:
    """Styles, (1, L, D), whose open layers are the drawing's own and the others' by shares, (1 + NUM_MIXED, layers), of
    which each column adds up to 1.
    """
    layers = list(model.open_layers)
    others = model.draw(NUM_MIXED, seed=0, psi=1.0)[:, layers].clone()  # (K, open layers, D)
    mixed = own.clone()
    mixed[:, layers] = torch.einsum("kl,kld->ld", shares, torch.cat([own[:, layers], others]))[None]
    return mixed


def _fitted(model: StyleModel, own: Tensor, face: np.ndarray, part: np.ndarray, tone: Tone) -> Tensor:
    """The shares that bring the part near the tone and change its shading and the rest least, by Adam."""
    device = own.device
    target = images.to_tensor(face).to(device)
    weight, rest = (torch.from_numpy(w.astype(np.float32)).to(device) for w in (part, part < 0.05))
    weight, rest = weight / weight.sum(), rest / rest.sum().clamp_min(1)
    colour = torch.tensor(tone.colour, device=device).view(1, 3, 1, 1) / 127.5 - 1
    shaded = target - (target * weight).sum((2, 3), keepdim=True) + colour
    own, decoder = own.clone(), model.decoder
    noise = decoder.noise_for(own, randomize=False)
    amounts = torch.zeros(1 + NUM_MIXED, len(model.open_layers), device=device)
    amounts[0] = OWN_AT_FIRST
    amounts.requires_grad_()
    optimizer = torch.optim.Adam([amounts], lr=FIT_LR)
    for _ in range(FIT_STEPS):
        made = decoder(_mixed(model, own, amounts.softmax(0)), input_is_latent=True, noise=noise).float()
        missed = ((made * weight).sum((2, 3), keepdim=True) - colour).square().sum()
        inside, outside = (((made - to).square() * at).sum() for to, at in ((shaded, weight), (target, rest)))
        optimizer.zero_grad()
        (missed + 0.4 * inside + outside).backward()
        optimizer.step()
    return amounts.detach().softmax(0)
