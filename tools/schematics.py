"""Draws the notebooks' schematics: boxes and arrows, written as SVG beside the notebook library.

    python tools/schematics.py            # writes s2f_utils/notebook/schematics/*.svg

Units are SVG pixels and every schematic is 800 wide, its text 13 px at least.
Colours have one meaning throughout: pictures are grey, networks blue, frozen networks pale blue,
losses orange, vectors green.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "s2f_utils" / "notebook" / "schematics"
WIDTH = 800
FONT = "font-family='Helvetica, Arial, sans-serif'"
FILLS = {
    "picture": ("#eceff1", "#78909c"),
    "network": ("#bbdefb", "#1565c0"),
    "frozen": ("#f3f8fd", "#90b4d8"),
    "loss": ("#ffe0b2", "#e65100"),
    "vector": ("#dcedc8", "#558b2f"),
    "plain": ("#ffffff", "#b0bec5"),
}
INK = "#263238"
QUIET = "#546e7a"


@dataclass(frozen=True)
class Box:
    """A placed box: its centre and its size."""

    x: float
    y: float
    width: float
    height: float

    def side(self, name: str) -> tuple[float, float]:
        """The middle of the side "left", "right", "top" or "bottom"."""
        steps = {"left": (-0.5, 0), "right": (0.5, 0), "top": (0, -0.5), "bottom": (0, 0.5)}
        across, along = steps[name]
        return self.x + across * self.width, self.y + along * self.height


@dataclass
class Schematic:
    """An SVG under construction."""

    height: int
    title: str
    parts: list[str] = field(default_factory=list)

    def box(
        self,
        x: float,
        y: float,
        text: str,
        kind: str = "plain",
        width: float = 110,
        height: float = 46,
    ) -> Box:
        """A box around (x, y); lines of the text are separated by a newline, the first is bold."""
        fill, edge = FILLS[kind]
        dash = " stroke-dasharray='5 4'" if kind == "frozen" else ""
        self.parts.append(
            f"<rect x='{x - width / 2}' y='{y - height / 2}' width='{width}' height='{height}'"
            f" rx='6' fill='{fill}' stroke='{edge}' stroke-width='1.5'{dash}/>"
        )
        lines = text.split("\n")
        top = y - 8.5 * (len(lines) - 1) + 5
        for place, line in enumerate(lines):
            weight = "bold" if place == 0 and len(lines) > 1 else "normal"
            self.text(x, top + 17 * place, line, weight=weight)
        return Box(x, y, width, height)

    def trapezoid(self, x: float, y: float, text: str, kind: str, narrows: bool) -> Box:
        """A network that narrows (an encoder) or widens (a decoder) from left to right."""
        fill, edge = FILLS[kind]
        width, tall, low = 120, 76, 34
        left, right = (tall, low) if narrows else (low, tall)
        points = [
            (x - width / 2, y - left / 2),
            (x + width / 2, y - right / 2),
            (x + width / 2, y + right / 2),
            (x - width / 2, y + left / 2),
        ]
        shape = " ".join(f"{px},{py}" for px, py in points)
        dash = " stroke-dasharray='5 4'" if kind == "frozen" else ""
        self.parts.append(
            f"<polygon points='{shape}' fill='{fill}' stroke='{edge}' stroke-width='1.5'{dash}/>"
        )
        for place, line in enumerate(text.split("\n")):
            self.text(x, y + 5 + 17 * place - 8.5 * text.count("\n"), line)
        return Box(x, y, width, (tall + low) / 2)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 14,
        weight: str = "normal",
        colour: str = INK,
        anchor: str = "middle",
    ) -> None:
        """One line of text whose baseline is at y."""
        self.parts.append(
            f"<text x='{x}' y='{y}' font-size='{size}' font-weight='{weight}' fill='{colour}'"
            f" text-anchor='{anchor}' {FONT}>{escape(text)}</text>"
        )

    def note(self, x: float, y: float, text: str, anchor: str = "middle") -> None:
        """A quiet line beside the drawing, for shapes and remarks."""
        self.text(x, y, text, size=13, colour=QUIET, anchor=anchor)

    def arrow(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        label: str = "",
        *,
        via: list[tuple[float, float]] | None = None,
        dashed: bool = False,
        label_at: tuple[float, float] | None = None,
    ) -> None:
        """An arrow along straight parts; the label stands above its middle, or at `label_at`."""
        points = [start, *(via or []), end]
        path = " ".join(f"{x},{y}" for x, y in points)
        dash = " stroke-dasharray='5 4'" if dashed else ""
        self.parts.append(
            f"<polyline points='{path}' fill='none' stroke='{INK}' stroke-width='1.5'{dash}"
            " marker-end='url(#head)'/>"
        )
        if label:
            x, y = label_at or ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 - 7)
            self.note(x, y, label)

    def svg(self) -> str:
        """The whole drawing."""
        head = (
            "<marker id='head' viewBox='0 0 10 10' refX='9' refY='5' markerWidth='8'"
            f" markerHeight='8' orient='auto'><path d='M0,0 L10,5 L0,10 z' fill='{INK}'/></marker>"
        )
        body = "\n".join(self.parts)
        return (
            f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{self.height}'"
            f" viewBox='0 0 {WIDTH} {self.height}' role='img'>\n"
            f"<title>{escape(self.title)}</title>\n<defs>{head}</defs>\n"
            f"<rect width='100%' height='100%' fill='white'/>\n{body}\n</svg>\n"
        )


def preprocessing() -> Schematic:
    """01: from raw pictures to pairs."""
    s = Schematic(250, "From raw pictures to aligned pairs")
    raw = s.box(75, 80, "raw files\nany size", "picture")
    face = s.box(225, 80, "find the face\nbox, 5 points", "network")
    align = s.box(385, 80, "align\nturn, scale, crop", "plain", width=130)
    photo = s.box(550, 80, "photo b\n128 × 128 × 3", "picture", width=120)
    sketch = s.box(550, 190, "sketch a\n128 × 128 × 3", "picture", width=120)
    row = s.box(720, 135, "manifest.csv\none row a pair", "vector", width=130)
    s.arrow(raw.side("right"), face.side("left"))
    s.arrow(face.side("right"), align.side("left"))
    s.arrow(align.side("right"), photo.side("left"))
    s.arrow(photo.side("bottom"), sketch.side("top"), "edges", label_at=(575, 139))
    s.arrow(photo.side("right"), row.side("top"), via=[(720, 80)])
    s.arrow(sketch.side("right"), row.side("bottom"), via=[(720, 190)])
    s.note(305, 195, "A person is in one split only: train, val or test.")
    s.note(305, 215, "A sketch drawn by hand is aligned by its own face.")
    return s


def pix2pix() -> Schematic:
    """02: the two networks, and where each loss comes from."""
    s = Schematic(330, "pix2pix: generator and discriminator")
    a = s.box(70, 80, "sketch a\n128 × 128 × 3", "picture", width=116)
    down = s.trapezoid(250, 80, "down\n4 × 4", "network", narrows=True)
    up = s.trapezoid(390, 80, "up", "network", narrows=False)
    fake = s.box(560, 80, "G(a)\n128 × 128 × 3", "picture", width=116)
    l1 = s.box(720, 80, "L1 loss\n|b − G(a)|", "loss", width=100)
    b = s.box(560, 250, "photo b\n128 × 128 × 3", "picture", width=116)
    net_d = s.trapezoid(330, 215, "D", "network", narrows=False)
    patches = s.box(160, 215, "one logit\na patch: 30 × 30", "vector", width=124)
    s.arrow(a.side("right"), down.side("left"))
    s.arrow(down.side("right"), up.side("left"))
    s.arrow(up.side("right"), fake.side("left"))
    s.arrow(
        (230, 40), (405, 40), "skip connections: the lines go straight across", label_at=(320, 28)
    )
    s.arrow(fake.side("right"), l1.side("left"))
    s.arrow(b.side("right"), l1.side("bottom"), via=[(720, 250)])
    s.arrow(
        fake.side("bottom"), (392, 205), "(a, G(a)): fake", via=[(560, 205)], label_at=(470, 198)
    )
    s.arrow(
        b.side("left"),
        (392, 232),
        "(a, b): real",
        via=[(470, 250), (470, 232)],
        label_at=(430, 266),
    )
    s.arrow(net_d.side("left"), patches.side("right"))
    s.arrow(patches.side("top"), (250, 112), dashed=True, via=[(160, 160), (250, 160)])
    s.note(22, 305, "Dashed: G learns from D's gradient; D stays as it is in that step.", "start")
    s.text(390, 140, "G: U-Net", weight="bold")
    return s


def cyclegan() -> Schematic:
    """03: the two loops."""
    s = Schematic(345, "CycleGAN: two loops")
    loops = {
        75: ("sketch a", "G", "G(a)", "F", "F(G(a))"),
        240: ("photo b", "F", "F(b)", "G", "G(F(b))"),
    }
    for y, names in loops.items():
        start = s.box(75, y, names[0], "picture", width=100)
        first = s.box(230, y, names[1], "network", width=70)
        middle = s.box(385, y, names[2], "picture", width=100)
        second = s.box(540, y, names[3], "network", width=70)
        end = s.box(705, y, names[4], "picture", width=110)
        s.arrow(start.side("right"), first.side("left"))
        s.arrow(first.side("right"), middle.side("left"))
        s.arrow(middle.side("right"), second.side("left"))
        s.arrow(second.side("right"), end.side("left"))
        s.arrow(end.side("top"), start.side("top"), via=[(705, y - 50), (75, y - 50)], dashed=True)
        s.note(230, y - 56, "cycle loss: must come back the same")
    photos = s.box(385, 140, "D of photos: real?", "loss", width=160, height=32)
    sketches = s.box(385, 305, "D of sketches: real?", "loss", width=160, height=32)
    s.arrow((385, 98), photos.side("top"))
    s.arrow((385, 263), sketches.side("top"))
    s.note(620, 145, "G: sketch → photo,  F: photo → sketch")
    s.note(620, 310, "No pair is ever seen.")
    return s


def hidden_message() -> Schematic:
    """03b: how a cycle can be closed without learning to translate."""
    s = Schematic(190, "A cycle that hides its answer")
    b = s.box(75, 85, "photo b", "picture", width=100)
    net_f = s.box(225, 85, "F", "network", width=70)
    sketch = s.box(390, 85, "F(b)\nlooks grey", "picture", width=150)
    net_g = s.box(560, 85, "G", "network", width=70)
    back = s.box(715, 85, "G(F(b)) ≈ b", "picture", width=120)
    s.arrow(b.side("right"), net_f.side("left"))
    s.arrow(net_f.side("right"), sketch.side("left"))
    s.arrow(sketch.side("right"), net_g.side("left"))
    s.arrow(net_g.side("right"), back.side("left"))
    s.arrow((225, 108), (560, 108), via=[(225, 145), (560, 145)], dashed=True)
    s.note(390, 165, "colours carried by a tint of a few grey levels: faint to us, enough for G")
    s.note(390, 35, "The cycle loss is small, because a part of the answer travels inside F(b).")
    return s


def stylegan_psp() -> Schematic:
    """04: from noise, or from a drawing, to a face."""
    s = Schematic(310, "StyleGAN2, and pSp's encoder in front of it")
    z = s.box(70, 75, "z\n128 numbers", "vector", width=104)
    mapping = s.box(215, 75, "mapping\n8 linear layers", "network", width=124)
    w = s.box(365, 75, "w\n128 numbers", "vector", width=104)
    synth = s.box(
        560, 130, "synthesis\n4² → 8² → … → 128²\na style a layer", "network", width=160, height=74
    )
    face = s.box(730, 130, "face\n128 × 128 × 3", "picture", width=116)
    sketch = s.box(70, 225, "sketch or map", "picture", width=116)
    encoder = s.trapezoid(225, 225, "encoder", "network", narrows=True)
    wplus = s.box(385, 225, "w+\n12 × 128", "vector", width=104)
    mean = s.box(225, 293, "mean w of all faces", "plain", width=150, height=28)
    noise = s.box(560, 225, "noise: strands, pores", "plain", width=160, height=30)
    s.arrow(z.side("right"), mapping.side("left"))
    s.arrow(mapping.side("right"), w.side("left"))
    s.arrow(
        w.side("right"),
        (479, 115),
        "one w for all layers",
        via=[(448, 75), (448, 115)],
        label_at=(505, 67),
    )
    s.arrow(sketch.side("right"), encoder.side("left"))
    s.arrow(encoder.side("right"), wplus.side("left"))
    s.arrow(mean.side("right"), wplus.side("bottom"), "+", via=[(385, 293)], label_at=(372, 272))
    s.arrow(
        wplus.side("right"),
        (479, 148),
        "a w for each layer",
        via=[(458, 225), (458, 148)],
        label_at=(395, 190),
    )
    s.arrow(noise.side("top"), synth.side("bottom"))
    s.arrow(synth.side("right"), face.side("left"))
    s.note(620, 283, "Same w+, other fine layers: many faces for one drawing")
    return s


def stability() -> Schematic:
    """04b: a step of training, and what keeps it stable."""
    s = Schematic(300, "StyleGAN2's training: R1, ADA and path length")
    photos = s.box(330, 70, "photos b\nN × 3 × 64 × 64", "picture", width=130)
    z = s.box(50, 165, "z\nN × 128", "vector", width=72)
    gen = s.box(175, 165, "generator G\nz → w → picture", "network", width=124)
    fakes = s.box(330, 165, "fakes G(z)\nN × 3 × 64 × 64", "picture", width=130)
    change = s.box(485, 118, "augment\nwith probability p", "plain", width=124)
    disc = s.box(635, 118, "discriminator D\nN logits", "network", width=128)
    losses = s.box(757, 118, "losses\nD and G", "loss", width=68)
    r1 = s.box(635, 40, "R1: ½ γ ‖∇D(b)‖²", "loss", width=150, height=34)
    ada = s.box(635, 210, "ADA: mean sign of D(b)", "loss", width=180, height=34)
    path = s.box(175, 245, "path length: (‖Jᵀy‖ − a)²", "loss", width=190, height=34)
    s.arrow(z.side("right"), gen.side("left"))
    s.arrow(gen.side("right"), fakes.side("left"))
    s.arrow(photos.side("right"), (423, 108), via=[(409, 70), (409, 108)])
    s.arrow(fakes.side("right"), (423, 128), via=[(409, 165), (409, 128)])
    s.arrow(change.side("right"), disc.side("left"))
    s.arrow(disc.side("right"), losses.side("left"))
    s.arrow(r1.side("bottom"), disc.side("top"))
    s.arrow(disc.side("bottom"), ada.side("top"))
    s.arrow(ada.side("left"), change.side("bottom"), via=[(485, 210)])
    s.arrow(path.side("top"), gen.side("bottom"))
    s.note(718, 45, "keeps D flat", "start")
    s.note(565, 250, "p rises while D is too sure of the photos, else it falls")
    s.note(175, 283, "steps of one length in w change the picture alike")
    return s


def restoration() -> Schematic:
    """05: damage made on purpose, and a restorer with a generative prior."""
    s = Schematic(270, "Damage, and a restorer with a generative prior")
    sharp = s.box(75, 70, "sharp photo", "picture")
    steps = s.box(290, 70, "blur → shrink → noise → JPEG", "plain", width=230)
    damaged = s.box(510, 70, "damaged photo", "picture", width=124)
    unet = s.box(510, 160, "U-Net\nremoves damage", "network", width=134)
    gan = s.box(290, 160, "StyleGAN2, frozen\nknows faces", "frozen", width=170)
    restored = s.box(75, 160, "restored photo", "picture", width=124)
    s.arrow(sharp.side("right"), steps.side("left"))
    s.arrow(steps.side("right"), damaged.side("left"))
    s.arrow(damaged.side("bottom"), unet.side("top"))
    s.arrow((443, 150), (375, 150), "w", label_at=(409, 143))
    s.arrow((443, 172), (375, 172), "SFT", label_at=(409, 190))
    s.arrow(gan.side("left"), restored.side("right"))
    s.arrow(restored.side("top"), sharp.side("bottom"), dashed=True)
    s.note(84, 121, "losses compare", "start")
    s.note(400, 230, "SFT: features of the U-Net scale and shift those of the prior,")
    s.note(400, 248, "so that what the photo still shows is kept, and the rest is invented.")
    return s


def metrics() -> Schematic:
    """06: two questions, and what answers each."""
    s = Schematic(190, "Two questions about a generated photo")
    made = s.box(90, 60, "generated photo", "picture", width=130)
    true = s.box(90, 130, "true photo", "picture", width=130)
    faithful = s.box(380, 60, "Faithful?\nSSIM, PSNR, L1: pixel by pixel", "loss", width=250)
    real = s.box(380, 130, "Real?\npatch test, sharpness, Fréchet", "loss", width=250)
    for target in (faithful, real):
        s.arrow(made.side("right"), target.side("left"))
        s.arrow(true.side("right"), target.side("left"))
    s.note(525, 64, "blur is rewarded", "start")
    s.note(525, 126, "needs many pictures,", "start")
    s.note(525, 144, "forgives the wrong person", "start")
    return s


def drawing() -> Schematic:
    """07: from a drawing to a face."""
    s = Schematic(310, "From a drawing to a face")
    paper = s.box(75, 60, "drawing", "picture", width=100)
    points = s.box(225, 60, "landmarks\nwith their errors", "network", width=130)
    warped = s.box(410, 60, "in the mean shape\n128 × 128", "picture", width=146)
    average = s.box(640, 60, "average face of all\nwho are drawn so", "network", width=166)
    shape = s.box(225, 155, "shape\npulled to a likely one", "vector", width=150)
    reader = s.box(410, 155, "reader\nwhat is drawn", "network", width=130)
    bank = s.box(640, 155, "weights over a bank\nof generated people", "vector", width=166)
    person = s.box(640, 250, "a person\nchosen by a seed", "picture", width=166)
    back = s.box(225, 250, "warped to the shape\nhair to its outline", "plain", width=150)
    photo = s.box(75, 250, "photo", "picture", width=100)
    s.arrow(paper.side("right"), points.side("left"))
    s.arrow(points.side("right"), warped.side("left"))
    s.arrow(warped.side("right"), average.side("left"))
    s.arrow(points.side("bottom"), shape.side("top"))
    s.arrow(warped.side("bottom"), reader.side("top"))
    s.arrow(reader.side("right"), bank.side("left"))
    s.arrow(average.side("bottom"), bank.side("top"), "hair", label_at=(660, 112))
    s.arrow(bank.side("bottom"), person.side("top"))
    s.arrow(person.side("left"), back.side("right"))
    s.arrow(shape.side("bottom"), back.side("top"))
    s.arrow(back.side("left"), photo.side("right"))
    s.note(432, 298, "The average face is warped back in the same way.")
    return s


def diffusion() -> Schematic:
    """08: noise to picture in steps, steered by a sketch."""
    s = Schematic(250, "A denoiser turns noise into a picture, step by step")
    noise = s.box(75, 80, "noise\nx at t = T", "picture", width=104)
    first = s.box(245, 80, "denoiser\nε(x, t, sketch)", "network", width=134)
    less = s.box(420, 80, "a little less noise\nx at t − 1", "picture", width=144)
    again = s.box(580, 80, "…", "network", width=50)
    photo = s.box(715, 80, "photo\nx at t = 0", "picture", width=104)
    sketch = s.box(245, 190, "sketch, or nothing", "picture", width=140, height=36)
    s.arrow(noise.side("right"), first.side("left"))
    s.arrow(first.side("right"), less.side("left"))
    s.arrow(less.side("right"), again.side("left"))
    s.arrow(again.side("right"), photo.side("left"))
    s.arrow(sketch.side("top"), first.side("bottom"))
    s.arrow(
        less.side("bottom"),
        (300, 103),
        "the same network, every step",
        via=[(420, 140), (300, 140)],
        label_at=(515, 144),
    )
    s.note(560, 195, "guidance: ε = ε(nothing) + scale · (ε(sketch) − ε(nothing))")
    return s


SCHEMATICS: tuple[Callable[[], Schematic], ...] = (
    preprocessing,
    pix2pix,
    cyclegan,
    hidden_message,
    stylegan_psp,
    stability,
    restoration,
    metrics,
    drawing,
    diffusion,
)


def main() -> None:
    """Write all schematics."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for draw in SCHEMATICS:
        (FOLDER / f"{draw.__name__}.svg").write_text(draw().svg(), encoding="utf-8")


if __name__ == "__main__":
    main()
