"""What is known of a person of the generator from the code alone, beside shape and hair."""

TRAITS = (
    "age",  # the logarithm of years
    "presents",  # from 0, as a man, to 1, as a woman
    "glasses",
    "beard",
    "hat",
    "hair_length",  # from 0, bald, to 4, long
    "curls",  # from 0 to 2
    "fringe",
    "teeth",
    "gap",  # between the inner lips, in eye distances
    "smile",  # how much higher the corners of the lips are than their middle, in eye distances
    "busy",  # the logarithm of the mean gradient at the picture's rim
    "wall",  # lightness of the rim, CIELAB
    "skin_l",
    "skin_a",
    "skin_b",
    "hair_l",
    "hair_a",
    "hair_b",
)
