"""The models behind the sketch pad, each asked in the same way: a drawing or a map in, a face out.

Shapes: S pixels of a face, L styles of D values.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import torch

from s2f_utils import inference, models, weights
from s2f_utils.inference import candidates, hints, styles
from s2f_utils.inference.hints import Tone
from s2f_utils.models.twostage import TwoStage
from s2f_utils.pictures import faces, images, masks

DEFAULT = "sketch-to-photo"  # faithful and realistic, with a slider between them
MANY, MAPS = "sketch-to-face-64", "map-to-face-64"
SHIPPED = {
    DEFAULT: "sketch → photo, 256 px",
    MANY: "sketch → drawn face, eight variants, 64 px",
    MAPS: "label map → drawn face, eight variants, 64 px",
}
NUM_VARIANTS = 8
MIXED, TRANSFERRED = "style mixing", "colour transfer"
NUM_MIXED = 48  # faces by chance, whose styles are mixed in for a hint
FIT_STEPS, FIT_LR, OWN_AT_FIRST = 50, 0.35, 4.0  # of the shares; the drawing's own begins with half of a layer
# Where eyes, nose and mouth's corners are, as shares of the side: of aligned photos, and of the faces that
# `synthetic.draw_face` draws, which our models of 64 px have learned from.
LAYOUTS = {
    "aligned": faces.TEMPLATE,
    "drawn": np.array([[0.383, 0.467], [0.596, 0.468], [0.488, 0.598], [0.398, 0.687], [0.588, 0.688]]),
}


def laid(paper: np.ndarray, landmarks: np.ndarray, layout: str, size_px: int) -> np.ndarray:
    """A drawing with its face where a model of this layout expects it: uint8 (H, W, 3) → (size_px, size_px, 3)."""
    target = LAYOUTS[layout] * size_px - 0.5
    return faces.warp(paper, faces.similarity(landmarks, target, faces.FIT_WEIGHTS), size_px, border="paper")


class PadModel(ABC):
    """A model as the pad asks it. reads: "sketch" or "map"; layout: where it knows faces to be (`LAYOUTS`)."""

    hint_method = TRANSFERRED
    has_detail = has_variants = has_seed = False
    layout = "aligned"

    def __init__(self, name: str, reads: str, size_px: int) -> None:
        self.name, self.reads, self.size_px = name, reads, size_px

    @property
    def landmarks(self) -> np.ndarray:
        """Where the five landmarks are expected in its faces: float64 (5, 2), pixels."""
        return LAYOUTS[self.layout] * self.size_px - 0.5

    def parts(self, given: np.ndarray, face: np.ndarray) -> dict[str, np.ndarray]:
        """Hair and skin of a face, by the map that was given, or by its looks: {part: float32 (S, S)}."""
        if self.reads == "map":
            return hints.parts_of_map(given, len(face))
        return hints.find_parts(face, self.landmarks, given)

    @abstractmethod
    def answer(self, given: np.ndarray, detail: float, seed: int) -> np.ndarray:
        """A face, uint8 (S, S, 3), from a drawing, uint8 (P, P, 3), or class numbers, uint8 (P, P)."""

    def with_hints(self, given: np.ndarray, face: np.ndarray, tones: dict[str, Tone]) -> np.ndarray:
        """The face, uint8 (S, S, 3), with its hair or skin in the tones that were asked for."""
        found = self.parts(given, face)
        for part, tone in tones.items():
            face = hints.transfer(face, found[part], tone)
        return face


class _FromPair(PadModel):
    """Faithful and realistic; a seed beyond 0 draws other detail, and other colours where the model knows them."""

    has_detail = has_seed = True

    def __init__(self, name: str, pair: candidates.Pair) -> None:
        super().__init__(name, "sketch", pair.size_px)
        self.pair = pair

    def answer(self, given: np.ndarray, detail: float, seed: int) -> np.ndarray:
        square = images.resize(given, self.size_px, "stretch")
        return self.pair.translate(square, detail, seed, colours=seed > 0 and self.pair.knows_colours)


class _FromTranslator(PadModel):
    """Any trained generator that reads sketches or maps."""

    def __init__(self, name: str, translator: inference.Translator) -> None:
        super().__init__(name, "map" if translator.reads_map else "sketch", translator.size_px)
        self.translator = translator
        self.layout = "drawn" if translator.reads_map else "aligned"

    def answer(self, given: np.ndarray, detail: float, seed: int) -> np.ndarray:
        return self.translator.translate(given)


class _FromStyles(PadModel):
    """pSp: the drawing decides the first styles, chance or a chosen variant the rest."""

    hint_method = MIXED
    has_variants = has_seed = True

    def __init__(self, name: str, model: styles.Faces) -> None:
        super().__init__(name, model.reads, model.size_px)
        self.model, self.chosen = model, None  # chosen: (1, L, D), mixed in on the open layers; None: the drawing's own
        self.layout = "drawn" if name in SHIPPED or model.reads == "map" else "aligned"
        self._shares: dict[tuple, torch.Tensor] = {}  # {(part, colour): of the others}

    def _own(self, given: np.ndarray, seed: int) -> Any:
        own = self.model.encode(given)
        if self.chosen is not None:
            return self.model.mix(own, self.chosen, self.model.open_layers)
        return self.model.variants(own, 1, seed=seed) if seed > 0 else own

    def answer(self, given: np.ndarray, detail: float, seed: int) -> np.ndarray:
        return self.model.decode(self._own(given, seed))[0]

    def variants(self, given: np.ndarray, num: int, seed: int) -> tuple[np.ndarray, Any]:
        """Other answers, uint8 (num, S, S, 3), and their styles, (num, L, D)."""
        found = self.model.variants(self.model.encode(given), num, seed=seed)
        return self.model.decode(found), found

    def with_hints(self, given: np.ndarray, face: np.ndarray, tones: dict[str, Tone]) -> np.ndarray:
        """The answer with other styles mixed in shows within the part, the face itself elsewhere."""
        found, own = self.parts(given, face), self.model.encode(given)
        for part, tone in tones.items():
            if (found[part] > 0.5).mean() < hints.LEAST_SHARE:
                continue
            if (part, tone.colour) not in self._shares:
                self._shares[part, tone.colour] = self._fitted(own, face, found[part], tone)
            mixed = self.model.decode(self._mix(own, self._shares[part, tone.colour]))[0]
            face = blended(face, mixed, found[part])
        return face

    def _others(self) -> torch.Tensor:
        """The styles of faces by chance that are mixed in, (NUM_MIXED, open layers, D)."""
        return self.model.draw(NUM_MIXED, seed=0, psi=1.0)[:, list(self.model.open_layers)].clone()

    def _mix(self, own: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
        """Styles, (1, L, D), whose open layers are the drawing's own and the others' by shares, (1 + others, layers),
        of which each column adds up to 1.
        """
        layers = list(self.model.open_layers)
        mixed = own.clone()
        mixed[:, layers] = torch.einsum("kl,kld->ld", shares, torch.cat([own[:, layers], self._others()]))[None]
        return mixed

    def _fitted(self, own: torch.Tensor, face: np.ndarray, part: np.ndarray, tone: Tone) -> torch.Tensor:
        """The shares that bring the part near the tone and change its shading and the rest least, by Adam."""
        device = own.device
        target = images.to_tensor(face).to(device)
        weight, rest = (torch.from_numpy(w.astype(np.float32)).to(device) for w in (part, part < 0.05))
        weight, rest = weight / weight.sum(), rest / rest.sum().clamp_min(1)
        colour = torch.tensor(tone.colour, device=device).view(1, 3, 1, 1) / 127.5 - 1
        shaded = target - (target * weight).sum((2, 3), keepdim=True) + colour
        own, decoder = own.clone(), self.model.decoder
        noise = decoder.noise_for(own, randomize=False)
        amounts = torch.zeros(1 + NUM_MIXED, len(self.model.open_layers), device=device)
        amounts[0] = OWN_AT_FIRST
        amounts.requires_grad_()
        optimizer = torch.optim.Adam([amounts], lr=FIT_LR)
        for _ in range(FIT_STEPS):
            made = decoder(self._mix(own, amounts.softmax(0)), input_is_latent=True, noise=noise).float()
            missed = ((made * weight).sum((2, 3), keepdim=True) - colour).square().sum()
            inside, outside = (((made - to).square() * at).sum() for to, at in ((shaded, weight), (target, rest)))
            optimizer.zero_grad()
            (missed + 0.4 * inside + outside).backward()
            optimizer.step()
        return amounts.detach().softmax(0)


def blended(outside: np.ndarray, inside: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Two pictures, uint8 (S, S, 3) each, share float (S, S): 0 keeps the bytes of the first, 1 those of the second."""
    mixed = outside + share[..., None] * (inside.astype(np.float32) - outside)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def load(model: Any = None, device: str = "auto") -> PadModel:
    """The model that a person means: None or a name of `SHIPPED`, a run folder or file, published weights by name, or
    what `candidates.load_pair`, `inference.load` or `styles.load` gave.

    Raises ValueError for a model that reads photos, or chance alone, or a sketch and a map at once, and what these
    functions raise.
    """
    if isinstance(model, PadModel):
        return model
    if model is None or model == DEFAULT:
        return _FromPair(DEFAULT, candidates.load_pair(device=device))
    if isinstance(model, candidates.Pair):
        return _FromPair("a pair of your own", model)
    if isinstance(model, inference.Translator | styles.Faces):
        return _wrapped("a model of your own", model)
    if not isinstance(model, str | Path):
        raise ValueError(
            f"a model is a name, a folder, a file, or what inference.load gives, got {type(model).__name__}"
        )
    return _named(str(model), device)


