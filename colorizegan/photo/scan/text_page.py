"""Whether a scan is a page of text: printed, typed or written. Colours there would be made up.

A page is ink on one paper. In small squares of it, paper is what is seen most, as bright as in the squares around, and
ink is a small part, drawn in strokes. Grass, snow and crowds have as many edges, but no paper.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from colorizegan.photo.scan.window import glance

READ_AT = 1024  # px, longer side; a newspaper's lines are then 5 px apart
SQUARE = 32  # px
FEWEST_SQUARES = 48  # squares; less tells nothing
# Shares of the page's white. Of 2,480 photos none passes, of 42 pages made up of seven kinds all do
# (benchmarks/network_eye.py).
SAME_PAPER = 0.06  # between a square's paper and that around it
INK_CONTRAST = 0.25  # between ink and paper
BLANK_CONTRAST = 0.14  # between the grain of blank paper
# Shares of the squares.
TEXT_SHARE = 0.35
PAPER_SHARE = 0.9


def is_text_page(gray: NDArray[Any], small: NDArray[np.float32] | None = None) -> bool:
    """Whether a picture (H, W), uint8 or uint16, is a page of text. `small`: its `glance`, if it is known."""
    first = glance(gray) if small is None else small  # enough for nearly all photos
    white = float(np.percentile(first, 95))
    if white < 100 or float(np.median(first)) < 0.7 * white:
        return False
    page = glance(gray, READ_AT)
    rows, columns = (side // SQUARE for side in page.shape)
    if rows * columns < FEWEST_SQUARES:
        return False
    page = page[: rows * SQUARE, : columns * SQUARE]
    squares = page.reshape(rows, SQUARE, columns, SQUARE).transpose(0, 2, 1, 3).reshape(-1, SQUARE, SQUARE)
    ink, middle, paper = np.percentile(squares.reshape(len(squares), -1), (4, 50, 90), axis=1)
    white = float(np.percentile(paper, 75))
    contrast = paper - ink
    same = (np.abs(paper - _around(paper, rows, columns)) < SAME_PAPER * white) & (paper > 0.75 * white)
    inked = squares < (paper - 0.45 * contrast)[:, None, None]
    along = (inked[:, :, 1:] != inked[:, :, :-1]).sum(axis=2).mean(axis=1)  # edges met on a way of 32 px
    across = (inked[:, 1:] != inked[:, :-1]).sum(axis=1).mean(axis=1)
    edges = along + across
    strokes = (edges > 3.5) & (edges < 16) & (np.minimum(along, across) > 0.8) & (inked.mean(axis=(1, 2)) < 0.5)
    text = same & strokes & (contrast > INK_CONTRAST * white) & (middle > paper - 0.5 * contrast)
    plain = same & ((contrast < BLANK_CONTRAST * white) | (middle > paper - 0.35 * contrast))
    return bool(text.mean() >= TEXT_SHARE and (text | plain).mean() >= PAPER_SHARE)


def _around(values: NDArray[np.floating], rows: int, columns: int) -> NDArray[np.floating]:
    """Median over the 3 x 3 squares around each."""
    padded = np.pad(values.reshape(rows, columns), 1, mode="edge")
    near = [padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    return np.median(near, axis=0).ravel()
