"""Shares of styles that give a part of a face another tone, found with gradients; so it needs PyTorch.

Shapes: L styles of a face, D values of a style, K faces whose styles may be mixed in, S pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence

import numpy as np
import torch

from s2f_utils.inference.styles import StyleModel
from s2f_utils.models.stylegan2 import StyleGAN2
from s2f_utils.pictures import images
from s2f_utils.pictures.attributes import Tone

NUM_MIXED = 48  # faces by chance, whose styles are mixed in
FIT_STEPS, FIT_LR, OWN_AT_FIRST = 50, 0.35, 4.0  # of the shares; the first begins with half of a layer


def fitted(
    decoder: StyleGAN2, styles: np.ndarray, layers: Sequence[int], face: np.ndarray, part: np.ndarray, tone: Tone
) -> np.ndarray:
    """The shares of styles, (K, L, D), the face's own first, on these layers, that bring the part near the tone and
    change its shading and the rest least, by Adam: float32 (K, layers), of which each column adds up to 1.

    face: uint8 (S, S, 3). part: float32 (S, S).
    """
    device, layers = decoder.input.input.device, list(layers)
    target = images.to_tensor(face).to(device)
    weight, rest = (torch.from_numpy(w.astype(np.float32)).to(device) for w in (part, part < 0.05))
    weight, rest = weight / weight.sum(), rest / rest.sum().clamp_min(1)
    colour = torch.tensor(tone.colour, device=device).view(1, 3, 1, 1) / 127.5 - 1
    shaded = target - (target * weight).sum((2, 3), keepdim=True) + colour
    known = torch.from_numpy(styles).to(device)
    noise = decoder.noise_for(known, randomize=False)
    amounts = torch.zeros(len(known), len(layers), device=device)
    amounts[0] = OWN_AT_FIRST
    amounts.requires_grad_()
    optimizer = torch.optim.Adam([amounts], lr=FIT_LR)
    for _ in range(FIT_STEPS):
        wanted = known[:1].clone()
        wanted[:, layers] = torch.einsum("kl,kld->ld", amounts.softmax(0), known[:, layers])[None]
        made = decoder(wanted, input_is_latent=True, noise=noise).float()
        missed = ((made * weight).sum((2, 3), keepdim=True) - colour).square().sum()
        inside, outside = (((made - to).square() * at).sum() for to, at in ((shaded, weight), (target, rest)))
        optimizer.zero_grad()
        (missed + 0.4 * inside + outside).backward()
        optimizer.step()
    return amounts.detach().softmax(0).cpu().numpy()


def in_tones(
    model: StyleModel,
    given: np.ndarray,
    face: np.ndarray,
    parts: Mapping[str, np.ndarray],
    tones: Mapping[str, Tone],
    memory: MutableMapping,
) -> np.ndarray:
    """The face, uint8 (S, S, 3): inside of a part, the answer with styles mixed in of faces by chance that have the
    tone asked for; itself elsewhere. memory: the shares that were found for a part and a tone.
    """
    layers = list(model.open_layers)
    known = np.concatenate([model.encode(given), model.draw(NUM_MIXED, seed=0, psi=1.0)])
    for part, tone in tones.items():
        if (part, tone.colour) not in memory:
            memory[part, tone.colour] = fitted(model.net.decoder, known, layers, face, parts[part], tone)
        mixed = known[:1].copy()
        mixed[:, layers] = np.einsum("kl,kld->ld", memory[part, tone.colour], known[:, layers])
        face = images.blended(face, model.decode(mixed)[0], parts[part])
    return face