def _named(name: str, device: str) -> PadModel:
    if name in (weights.FAITHFUL, weights.DETAIL):
        raise ValueError(f"{name}: is one half of {DEFAULT!r}: choose that, and detail 0 for the faithful half alone")
    try:
        return _wrapped(name, styles.load(name, device))
    except models.UnknownNetworkError:
        return _wrapped(name, inference.load(name, device))


def _wrapped(name: str, model: inference.Translator | styles.Faces) -> PadModel:
    if isinstance(model, styles.Faces):
        if model.reads not in ("sketch", "map"):
            what = f"reads a {model.reads}" if model.reads else "draws faces by chance and reads nothing"
            raise ValueError(f"{name}: {what}: the pad gives a sketch or a label map; choose a model for one of them")
        return _FromStyles(name, model)
    if model.direction not in ("sketch-to-photo", "map-to-photo"):
        raise ValueError(
            f"{name}: takes photos (it goes {model.direction}): the pad gives a drawing; choose a model from sketch to"
            " photo, or from a label map"
        )
    if isinstance(model.net, TwoStage):
        return _FromPair(name, candidates.Pair(model))
    return _FromTranslator(name, model)


def check_map(labels: np.ndarray) -> np.ndarray:
    """A map as class numbers, uint8 (H, W), from that or from CelebAMask-HQ's colours. Raises MaskError otherwise."""
    return masks.from_colours(masks.picture_of(labels))
