"""A witness's hints to a model of styles: those of faces by chance are mixed in until a part has the tone asked for.

Shapes: S pixels of a face, L styles of D values, K other faces.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from s2f_utils.inference import hints
from s2f_utils.inference.hints import Tone
from s2f_utils.pictures import images

if TYPE_CHECKING:
    from s2f_utils.inference.styles import StyleModel

NUM_MIXED = 48  # K, faces by chance, whose styles are mixed in for a hint
FIT_STEPS, FIT_LR, OWN_AT_FIRST = 50, 0.35, 4.0  # of the shares; the drawing's own begins with half of a layer


def with_hints(
    model: StyleModel, given: np.ndarray, face: np.ndarray, tones: Mapping[str, Tone], memory: MutableMapping
) -> np.ndarray:
    """The face, uint8 (S, S, 3), with its hair or skin in the tones asked for: inside the part, the answer with other
    styles mixed in; the face itself elsewhere.

    memory: the shares that were found for a part and a tone, kept by whoever asks.
    """
    parts, own = model.parts(given, face), model.encode(given)
    for part, tone in tones.items():
        if not hints.is_there(parts[part]):
            continue
        if (part, tone.colour) not in memory:
            memory[part, tone.colour] = _fitted(model, own, face, parts[part], tone)
        mixed = model.decode(_mixed(model, own, memory[part, tone.colour]))[0]
        face = images.blended(face, mixed, parts[part])
    return face


def _mixed(model: StyleModel, own: Tensor, shares: Tensor) -> Tensor:
    """Styles, (1, L, D), whose open layers are the drawing's own and the others' by shares, (1 + K, layers), of which
    each column adds up to 1.
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
