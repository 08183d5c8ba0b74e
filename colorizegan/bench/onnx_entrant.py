"""ONNX colorizers of other projects, run by one of a few stated layouts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan.color.lab import gray_to_lightness, lab_to_rgb, rgb_to_lab
from colorizegan.errors import InputError, ModelError, UsageError


@dataclass(frozen=True)
class Layout:
    """What goes into a network and what comes out. One input, one output used: (N, C, H, W) float32."""

    name: str
    text: str
    inputs: int
    """Channels in: 1 = L, 3 = the gray picture as RGB."""
    outputs: int
    """Channels out: 2 = ab, 3 = RGB."""
    unit: bool
    """Values are scaled: L / 50 - 1 and ab / 110, or RGB in -1..1. Else L 0..100, ab in Lab units, RGB 0..1."""


LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout("lab", "L 0..100 -> ab in Lab units (Zhang 2016, ECCV and SIGGRAPH networks)", 1, 2, False),
        Layout("lab-unit", "L / 50 - 1 -> ab / 110 (most pix2pix tutorials)", 1, 2, True),
        Layout("rgb-ab", "gray RGB 0..1 -> ab in Lab units (DDColor)", 3, 2, False),
        Layout("rgb", "gray RGB 0..1 -> RGB 0..1", 3, 3, False),
        Layout("rgb-unit", "gray RGB -1..1 -> RGB -1..1", 3, 3, True),
    )
}


class OnnxColorizer:
    """One ONNX file run by a layout. Thread-safe.

    The gray picture is squashed to size x size, as these networks were trained (the file's own fixed size wins over
    `size`, 256 where neither says); the ab that come back are enlarged bilinearly and joined with the full L; what
    leaves sRGB is cut off. Raises ModelError in one line for a file of another layout.
    """

    def __init__(self, path: Path, layout: str, size: int | None = None) -> None:
        if layout not in LAYOUTS:
            raise UsageError(f"unknown ONNX layout {layout!r}", remedy=f"known: {', '.join(LAYOUTS)}")
        if not path.is_file():
            raise InputError("no such ONNX file", path=path)
        self.layout = LAYOUTS[layout]
        self.path = path
        self.session = _open_session(path)
        inputs = self.session.get_inputs()
        shape = inputs[0].shape
        if len(inputs) != 1 or len(shape) != 4 or shape[1] != self.layout.inputs:
            found = ", ".join(f"{i.name} {i.shape}" for i in inputs)
            raise ModelError(
                f"layout {layout} takes one input (N, {self.layout.inputs}, H, W), the file has {found}", path=path
            )
        fixed = [side for side in shape[2:] if isinstance(side, int)]
        self.fixed = bool(fixed)
        self.size: int = fixed[0] if fixed else size or 256
        if size is not None and self.size != size:
            raise UsageError(
                f"size={size} is not the size that {path.name} is made for", remedy=f"leave it out or give {fixed[0]}"
            )

    def colorize(self, gray: NDArray[np.uint8], size: int | None = None) -> NDArray[np.uint8]:
        """(H, W) uint8 neutral sRGB -> (H, W, 3) uint8 sRGB. `size` replaces the network's, if that is not fixed."""
        side = self.size if size is None or self.fixed else size
        small = np.asarray(Image.fromarray(gray).resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32)
        output = self._run((small / 255).astype(np.float32))  # (C, h, w)
        if self.layout.outputs == 3:
            rgb = (output + 1) / 2 if self.layout.unit else output
            output = np.moveaxis(rgb_to_lab(np.moveaxis(np.clip(rgb, 0, 1), 0, -1))[..., 1:], -1, 0)
        elif self.layout.unit:
            output = output * 110
        height, width = gray.shape
        lightness = gray_to_lightness(gray.astype(np.float32) / 255)
        planes = [
            Image.fromarray(np.ascontiguousarray(plane)).resize((width, height), Image.Resampling.BILINEAR)
            for plane in output
        ]
        lab = np.stack([lightness, *(np.asarray(plane, dtype=np.float32) for plane in planes)], axis=-1)
        return np.rint(lab_to_rgb(lab.astype(np.float32)) * 255).astype(np.uint8)

    def _run(self, gray: NDArray[np.float32]) -> NDArray[np.float32]:
        """(size, size) 0..1 -> the first output (C, h, w) float32."""
        if self.layout.inputs == 1:
            lightness = gray_to_lightness(gray)
            feed = (lightness / 50 - 1 if self.layout.unit else lightness)[None, None]
        else:
            feed = np.repeat((gray * 2 - 1 if self.layout.unit else gray)[None, None], 3, axis=1)
        try:
            output = self.session.run(None, {self.session.get_inputs()[0].name: feed.astype(np.float32)})[0]
        except Exception as error:  # ONNX Runtime has no exception tree of its own
            text = str(error).splitlines()[0][:200]
            raise ModelError(
                f"the network failed at {gray.shape[1]}x{gray.shape[0]} ({text})", path=self.path
            ) from None
        if output.ndim != 4 or output.shape[1] != self.layout.outputs:
            wanted = f"(N, {self.layout.outputs}, h, w)"
            raise ModelError(f"layout {self.layout.name} gives {wanted}, the file gave {output.shape}", path=self.path)
        if not np.isfinite(output).all():
            raise ModelError("the network gave values that are not finite", path=self.path)
        return output[0].astype(np.float32)


def _open_session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # its warnings go to stderr past any handler
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has no exception tree of its own
        raise ModelError(f"not an ONNX file that can be run ({str(error).splitlines()[0][:200]})", path=path) from None
