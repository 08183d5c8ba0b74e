"""What the network says of an upload, as JSON: all that a client needs to paint the colours itself."""

import base64
import io
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan.color.lab import to_8_bit
from colorizegan.model.network import Prediction
from colorizegan.photo.photo import Photo
from colorizegan.serve.options import Options
from colorizegan.serve.queue import QueuedPhoto
from colorizegan.serve.upload import Upload

STEP = 0.01  # Lab units: of the small colours as they are sent
QUALITY = 92  # of the preview, a JPEG


def describe_upload(queued: QueuedPhoto, upload: Upload, options: Options) -> dict[str, Any]:
    """Read an upload and ask the network: the object that docs/server.md describes.

    Its `ab` are as asked but for saturation and warmth, which whoever paints them multiplies and adds.
    """
    look = replace(options.look(queued.palette(upload.like)), saturation=1.0, warmth=0.0)
    shown_as_it_is = options.preview is not None and not options.force  # where it is in colour
    with queued.photo(upload.path, keep_color=shown_as_it_is, allow_truncated=options.allow_truncated) as photo:
        colorizer = queued.colorizer
        prediction = colorizer.predict(photo, look)
        told = colorizer.network.card.has_distribution
        queued.check()
        found: dict[str, Any] = {
            "width": photo.gray.shape[1],
            "height": photo.gray.shape[0],
            "is_color": photo.is_color,
            "format": photo.format,
            "model": f"{colorizer.network.card.name} {colorizer.network.digest}",
            "remarks": list(photo.remarks),
            "ab": colors_as_text(prediction.ab),
            "confidence": confidence_as_text(prediction) if told else None,
            "proposals": [],
            "preview": None if options.preview is None else preview(photo, options.preview),
        }
        if options.proposals is not None:
            proposals = colorizer.propose(photo, look, count=options.proposals, seed=options.seed)
            found["proposals"] = [
                {"likelihood": round(p.likelihood, 4), "hints": list(map(vars, p.hints)), "ab": colors_as_text(p.ab)}
                for p in proposals
            ]
        queued.check()
    return found


def colors_as_text(ab: NDArray[np.float32]) -> dict[str, Any]:
    """Small colours (2, h, w) in Lab units: width, height, and base64 of int16 in hundredths, little-endian."""
    codes = np.rint(ab / STEP).astype("<i2")
    return {"width": ab.shape[2], "height": ab.shape[1], "data": base64.b64encode(codes.tobytes()).decode()}


def preview(photo: Photo, longest: int) -> dict[str, Any]:
    """The photo's light, or the colours that it has, at most `longest` px long: width, height, and a JPEG as base64."""
    pixels = to_8_bit(photo.gray if photo.rgb is None else photo.rgb)
    height, width = pixels.shape[:2]
    scale = min(1.0, longest / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = Image.fromarray(pixels)
    if image.size != size:
        image = image.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    jpeg = picture_as_text(np.asarray(image), "JPEG", quality=QUALITY)
    return {"width": size[0], "height": size[1], "jpeg": jpeg}


def picture_as_text(pixels: NDArray[np.uint8], format: str, **options: Any) -> str:
    """Pixels as an image file, base64."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format, **options)
    return base64.b64encode(file.getvalue()).decode()


def confidence_as_text(prediction: Prediction) -> dict[str, Any]:
    """How sure the network is: mean, width, height, and a gray picture as text in which 255 is sure."""
    confidence = prediction.confidence()
    height, width = confidence.shape
    picture = picture_as_text(np.rint(confidence * 255).astype(np.uint8), "PNG")
    return {"mean": round(float(confidence.mean()), 4), "width": width, "height": height, "png": picture}
