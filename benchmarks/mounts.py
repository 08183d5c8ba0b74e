"""Made-up scans: photos on mounts, on a scanner's bed, beside targets, faded; and pages of text. All seeded.

For network_eye.py and the tests. Each kind varies in width, brightness and grain from one to the next.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Floats = NDArray[np.float64]
Box = tuple[int, int, int, int]  # top, left, height, width of the photo
Rng = np.random.Generator


def even(level: float, grain: float) -> Callable[[Floats, Rng], tuple[Floats, Box]]:
    """A mount of one tone on all sides."""

    def make(photo: Floats, rng: Rng) -> tuple[Floats, Box]:
        b = border(photo, rng)
        return put(bed(photo, (b, b, b, b), level, grain, rng), photo, b, b)

    return make


def border(photo: Floats, rng: Rng) -> int:
    """Width of a border, px."""
    return int(min(photo.shape) * rng.uniform(0.08, 0.25))


def bed(photo: Floats, sides: tuple[int, int, int, int], level: float, grain: float, rng: Rng) -> Floats:
    """What lies under a photo and stands out at top, bottom, left, right, by so many px."""
    top, bottom, left, right = sides
    shape = photo.shape[0] + top + bottom, photo.shape[1] + left + right
    return np.clip(level + rng.normal(0, grain, shape), 0, 255)


def put(under: Floats, photo: Floats, top: int, left: int) -> tuple[Floats, Box]:
    """The photo laid on something."""
    scan = under.copy()
    scan[top : top + photo.shape[0], left : left + photo.shape[1]] = photo
    return scan, (top, left, *photo.shape)


def unevenly_lit(photo: Floats, rng: Rng) -> tuple[Floats, Box]:
    """A mount that is lit from one side."""
    b = border(photo, rng)
    under = bed(photo, (b, b, b, b), 0, 0, rng)
    height, width = under.shape
    under = np.linspace(150, 190, width) + np.linspace(-10, 10, height)[:, None] + rng.normal(0, 2, (height, width))
    return put(under, photo, b, b)


def wood(photo: Floats, rng: Rng) -> tuple[Floats, Box]:
    """On planks with a grain."""
    b = border(photo, rng)
    height, width = bed(photo, (b, b, b, b), 0, 0, rng).shape
    flecks = Image.fromarray(rng.normal(0, 1, (height, max(4, width // 40))).astype(np.float32))
    grain = 0.6 * rng.normal(0, 1, (height, 1)) + 0.8 * np.asarray(flecks.resize((width, height)), np.float64)
    return put(np.clip(110 + 13 * grain + rng.normal(0, 3, (height, width)), 0, 255), photo, b, b)


def thin(photo: Floats, rng: Rng) -> tuple[Floats, Box]:
    """The white rim of a print."""
    b = max(3, int(0.025 * min(photo.shape)))
    return put(bed(photo, (b, b, b, b), 245, 1.5, rng), photo, b, b)


def torn(photo: Floats, rng: Rng) -> tuple[Floats, Box]:
    """Torn at all edges, on white."""
    b, (height, width) = border(photo, rng), photo.shape
    under = bed(photo, (b, b, b, b), 235, 2, rng)

    def edge(length: int) -> Floats:
        walk = np.cumsum(rng.normal(0, 0.6, length))
        return np.minimum(np.abs(walk - np.linspace(walk[0], walk[-1], length)), 0.035 * min(photo.shape))

    y, x = np.mgrid[:height, :width]
    left = (
        (y >= edge(width)[x]) & (y < height - edge(width)[x]) & (x >= edge(height)[y]) & (x < width - edge(height)[y])
    )
    return put(under, np.where(left, photo, under[b : b + height, b : b + width]), b, b)


def askew(photo: Floats, rng: Rng) -> tuple[Floats, Box]:
    """Laid by up to 1.5 degrees askew."""
    b = border(photo, rng)
    scan, box = put(bed(photo, (b, b, b, b), 225, 0, rng), photo, b, b)
    turned = Image.fromarray(scan.astype(np.float32)).rotate(
        rng.uniform(-1.5, 1.5), Image.Resampling.BICUBIC, fillcolor=225
    )
    return np.asarray(turned) + rng.normal(0, 1.5, scan.shape), box


def corner(photo: Floats, rng: Rng) -> tuple[Floats, Box]:
    """In a corner of a scanner's bed."""
    down, right = (int(side * rng.uniform(0.15, 0.5)) for side in photo.shape)
    top, left = (down if rng.random() < 0.5 else 0), (right if rng.random() < 0.5 else 0)
    return put(bed(photo, (top, down - top, left, right - left), 246, 1.5, rng), photo, top, left)


def shadowed(photo: Floats, rng: Rng) -> tuple[Floats, Box]:
    """On a bed, with the shadow of its edge."""
    b = border(photo, rng)
    under = bed(photo, (b, b, b, b), 238, 0, rng)
    under[b - 2 : b + photo.shape[0] + 6, b - 2 : b + photo.shape[1] + 6] = 150
    soft = Image.fromarray(under.astype(np.uint8)).filter(ImageFilter.GaussianBlur(3))
    return put(np.asarray(soft) + rng.normal(0, 1.5, under.shape), photo, b, b)


