"""Published diffusion models as guests: asked by the same door as our own, through `diffusers`, which is optional.

What there is, and its terms, stands in `weights.guests`.
"""
