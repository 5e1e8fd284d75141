"""Good and bad uploads as bytes, for the tests of the web app: each with the status that it has to
get.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import numpy as np
from PIL import Image, ImageDraw, PngImagePlugin

from s2f_studio.drawings import prepare as drawings

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"><image href="file:///etc/passwd"/></svg>'
PNG_START = b"\x89PNG\r\n\x1a\n"


def drawing(size: tuple[int, int] = (210, 255)) -> Image.Image:
    return Image.fromarray(drawings.example("beard")).resize(size)


def saved(picture: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def scrawl(side_px: int = 512) -> bytes:
    places = np.random.default_rng(2).integers(40, side_px - 40, (25, 2))
    picture = Image.new("RGB", (side_px, side_px), "white")
    ImageDraw.Draw(picture).line(
        [tuple(map(int, place)) for place in places], fill="black", width=5
    )
    return saved(picture, "PNG")


def house(side_px: int = 400) -> bytes:
    picture = Image.new("RGB", (side_px, side_px), "white")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((100, 200, 300, 360), outline="black", width=4)
    pen.line([(90, 200), (200, 90), (310, 200)], fill="black", width=4)
    pen.rectangle((180, 280, 230, 360), outline="black", width=4)
    return saved(picture, "PNG")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int,
    height: int,
    *,
    depth: int = 8,
    colour: int = 0,
    extra: bytes = b"",
    data: bytes | None = None,
):
    """A PNG as its header claims it, whatever its pixels are; by default all of them,
    compressed.
    """
    if data is None:
        row = (width * depth * {0: 1, 2: 3, 6: 4}[colour] + 7) // 8 + 1
        packer = zlib.compressobj(9)
        data = b"".join([packer.compress(b"\0" * row) for _ in range(height)]) + packer.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return PNG_START + header + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def zipped(name: str = "a.txt", content: bytes = b"x" * 1000) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def animated(kind: str) -> bytes:
    first, second = drawing((64, 64)), drawing((64, 64)).rotate(90)
    return saved(first, kind, save_all=True, append_images=[second], duration=100)


def heic() -> bytes:
    return struct.pack(">I", 24) + b"ftypheic" + b"\0\0\0\0mif1heic" + b"\0" * 500


def many_scans() -> bytes:
    """A progressive JPEG of ten scans, whose last one is repeated twenty times."""
    content = saved(drawing((64, 64)), "JPEG", progressive=True)
    last, end = content.rfind(b"\xff\xda"), content.rfind(b"\xff\xd9")
    return content[:end] + content[last:end] * 20 + content[end:]


def flipped(content: bytes, at: float = 0.5, num: int = 40) -> bytes:
    middle = int(len(content) * at)
    return (
        content[:middle]
        + bytes(255 - byte for byte in content[middle : middle + num])
        + content[middle + num :]
    )


def text_bomb() -> bytes:
    """A PNG whose compressed text is 200 MB long."""
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(b"a" * 1_000_000) for _ in range(200)) + packer.flush()
    return png(64, 64, extra=chunk(b"zTXt", b"Comment\0\0" + body))


def with_words() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "<script>alert(1)</script>")
    return saved(drawing(), "PNG", pnginfo=info)


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "secret place"
    exif.get_ifd(0x8825)[1] = "N"
    return saved(drawing().rotate(90, expand=True), "JPEG", exif=exif, quality=95)


def bad_exif() -> bytes:
    return saved(drawing(), "JPEG", exif=b"Exif\0\0" + b"II*\0\xff\xff\xff\xff" + b"\x80" * 64)


def deep_rgb() -> bytes:
    rows = np.asarray(drawing()).astype(np.uint16)
    lines = b"".join(b"\0" + (row * 257).astype(">u2").tobytes() for row in rows)
    return png(210, 255, depth=16, colour=2, data=zlib.compress(lines))


def deep_grey(kind: str) -> bytes:
    return saved(Image.fromarray(np.asarray(drawing().convert("L")).astype(np.uint16) * 257), kind)


def palette() -> bytes:
    return saved(drawing().convert("P"), "PNG", transparency=0)


def on_glass() -> bytes:
    picture = drawing().convert("RGBA")
    picture.putalpha(picture.convert("L").point(lambda level: 255 - level))
    return saved(picture, "PNG")


def endless_tiff() -> bytes:
    """A TIFF whose directory says that the next one is itself."""
    content = bytearray(saved(drawing(), "TIFF"))
    at = struct.unpack("<I", content[4:8])[0]
    num = struct.unpack("<H", content[at : at + 2])[0]
    content[at + 2 + 12 * num : at + 6 + 12 * num] = struct.pack("<I", at)
    return bytes(content)


# {what: (status, bytes)}: what is taken has 200, and is a picture of a face.
GOOD = {
    "PNG": lambda: saved(drawing(), "PNG"),
    "JPEG": lambda: saved(drawing(), "JPEG"),
    "WebP": lambda: saved(drawing(), "WEBP"),
    "BMP": lambda: saved(drawing(), "BMP"),
    "TIFF": lambda: saved(drawing(), "TIFF", compression="tiff_lzw"),
    "grey": lambda: saved(drawing().convert("L"), "PNG"),
    "one bit": lambda: saved(drawing().convert("1"), "PNG"),
    "CMYK JPEG": lambda: saved(drawing().convert("CMYK"), "JPEG"),
    "CMYK TIFF": lambda: saved(drawing().convert("CMYK"), "TIFF"),
    "16-bit grey PNG": lambda: deep_grey("PNG"),
    "16-bit grey TIFF": lambda: deep_grey("TIFF"),
    "16-bit RGB PNG": deep_rgb,
    "palette with transparency": palette,
    "transparent paper": on_glass,
    "turned by EXIF": turned,
    "broken EXIF": bad_exif,
    "script in a PNG's words": with_words,
    "a TIFF that is its own successor": endless_tiff,
}
BAD = {
    "empty": (422, lambda: b""),
    "zeros": (415, lambda: b"\0" * 5000),
    "text named .png": (415, lambda: b"just words, no picture\n" * 20),
    "HTML": (415, lambda: b"<!doctype html><script>alert(1)</script>"),
    "SVG": (415, lambda: SVG),
    "GIF": (415, lambda: saved(drawing(), "GIF")),
    "animated GIF": (415, lambda: animated("GIF")),
    "animated WebP": (422, lambda: animated("WEBP")),
    "animated PNG": (422, lambda: animated("PNG")),
    "TIFF of two pages": (422, lambda: animated("TIFF")),
    "HEIC": (415, heic),
    "PDF": (415, lambda: b"%PDF-1.7\n" + b"0" * 500),
    "zip": (415, zipped),
    "pickle": (
        415,
        lambda: b"\x80\x04\x95\x1f\0\0\0\0\0\0\0\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
    ),
    "10,000 x 10,000": (413, lambda: png(10_000, 10_000, depth=1)),
    "PNG bomb, 30,000 x 30,000": (413, lambda: png(30_000, 30_000, depth=1)),
    "PNG that claims 2^31 pixels": (413, lambda: png(46_341, 46_341, data=b"")),
    "PNG that claims a side of 2^31 - 1": (413, lambda: png(2**31 - 1, 2, data=b"")),
    "1 x 50,000": (413, lambda: png(1, 50_000)),
    "1 x 1": (422, lambda: png(1, 1)),
    "3 x 4,000": (422, lambda: png(3, 4_000)),
    "0 x 0": (422, lambda: png(0, 0, data=b"")),
    "text bomb": (422, text_bomb),
    "PNG cut in the header": (422, lambda: GOOD["PNG"]()[:20]),
    "PNG cut in the middle": (422, lambda: GOOD["PNG"]()[:6000]),
    "PNG without pixels": (422, lambda: png(64, 64, data=b"")),
    "PNG with a wrong checksum": (422, lambda: flipped(GOOD["PNG"]())),
    "JPEG cut in the middle": (422, lambda: GOOD["JPEG"]()[:3000]),
    "JPEG of its first bytes": (422, lambda: b"\xff\xd8\xff\xe0" + b"\0" * 20),
    "JPEG of thirty scans": (422, many_scans),
    "WebP cut in the middle": (422, lambda: GOOD["WebP"]()[:2000]),
    "WebP of its first bytes": (422, lambda: b"RIFF\x10\0\0\0WEBPVP8 " + b"\0" * 8),
    "TIFF whose directory is far away": (422, lambda: b"II*\0\xf0\xff\xff\x7f" + b"\0" * 64),
    "BMP cut in the middle": (422, lambda: GOOD["BMP"]()[:3000]),
    "100 MB": (413, lambda: GOOD["PNG"]() + b"\0" * 100_000_000),
    "a little over the limit": (413, lambda: GOOD["JPEG"]() + b"\0" * 20_000_000),
}
NAMES = (
    "../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "/etc/passwd",
    "a" * 5000 + ".png",
    "x\0y.png",
    "p.php",
    "ü 🙂.png",
    "CON",
    "|id;.png",
)
