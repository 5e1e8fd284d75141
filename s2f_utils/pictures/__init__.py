"""Pictures: arrays in and out, masks, faces, sketches from photos,
drawings cleaned and understood, damage.
"""
