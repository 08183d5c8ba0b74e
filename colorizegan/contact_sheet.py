"""Pictures of one size side by side: proposals, shots of a film, photos of a data set."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

CAPTION = 28  # px


def contact_sheet(
    pictures: Sequence[NDArray[Any]], columns: int, *, captions: Sequence[str] = (), gap: int = 0
) -> Image.Image:
    """(H, W, 3) uint8 each -> one picture on white, row by row; with captions a line of text under each."""
    height, width = pictures[0].shape[:2] if pictures else (1, 1)
    columns = max(1, min(columns, len(pictures)))
    down, across = height + (CAPTION if captions else 0) + gap, width + gap
    rows = max(1, -(-len(pictures) // columns))
    sheet = Image.new("RGB", (columns * across + gap, rows * down + gap), "white")
    draw = ImageDraw.Draw(sheet)
    for i, picture in enumerate(pictures):
        left, top = gap + i % columns * across, gap + i // columns * down
        sheet.paste(Image.fromarray(picture), (left, top))
        if captions:
            draw.text((left, top + height + 2), captions[i], fill="black", font=ImageFont.load_default(20))
    return sheet
