"""Pictures to choose by: the sheet of a photo's proposals, and the pictures of how sure the network is."""

import io
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from colorizegan.color.lab import to_8_bit
from colorizegan.colorizer import Colorizer
from colorizegan.contact_sheet import contact_sheet
from colorizegan.errors import OutputError, UsageError
from colorizegan.files import fitting_name, make_folder, open_regular, write_atomic
from colorizegan.photo.photo import Photo
from colorizegan.steer.look import Look
from colorizegan.steer.proposals import Proposal

SIDE = 420  # px, the longer side of a picture on the sheet
GAP = 12
SOFTWARE = "ColorizeGAN, a picture to look at"  # the PNG text of that name
HEAD = 4096  # bytes that hold the mark
DRAWN = re.compile(rb'tEXtComment\0\{"proposals": (\d{1,3}), "seed": (\d{1,18})\}')


def sheet_path(target: Path) -> Path:
    """Where the sheet of a photo goes: `photo.jpg.proposals.png` for the result `photo.jpg`."""
    return target.with_name(fitting_name(target.name, ".proposals.png"))


def confidence_paths(target: Path) -> tuple[Path, Path]:
    """Where the map and the overlay of a photo go."""
    confidence, unsure = (fitting_name(target.name, ending) for ending in (".confidence.png", ".unsure.png"))
    return target.with_name(confidence), target.with_name(unsure)


def proposal_sheet(colorizer: Colorizer, photo: Photo, proposals: list[Proposal], saturation: float) -> Image.Image:
    """The gray photo and its proposals side by side, each with its number and log-likelihood."""
    gray = small(photo.gray)
    pictures = [np.repeat(gray[..., None], 3, axis=2)]
    pictures += [colorizer.paint(gray, proposal.ab, saturation) for proposal in proposals]
    likelihoods = [f"{i}   log-likelihood {proposal.likelihood:.2f}" for i, proposal in enumerate(proposals, 1)]
    return contact_sheet(pictures, 3, captions=["the photo", *likelihoods], gap=GAP)


def small(gray: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.uint8]:
    """A photo (H, W) of 8 or 16 bit as 8 bit, its longer side at most SIDE."""
    image = Image.fromarray(to_8_bit(gray))
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.asarray(image)


def write_sheet(
    colorizer: Colorizer, photo: Photo, look: Look, target: Path, *, count: int, seed: int, overwrite: bool = False
) -> list[Proposal]:
    """Write the sheet of a photo to `target`, and say what is on it."""
    proposals = colorizer.propose(photo, look, count=count, seed=seed)
    drawn = json.dumps({"proposals": count, "seed": seed})
    save(proposal_sheet(colorizer, photo, proposals, look.saturation), target, overwrite=overwrite, drawn=drawn)
    return proposals


def write_confidence(pictures: Sequence[NDArray[np.uint8]], target: Path, *, overwrite: bool) -> list[str]:
    """Write the pictures of `confidence_pictures` beside a result; what is there already is left, and told."""
    remarks: list[str] = []
    for picture, path in zip(pictures, confidence_paths(target), strict=True):
        if os.path.lexists(path) and not overwrite:
            remarks.append(f"{path.name} is there already and left as it is")
        else:
            save(Image.fromarray(picture), path, overwrite=overwrite)
    return remarks


def drawn_before(targets: Sequence[Path], pick: int) -> tuple[int, int]:
    """Count and seed of the proposals on the sheets of results. UsageError where there are none, or different ones."""
    found: set[tuple[int, int]] = set()
    for path in map(sheet_path, targets):
        drawn = drawn_on(path)
        if drawn is None:
            remedy = f"add --proposals {max(pick, 5)}, with the --seed of the sheet if it had one"
            what = f"{path.name} is none" if os.path.lexists(path) else f"there is no {path.name}"
            raise UsageError(f"--pick {pick} is of no sheet: {what}", remedy=remedy)
        found.add(drawn)
    if len(found) != 1:
        raise UsageError("the sheets of these photos are of different draws", remedy="add --proposals and --seed")
    return found.pop()


def drawn_on(sheet: Path) -> tuple[int, int] | None:
    """Count and seed of the proposals on a sheet; None where there is none that tells them."""
    drawn = DRAWN.search(head_of(sheet)) if is_our_sheet(sheet) else None
    return None if drawn is None else (int(drawn[1]), int(drawn[2]))


def save(image: Image.Image, target: Path, *, overwrite: bool = False, drawn: str = "") -> None:
    """Write a picture; one of that name is replaced only if it is an earlier one of ours, or with `overwrite`."""
    if os.path.lexists(target) and not overwrite and not is_our_sheet(target):
        raise OutputError("is there already", path=target, remedy="name another output; --overwrite replaces it")
    file = io.BytesIO()
    mark = PngInfo()
    mark.add_text("Software", SOFTWARE)
    if drawn:
        mark.add_text("Comment", drawn)
    image.save(file, "PNG", pnginfo=mark)
    make_folder(target.parent)
    write_atomic(target, file.getvalue())


def is_our_sheet(path: Path) -> bool:
    """Whether a file is a picture that `save` wrote."""
    head = head_of(path)
    return head.startswith(b"\x89PNG") and b"tEXtSoftware\0" + SOFTWARE.encode() in head


def head_of(path: Path) -> bytes:
    """The first bytes of a regular file; b"" where there is none."""
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""
