"""The ways that models go, as people say them: what is read, and what is made of it."""

DIRECTIONS = ("sketch-to-photo", "photo-to-sketch")
FROM_NOISE = "noise-to-photo"
RESTORES = "damaged-to-photo"
TO_FACES = ("sketch-to-photo", "map-to-photo", "both-to-photo", "photo-to-photo")  # of pSp
