"""What is asked of the studio besides the picture, for flags, form, JSON and widget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Self

from cyclopts import Parameter
from pydantic import BeforeValidator, Field, WithJsonSchema

from s2f_studio.attributes import COLOURED, LEVELS, as_tone
from s2f_studio.codes import NUM_CHARS, code_of
from s2f_studio.drawings import CLEAN
from s2f_utils.infer.request import MAX_SEED, Request, Share
from s2f_utils.networks.info import ModelInfo
from s2f_utils.pictures.attributes import WORN

if TYPE_CHECKING:
    import numpy as np

DIRECTIONS = ("sketch-to-photo", "photo-to-sketch", "map-to-photo")
ANSWERS = PERSON, AVERAGE = ("person", "average")  # kinds of answer, for models with several
LIKELY = 0.8  # default: most of the way to a likely face
MAX_TEMPERATURE = 1.5
MAX_GUIDANCE = 3.0
MAX_ROUNDS = 20
PER_ROUND = 8  # people shown together: seeds 0 to 7, 8 to 15, …
MAX_CANDIDATES = 8  # a person, the average, and further people: no round, which is people alone
FRAMES = ("square", "paper", "person")
SHARE_PATTERN = r"(0|1|0?\.\d{1,6})"
AS_TEXT = Parameter(
    converter=lambda _kind, tokens: tokens[0].value, n_tokens=1, accepts_keys=False, metavar="TEXT"
)


def parse_person(given: Any) -> dict[str, Any]:
    """What is known of a person, as {"age": 0.5, "hair": "#332211"} or "age=0.5,hair=#332211".

    "skin" and "hair" are colours (`attributes.as_tone`); "glasses", "beard" and "hat" (no to yes),
    "age" (young to old), "smile" (closed to teeth), "hair_length" (bald to long), "curls" and
    "presents" (as a man to as a woman) are numbers from -1 to 1. Of glasses, beard and hat 0 says
    nothing. Raises ValueError for anything else.
    """
    person = _pairs(given) if isinstance(given, str) else dict(given or {})
    for name, value in person.items():
        if name in COLOURED:
            as_tone(value)
        elif name not in LEVELS:
            known = ", ".join((*COLOURED, *LEVELS))
            raise ValueError(f"person has the attributes {known}, not {name!r}")
        else:
            person[name] = _level(name, value)
    return {name: value for name, value in person.items() if name not in WORN or value != 0}


def _pairs(text: str) -> dict[str, str]:
    pairs = {}
    for part in text.split(","):
        if part.strip():
            name, _, value = part.partition("=")
            pairs[name.strip()] = value.strip()
    return pairs


def _level(name: str, value: Any) -> float:
    try:
        level = float(value)
    except (TypeError, ValueError):
        raise ValueError(
            f"person: {name} must be a number from -1 to 1, as in {name}=0.5, got {value!r}"
        ) from None
    if not -1 <= level <= 1:
        raise ValueError(f"person: {name} must be from -1 to 1, got {level:g}")
    return level


def _text_of(given: Any) -> Any:
    """The text of a flag for a sequence, which arrives as a list with this text alone; anything
    else as it is.
    """
    is_flag = isinstance(given, list) and len(given) == 1 and isinstance(given[0], str)
    return given[0] if is_flag else given


def _flat(given: Any) -> list[Any]:
    """Numbers in text with commas, or in (nested) sequences, one behind the other."""
    if isinstance(given, str):
        return given.split(",")
    import numpy as np

    return list(np.ravel(given))


def parse_points(given: Any) -> tuple[tuple[float, float], ...] | None:
    """Both eyes and the mouth as three pairs of shares, also from six numbers with commas.

    Raises ValueError.
    """
    if given is None:
        return None
    try:
        values = [float(number) for number in _flat(_text_of(given))]
    except (TypeError, ValueError):
        values = []
    if len(values) != 6 or not all(0 <= value <= 1 for value in values):
        raise ValueError(
            "points must be six shares of width and height, from 0 to 1: eye, eye, mouth"
        )
    return tuple(zip(values[::2], values[1::2], strict=True))


class Round(NamedTuple):
    """One round of choosing: the codes of the people who were picked, perhaps nobody, and of those
    who were shown beside them and passed over.
    """

    picked: tuple[str, ...]
    passed: tuple[str, ...] = ()


def parse_chosen(given: Any) -> tuple[Round, ...]:
    """Rounds of choosing, also from text: "A,B/C,D,E;F" are the people A and B picked out of five,
    then F, each a code as `codes` writes it.

    Raises ValueError.
    """
    given = _text_of(given)
    try:
        listed = given.split(";") if isinstance(given, str) else (given or ())
        rounds = tuple(_round_of(one) for one in listed if one)
    except TypeError:  # a number where a sequence is expected
        rounds = (Round(()),)
    if len(rounds) > MAX_ROUNDS or not all(map(_is_a_round, rounds)):
        raise ValueError(
            "chosen must be the codes of the people picked in each round, and after a / of those"
            f" passed over, as in CODE,CODE/CODE;CODE, {PER_ROUND} in a round and {MAX_ROUNDS}"
            " rounds at most"
        )
    return rounds


def _round_of(given: Any) -> Round:
    """From "A,B/C,D", or from sequences as in a `Round`. Raises ValueError."""
    if isinstance(given, str):
        given = [part.split(",") if part else [] for part in given.split("/")]
    if len(given) > 2:
        return Round(())
    picked, passed = given if len(given) == 2 else (*given, ())
    for code in (*picked, *passed):
        code_of(code)
    codes = tuple(dict.fromkeys(picked))
    others = dict.fromkeys(passed)  # at temperature 0 all eight are one person
    return Round(codes, tuple(code for code in others if code not in codes))


def _is_a_round(one: Round) -> bool:
    return 0 < len(one.picked) + len(one.passed) <= PER_ROUND


def chosen_text(chosen: tuple[Round, ...]) -> str:
    """What `parse_chosen` reads."""
    texts = []
    for one in chosen:
        picked, passed = (",".join(codes) for codes in one)
        texts.append(f"{picked}/{passed}" if passed else picked)
    return ";".join(texts)


def _checked_code(given: Any) -> str:
    code_of(str(given))
    return str(given)


def _checked_face(given: str) -> str:
    from s2f_studio.drawings.face import parse_face_choice

    parse_face_choice(given)
    return given


Name = Annotated[str, Field(max_length=1000)]  # a run's id is its folder's name, percent-encoded
FaceChoice = Annotated[str, BeforeValidator(_checked_face), Field(max_length=100)]
Person = Annotated[
    dict[str, Any],
    BeforeValidator(parse_person),
    WithJsonSchema({"type": "string", "maxLength": 300}),
    AS_TEXT,
]
Points = Annotated[
    tuple[tuple[float, float], ...] | None,
    BeforeValidator(parse_points),
    WithJsonSchema({"type": "string", "pattern": f"^{SHARE_PATTERN}(,{SHARE_PATTERN}){{5}}$"}),
    AS_TEXT,
]
Temperature = Annotated[
    Annotated[float, Field(ge=0, le=MAX_TEMPERATURE, allow_inf_nan=False)] | None,
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": MAX_TEMPERATURE}),
]
Guidance = Annotated[float, Field(ge=0, le=MAX_GUIDANCE, allow_inf_nan=False)]
Chosen = Annotated[
    tuple[Round, ...],
    BeforeValidator(parse_chosen),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^[0-9A-Za-z_,;/-]*$",
            "maxLength": MAX_ROUNDS * PER_ROUND * (NUM_CHARS + 1),
        }
    ),
    AS_TEXT,
]
Code = Annotated[
    Annotated[str, BeforeValidator(_checked_code)] | None,
    WithJsonSchema({"type": "string", "pattern": f"^[0-9A-Za-z_-]{{{NUM_CHARS}}}$"}),
    Parameter(metavar="CODE"),
]


class DrawingRequest(Request):
    """A `Request` to the studio; a model ignores the fields that it does not support.

    points: eyes and mouth, three (x, y), as shares of the picture's width and height.
    """

    direction: Literal[("", *DIRECTIONS)] = Field(
        "", description="default: the model's own, or sketch-to-photo"
    )
    model: Annotated[Name, Parameter(parse=False)] = Field(
        "", description="an id of GET /api/models; default: the shipped one"
    )
    enhance: bool = Field(False, description="restore the photo, which invents detail")
    strength: Share = Field(0.5, description="of enhance: 0 leaves the photo, 1 invents most")
    answer: Literal[ANSWERS] = Field(
        ANSWERS[0],
        description="person is one whom the drawing could mean, average the average of all",
    )
    temperature: Temperature = Field(
        None,
        description="of people: how far they may be from the likeliest one, who answers at 0;"
        " default: the cruder the drawing, the further",
    )
    guidance: Guidance = Field(
        1.0,
        description="of people: how much the drawing decides: at 0 nothing, at 1 as much as it"
        " does on average, above 1 more",
    )
    chosen: Chosen = Field(
        (),
        description="the codes of the people who were nearest to the person whom you mean, of the"
        " eight of each round, and after a / of those passed over: the next people are like them",
    )
    keep: Code = Field(
        None,
        description="the code of a person who answers whatever is drawn: only hair, mouth and what"
        " is worn follow the drawing",
    )
    large: bool = Field(
        False, description="twice as many pixels a side: of people 1024 for 512, else 512 for 256"
    )
    likely: Share = Field(
        LIKELY, description="0: the shape as it is drawn, 1: one that people have"
    )
    frame: Literal[FRAMES] = Field(
        FRAMES[0],
        description="paper: the answer laid back onto the drawing; person: without the person's"
        " background",
    )
    person: Person = Field(
        default_factory=dict,
        description="what is known of the person, as age=0.5,hair=#332211:"
        f" {' and '.join(COLOURED)} as colours, {', '.join(LEVELS)} from -1 to 1; presents: as a"
        " man to as a woman, which changes people, not their average",
    )
    candidates: int = Field(
        1,
        ge=1,
        le=MAX_CANDIDATES,
        description="how many answers: a person, the average, further people; one if the average is"
        " asked for; without this option the command makes three of a drawing",
    )
    clean: Literal[CLEAN] = Field(
        CLEAN[0],
        description="clean the paper up; whole: as auto, but no sheet is cut out of the picture",
    )
    align: Literal["auto", "always", "never"] = Field(
        "auto", description="find the face, lay it upright; auto: if the model was trained so"
    )
    face: FaceChoice = Field(
        "",
        description="of several: left, right, or the number from the left; default: the largest,"
        " most central",
    )
    insist: Annotated[bool, Parameter(parse=False)] = Field(
        False, description="make a face also where none is found"
    )
    points: Points = Field(
        None,
        description="eye on the left, eye on the right, mouth: x,y,x,y,x,y as shares of width and"
        " height",
    )

    @property
    def cost(self) -> int:
        """The work of all answers, in usual answers."""
        each = 4 if self.large else 1
        if self.enhance:
            each *= 2
        return each if self.answer == AVERAGE else self.candidates * each

    def points_in(self, shape: tuple[int, ...]) -> np.ndarray | None:
        """The points in pixels of a picture of this shape (H, W, …): float64 (3, 2), or None."""
        if self.points is None:
            return None
        import numpy as np

        return np.asarray(self.points, dtype=np.float64) * shape[1::-1] - 0.5

    def candidates_for(self, info: ModelInfo) -> list[tuple[str, Self]]:
        """One named request for each candidate; a model with one answer to a picture gets one.

        A model of people gets, after the person of this seed, their average, then people of other
        seeds of its round; at temperature 0 all seeds have the same person, who comes once.
        """
        square = self.model_copy(update={"fit": "square"})
        if "answer" in info.supports:
            average = (AVERAGE, square.model_copy(update={"answer": AVERAGE}))
            if self.answer == AVERAGE:
                return [average]
            named = [(PERSON, square), average][: self.candidates]
            if self.temperature == 0:
                return named
            others = square.model_copy(update={"keep": None})
            further = others.with_seeds_of_round(self.candidates - len(named))
            return named + [(f"{PERSON} {n}", one) for n, one in enumerate(further, 2)]
        if "styles" in info.supports:
            named = [("answer", square)]
            further = square.with_further_seeds(self.candidates - 1)
            return named + [(f"variation {n}", one) for n, one in enumerate(further, 1)]
        return [("answer", self)]

    def with_seeds_of_round(self, count: int) -> list[Self]:
        """This request with other seeds of its round of eight, whose people differ."""
        first = self.seed - self.seed % PER_ROUND
        seeds = [first + (self.seed + n) % PER_ROUND for n in range(1, count + 1)]
        return [self.model_copy(update={"seed": seed}) for seed in seeds]

    def with_further_seeds(self, count: int) -> list[Self]:
        """This request with each of the next seeds."""
        seeds = [(self.seed + n) % (MAX_SEED + 1) for n in range(1, count + 1)]
        return [self.model_copy(update={"seed": seed}) for seed in seeds]


def form_schema() -> dict[str, dict[str, Any]]:
    """Every field as a form has it: {name: its JSON schema}."""
    rules = {}
    for name, rule in DrawingRequest.model_json_schema()["properties"].items():
        rules[name] = {key: value for key, value in rule.items() if key != "title"}
    return rules


def defaults() -> dict[str, Any]:
    """The default of every field, for JSON."""
    return DrawingRequest().model_dump(mode="json")
