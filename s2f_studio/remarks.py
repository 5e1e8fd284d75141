"""Remarks on pictures for users: a code with data, worded here or by a front end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# The default words by code, with data in braces.
WORDS: dict[str, str] = {
    # A picture that is not what the models learned from (`drawings.paper`).
    "inverted": "light lines on dark paper: the models know dark lines on light paper; invert"
    " the picture first",
    "faint": "the lines are faint: scan with more contrast, or have the drawing cleaned up",
    "coloured": "the drawing has colours: the models know pencil and ink, and take colours for"
    " tones of grey",
    "photo": "this looks like a photo, not like a drawing: for photos choose the model"
    " photo-to-sketch",
    "not-a-photo": "this looks like a drawing, not like a photo: photo-to-sketch draws photos",
    # What was done to a drawing, and where its face is (`drawings`).
    "strengthened": "the lines were faint and have been strengthened: a scan with more contrast"
    " gives a better face",
    "shadow": "the drawing lies in a shadow, or on a light table: its light has been evened out",
    "cut": "a sheet of paper was cut out of the picture, and {percent} % of the picture left"
    " out: if a part of the drawing is missing, have it cleaned whole",
    "turned": "the drawing lay on its side, or on its head, and was turned",
    "no-lines": "there are no lines that are darker than the paper (what is transparent counts"
    " as white paper)",
    "not-cleaned": "cleaned up, nothing would be left of it: it was left as it is",
    "empty": "there is nothing in the cut-out: the face is elsewhere",
    "faces": "{num} faces were found, and number {taken} from the left was taken: choose another"
    " one if that is meant",
    "rough-face": "the face was found only roughly: if the result looks wrong, give the eyes and"
    " the mouth by hand",
    "no-face": "no face was found, so it is taken to fill the picture: give the eyes and the"
    " mouth by hand",
    # About answers.
    "sparse": "too little of a face can be made out to say who it is: the answer could be anybody",
    "crude": "the drawing leaves much open: this is one of many people who fit it",
    "not-shown": "{answer}: not as drawn or asked: {names}; the generator has no such person near"
    " this one",
    "average-stands-in": "no person could be painted, so this is the average of all who fit: {why}",
    "one-answer": "{model} has one answer to a picture: choose another model for several",
    "average-presents": "presents has no effect on the average, only on people",
    "one-likeliest": "at temperature 0 every seed is the person who fits best: for several people"
    " give another temperature",
    "one-average": "a drawing has one average: for several answers ask for people",
}


@dataclass(frozen=True)
class Remark:
    """A remark.

    code: a key of `WORDS`; ValueError for others. data: values for the braces in its words.
    """

    code: str
    data: Mapping[str, object] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.code not in WORDS:
            raise ValueError(f"there is no remark {self.code!r}: the codes are {', '.join(WORDS)}")

    def worded(self, own: Mapping[str, str]) -> str:
        """In a front end's own words, {code: words}, where it has some."""
        return own.get(self.code, WORDS[self.code]).format(**self.data)

    def __str__(self) -> str:
        return self.worded({})
