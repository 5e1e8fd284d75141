"""The ways that models go, as people say them: what is read, and what is made of it."""

DIRECTIONS = ("sketch-to-photo", "photo-to-sketch")
FROM_NOISE = "noise-to-photo"
RESTORES = "damaged-to-photo"
TO_FACES = ("sketch-to-photo", "map-to-photo", "both-to-photo", "photo-to-photo")  # of pSp
READS = {"both": "sketch and map", "noise": "", "damaged": "photo"}  # where a direction says it in another word


def read_by(direction: str) -> str:
    """What a model reads that goes this way: "sketch", "photo", "map", "sketch and map", or "" for chance alone."""
    first = direction.partition("-to-")[0]
    return READS.get(first, first)


def made_by(direction: str) -> str:
    """What it makes: "photo" or "sketch"; "" where no direction is known."""
    return direction.partition("-to-")[2]
