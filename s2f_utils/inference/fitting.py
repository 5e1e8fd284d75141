"""Styles that give a part of a face another tone, found with gradients; so it needs PyTorch.

Shapes: L styles of a face, D values of a style, S pixels.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from s2f_utils.inference.hints import Tone
from s2f_utils.inference.styles import StyleModel
from s2f_utils.pictures import images

NUM_MIXED = 48  # K, faces by chance, whose styles are mixed in
FIT_STEPS, FIT_LR, OWN_AT_FIRST = 50, 0.35, 4.0  # of the shares; the drawing's own begins with half of a layer


def mixed(model: StyleModel, own: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Styles, (1, L, D), whose open layers are the drawing's own and others' by shares, (1 + K, layers), of which each
    column adds up to 1.
    """
    return _mixed(*_given(model, own), torch.from_numpy(shares), list(model.open_layers)).numpy()


def fitted(model: StyleModel, own: np.ndarray, face: np.ndarray, part: np.ndarray, tone: Tone) -> np.ndarray:
    """The shares that bring the part of a face, uint8 (S, S, 3), float32 (S, S), near the tone and change its shading
    and the rest least, by Adam: float32 (1 + K, layers).
    """
    device, layers = model.precision.device, list(model.open_layers)
    target = images.to_tensor(face).to(device)
    weight, rest = (torch.from_numpy(w.astype(np.float32)).to(device) for w in (part, part < 0.05))
    weight, rest = weight / weight.sum(), rest / rest.sum().clamp_min(1)
    colour = torch.tensor(tone.colour, device=device).view(1, 3, 1, 1) / 127.5 - 1
    shaded = target - (target * weight).sum((2, 3), keepdim=True) + colour
    styles, others = (one.to(device) for one in _given(model, own))
    decoder = model.net.decoder if model.reads else model.net
    noise = decoder.noise_for(styles, randomize=False)
    amounts = torch.zeros(1 + NUM_MIXED, len(layers), device=device)
    amounts[0] = OWN_AT_FIRST
    amounts.requires_grad_()
    optimizer = torch.optim.Adam([amounts], lr=FIT_LR)
    for _ in range(FIT_STEPS):
        wanted = _mixed(styles, others, amounts.softmax(0), layers)
        made = decoder(wanted, input_is_latent=True, noise=noise).float()
        missed = ((made * weight).sum((2, 3), keepdim=True) - colour).square().sum()
        inside, outside = (((made - to).square() * at).sum() for to, at in ((shaded, weight), (target, rest)))
        optimizer.zero_grad()
        (missed + 0.4 * inside + outside).backward()
        optimizer.step()
    return amounts.detach().softmax(0).cpu().numpy()


def _given(model: StyleModel, own: np.ndarray) -> tuple[Tensor, Tensor]:
    """The drawing's styles, (1, L, D), and the others', (K, L, D)."""
    return torch.from_numpy(own), torch.from_numpy(model.draw(NUM_MIXED, seed=0, psi=1.0))


def _mixed(own: Tensor, others: Tensor, shares: Tensor, layers: list[int]) -> Tensor:
    styles = own.clone()
    styles[:, layers] = torch.einsum("kl,kld->ld", shares, torch.cat([own, others])[:, layers])[None]
    return styles