def rimmed(photo: Floats, rng: Rng) -> tuple[Floats, Box]:
    """A print with a white rim, on a gray mount."""
    inner, (top, left, height, width) = put(bed(photo, (9, 9, 9, 9), 240, 1.5, rng), photo, 9, 9)
    scan, (down, right, _, _) = even(120, 2)(inner, rng)
    return scan, (top + down, left + right, height, width)


def below(photo: Floats, rng: Rng) -> tuple[Floats, Box]:
    """On gray, with a colour target below."""
    side = min(photo.shape)
    b, patch, gap = max(12, int(0.08 * side)), max(16, int(0.1 * side)), max(6, int(0.04 * side))
    scan = bed(photo, (b, b + patch + gap, b, b), 128, 1.5, rng)
    wide = int(photo.shape[1] * 0.9 / 7)
    for i, level in enumerate((96, 118, 205, 90, 100, 255, 0)):  # cyan, green, yellow, red, magenta, white, black
        down = b + photo.shape[0] + gap
        scan[down : down + patch, b + i * wide : b + (i + 1) * wide] = level
    return put(scan, photo, b, b)


def beside(photo: Floats, rng: Rng) -> tuple[Floats, Box]:
    """With a strip of a target beside it, and no mount."""
    wide = max(20, int(0.12 * min(photo.shape)))
    gap = max(3, wide // 7)
    scan = bed(photo, (0, 0, 0, wide), 240, 1, rng)
    high = int(photo.shape[0] * 0.7 / 8)
    for i, level in enumerate((96, 118, 205, 90, 100, 255, 0, 60)):
        scan[20 + i * high : 20 + (i + 1) * high, photo.shape[1] + gap : photo.shape[1] + wide - gap] = level
    return put(scan, photo, 0, 0)


def captioned(photo: Floats, rng: Rng) -> tuple[Floats, Box]:
    """On card, with the photographer's name below."""
    b, (height, width) = border(photo, rng), photo.shape
    image = Image.fromarray(bed(photo, (b, 2 * b, b, b), 215, 0, rng).astype(np.float32))
    ImageDraw.Draw(image).text((b + width // 4, height + int(1.7 * b)), "Atelier Muster, Berlin", fill=60.0)
    return put(np.asarray(image) + rng.normal(0, 2, (image.height, image.width)), photo, b, b)


def oval(photo: Floats, rng: Rng) -> tuple[Floats, Box]:
    """Under a mat with an oval opening, on all sides."""
    b, (height, width) = border(photo, rng), photo.shape
    under = bed(photo, (b, b, b, b), 205, 2, rng)
    y, x = np.mgrid[:height, :width]
    inside = ((2 * y + 1) / height - 1) ** 2 + ((2 * x + 1) / width - 1) ** 2 <= 1
    return put(under, np.where(inside, photo, under[b : b + height, b : b + width]), b, b)


def album(photo: Floats, rng: Rng) -> tuple[Floats, Box]:
    """A dark page with the photo and, below it, a second one: the same, mirrored."""
    b, (height, width) = border(photo, rng), photo.shape
    scan = bed(photo, (b, b + height + b // 2, b, b), 62, 3, rng)
    scan[b + height + b // 2 : -b, b : b + width] = photo[:, ::-1]
    return put(scan, photo, b, b)


def instant(photo: Floats, rng: Rng) -> tuple[Floats, Box]:
    """The frame of an instant picture, wide below, on a dark table."""
    rim = int(0.06 * min(photo.shape))
    framed, (top, left, height, width) = put(bed(photo, (rim, 4 * rim, rim, rim), 238, 1.5, rng), photo, rim, rim)
    scan, (down, right, _, _) = even(45, 2)(framed, rng)
    return scan, (top + down, left + right, height, width)


def deckled(photo: Floats, rng: Rng) -> tuple[Floats, Box]:
    """A white rim with a wavy outer edge, as prints of the 1940s have it, on a gray bed."""
    rim, wave = int(0.06 * min(photo.shape)), max(2, int(0.015 * min(photo.shape)))
    framed, (top, left, height, width) = put(bed(photo, (rim, rim, rim, rim), 242, 1.5, rng), photo, rim, rim)
    b = border(photo, rng)
    scan = bed(framed, (b, b, b, b), 120, 2, rng)
    y, x = np.mgrid[: framed.shape[0], : framed.shape[1]]
    rise = [wave * (1 + np.sin(along * (2 * np.pi / (5 * wave)))) / 2 for along in (x, y)]
    paper = (
        (y >= rise[0]) & (framed.shape[0] - 1 - y >= rise[0]) & (x >= rise[1]) & (framed.shape[1] - 1 - x >= rise[1])
    )
    part = scan[b : b + framed.shape[0], b : b + framed.shape[1]]
    part[paper] = framed[paper]
    return scan, (top + b, left + b, height, width)


def lid(photo: Floats, rng: Rng) -> tuple[Floats, Box]:
    """On a scanner whose lid is black and whose bed's white edge shows at two sides."""
    scan, box = even(9, 2)(photo, rng)
    edge = max(3, int(0.02 * min(photo.shape)))
    scan[:edge], scan[:, :edge] = 246, 246
    return scan, box


def stamped(photo: Floats, rng: Rng) -> tuple[Floats, Box]:
    """On card with handwriting below and the shop's stamp at a side."""
    scan, (top, left, height, width) = even(222, 2)(photo, rng)
    image = Image.fromarray(scan.astype(np.float32))
    draw, b = ImageDraw.Draw(image), top
    draw.text((left, top + height + b // 3), "Ostern 1931, Tante Ida und Karl", fill=90.0)
    draw.ellipse((b // 6, top + height // 2, b // 6 + b // 2, top + height // 2 + b // 2), outline=120.0, width=2)
    return np.asarray(image, np.float64), (top, left, height, width)


def cornered(photo: Floats, rng: Rng) -> tuple[Floats, Box]:
    """Held on a dark page by photo corners."""
    scan, (top, left, height, width) = even(70, 3)(photo, rng)
    size = int(0.12 * min(photo.shape))
    y, x = np.mgrid[: scan.shape[0], : scan.shape[1]]
    down, right = (np.minimum(at - first, first + n - 1 - at) for at, first, n in ((y, top, height), (x, left, width)))
    scan[(down + right < size) & (down >= -3) & (right >= -3)] = 28
    return scan, (top, left, height, width)


def plate(photo: Floats, rng: Rng) -> tuple[Floats, Box]:
    """A print of a glass plate: a black edge of uneven width, with the marks of its holder, on white."""
    edge = [int(rng.uniform(0.03, 0.07) * min(photo.shape)) for _ in range(4)]
    inner, (top, left, height, width) = put(
        bed(photo, (edge[0], edge[1], edge[2], edge[3]), 16, 3, rng), photo, edge[0], edge[2]
    )
    for at in (inner.shape[1] // 4, 3 * inner.shape[1] // 4):
        inner[: max(2, edge[0] // 2), at : at + 6] = 235
    scan, (down, right, _, _) = even(248, 1.5)(inner, rng)
    return scan, (top + down, left + right, height, width)


MOUNTS: dict[str, Callable[[Floats, Rng], tuple[Floats, Box]]] = {
    "white": even(250, 1.2),
    "cream": even(228, 2),
    "gray": even(128, 0),
    "light gray": even(200, 0),
    "black": even(14, 2),
    "grainy card": even(150, 6),
    "unevenly lit": unevenly_lit,
    "wood": wood,
    "thin rim": thin,
    "torn edges": torn,
    "askew": askew,
    "corner of a bed": corner,
    "bed with shadow": shadowed,
    "rim on a mount": rimmed,
    "target below": below,
    "target beside": beside,
    "caption": captioned,
    "oval mat": oval,
    "two on a page": album,
    "instant picture": instant,
    "deckle edge": deckled,
    "black lid": lid,
    "writing and stamp": stamped,
    "photo corners": cornered,
    "glass plate": plate,
}
FADED = {"a quarter of its contrast": (0.25, 140), "lifted blacks": (0.6, 95), "grayed whites": (0.6, 12)}


def mounted(kind: str, photo: NDArray[np.uint8], rng: Rng) -> tuple[NDArray[np.uint8], Box]:
    """A photo (H, W) on a mount of a kind of MOUNTS: the scan, and where the photo is in it."""
    scan, box = MOUNTS[kind](photo.astype(np.float64), rng)
    return np.clip(np.rint(scan), 0, 255).astype(np.uint8), box


def faded(kind: str, photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A photo (H, W) faded in a way of FADED."""
    factor, offset = FADED[kind]
    return np.rint(photo * factor + offset).astype(np.uint8)


WORDS = (
    "the of and in to was a on that by with from had for his at it as this they their all one when who more no out up"
)
PAGES = {"printed": (1200, 850, 18, 1.5, 1), "newspaper": (2200, 1600, 17, 1.2, 6), "small": (640, 460, 13, 1.2, 1)}


def text_page(kind: str, rng: Rng) -> NDArray[np.uint8]:
    """A page of text of a kind of PAGES, (H, W), in the font that comes with Pillow."""
    height, width, size, spacing, columns = PAGES[kind]
    paper, ink = rng.uniform(195, 250), rng.uniform(10, 70)
    image = Image.new("L", (width, height), int(paper))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size)
    margin = int(width * rng.uniform(0.06, 0.12))
    wide = (width - 2 * margin) / columns
    words = WORDS.split()
    for column in range(columns):
        y = float(margin)
        while y < height - margin:
            line = ""
            while draw.textlength(line, font) < wide - 4 * size:
                line += words[int(rng.integers(len(words)))] + " "
            if rng.random() > 0.06:
                draw.text((margin + column * wide, y), line, fill=int(ink), font=font)
            y += size * spacing
    page = np.asarray(image.filter(ImageFilter.GaussianBlur(0.6)), np.float64) * np.linspace(
        1, rng.uniform(0.8, 1), width
    )
    return np.clip(page + rng.normal(0, rng.uniform(1, 5), page.shape), 0, 255).astype(np.uint8)
