"""Colorizers of other projects: one ONNX file, run by its layout as if it were a network of ours."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan.color.lab import lightness_to_gray, rgb_to_lab
from colorizegan.errors import InputError, ModelError, UsageError
from colorizegan.files import sha256_of_file
from colorizegan.model.card import Architecture, Card, is_plain_name
from colorizegan.model.facts import LAYOUTS, Layout, facts_of
from colorizegan.model.network import INPUTS, Network, NetworkInput, Prediction
from colorizegan.model.network_input import resized
from colorizegan.model.session import FLOAT_TYPES, Session, checked_threads
from colorizegan.model.trial import try_graph
from colorizegan.model.verify import external_entries


class ForeignNetwork(Network):
    """Another project's colorizer. Thread-safe. It gives colours alone: no distribution, and it takes no hints.

    Args:
        path: the ONNX file; weights that it keeps outside itself lie in the same folder.
        options: what is said of it: `layout`, `size` and others of `Facts`.
        known: what was noted of it earlier, over what its name says and below `options`.
        threads, device, shrink_arena: as for `Predictor`.

    Raises:
        InputError: there is no such file.
        ModelError: it cannot be loaded, or is of another layout.
        UsageError: nobody has said its layout, which its shapes do not tell; it has another size than is said.
    """

    def __init__(
        self,
        path: Path,
        options: Mapping[str, Any],
        *,
        known: Mapping[str, Any] | None = None,
        threads: int | None = None,
        device: str = "cpu",
        shrink_arena: bool = False,
    ) -> None:
        if not path.is_file():
            raise InputError("no such ONNX file", path=path)
        facts = facts_of(path, {**(known or {}), **options})
        self.path = path
        self.threads = checked_threads(threads)
        files = {file.name: sha256_of_file(file) for file in (path, *data_files(path))}
        size = sum(file.stat().st_size for file in (path, *data_files(path)))
        try_graph(path, size, facts.size, digest_of(files), path)
        self.session = Session(path, self.threads, device, shrink_arena=shrink_arena)
        inputs, output = self.session.inputs, self.session.outputs[0]
        self.layout = LAYOUTS[facts.layout or guessed_layout(path, inputs, output)]
        check_ports(path, self.layout, inputs, output)
        self.input, self.output, self.kind = inputs[0].name, output.name, FLOAT_TYPES[inputs[0].type]
        self.fixed = [side if isinstance(side, int) else None for side in inputs[0].shape[2:]]
        self.multiple, self.fit = facts.multiple, facts.fit
        size = min((side for side in self.fixed if side is not None), default=facts.size)
        if "size" in options and facts.size != size:
            what = f"size={options['size']} is not the size that {path.name} is made for"
            raise UsageError(what, remedy=f"leave it out or give {size}")
        self.digest = f"{digest_of(files)}?layout={self.layout.name}&size={size}&fit={self.fit}"
        self.card = Card(
            schema=1,
            name=facts.name,
            version=digest_of(files)[:12],
            created="not stated",
            licence=facts.licence,
            network=Architecture(f"ONNX, layout {self.layout.name}", 0, 1),
            working_size=size,
            ab_bins=((0.0, 0.0),),
            files=files,
        )

    def predict_batch(self, inputs: Sequence[NetworkInput]) -> list[Prediction]:
        """As `Network.predict_batch`, one after the other; hints are left to others, who spread them by lightness."""
        return [self._colors(np.asarray(photo.L, np.float32)) for photo in inputs]

    def _colors(self, L: NDArray[np.float32]) -> Prediction:
        height, width = L.shape
        shape, inner = self.frame(height, width)
        small = np.clip(resized(L[None], inner)[0], 0, 100)
        small = np.pad(small, [(0, whole - part) for whole, part in zip(shape, inner, strict=True)], mode="edge")
        feed = self._values(small).astype(self.kind)
        (out,) = self.session.run([self.output], {self.input: feed})
        ab = self._ab(out, shape)
        # The photo's own share of what came out, at half the size of what went in.
        rows, columns = (round(n * p / s) for n, p, s in zip(ab.shape[1:], inner, shape, strict=True))
        half = (-(-height // 2), -(-width // 2))
        ab = resized(ab[:, : max(rows, 1), : max(columns, 1)], half, Image.Resampling.BILINEAR)
        nothing = np.zeros((1, -(-height // 4), -(-width // 4)), np.float32)
        return Prediction(ab, nothing, np.zeros((1, 2), np.float32))

    def frame(self, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """The network's input for a photo of this size, and the part of it that the photo fills, (h, w) px each."""

        def whole(side: int) -> int:
            return side + -side % self.multiple

        short = whole(min(height, width))
        if self.fit == "squash":
            shape = (self.fixed[0] or short, self.fixed[1] or short)
            return shape, shape
        shape = (self.fixed[0] or whole(height), self.fixed[1] or whole(width))
        scale = min(1.0, shape[0] / height, shape[1] / width)
        return shape, (max(1, round(height * scale)), max(1, round(width * scale)))

    def _values(self, L: NDArray[np.float32]) -> NDArray[np.float32]:
        """L (h, w) 0..100 -> (1, C, h, w) as the network takes it."""
        share = L / 100 if self.layout.inputs == 1 else lightness_to_gray(L)
        values = np.float32(self.layout.black) + share * np.float32(self.layout.white - self.layout.black)
        return np.repeat(values[None, None], self.layout.inputs, axis=1)

    def _ab(self, out: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.float32]:
        """What the network gave -> ab (2, h, w) in Lab units."""
        if out.ndim != 4 or out.shape[:2] != (1, self.layout.outputs):
            what = f"layout {self.layout.name} gives (N, {self.layout.outputs}, h, w), the file gives {out.shape}"
            raise ModelError(what, path=self.path, remedy="give another layout")
        values = out[0].astype(np.float32)
        if not np.isfinite(values).all():
            raise ModelError(
                f"gave values that are not finite at {shape[1]} x {shape[0]} px", path=self.path, remedy="use another"
            )
        if self.layout.outputs == 2:
            ab = values * np.float32(self.layout.unit)
            if np.abs(ab).max() > 500.0:  # Lab units; sRGB ends at 134, and more than this is no colour
                raise self._strange(values)
            return ab
        rgb = (values - self.layout.black) / (self.layout.white - self.layout.black)
        if np.abs(rgb).max() > 3.0:  # of the way from black to white
            raise self._strange(values)
        return np.moveaxis(rgb_to_lab(np.moveaxis(np.clip(rgb, 0, 1), 0, -1))[..., 1:], -1, 0).astype(np.float32)

    def _strange(self, values: NDArray[np.float32]) -> ModelError:
        found = f"gave values of {values.min():.4g} to {values.max():.4g}, which are no colours in layout"
        return ModelError(f"{found} {self.layout.name}", path=self.path, remedy="give another layout")


def guessed_layout(path: Path, inputs: Sequence[Any], output: Any) -> str:
    """The layout where the shapes leave one only; ModelError where none fits, UsageError where somebody has to say."""
    fitting = fitting_layouts(path, inputs, output)
    if len(fitting) == 1:
        return fitting[0]
    shapes = f"{shown_ports(inputs)} -> {output.name} {output.shape}"
    remedy = f"say it, one of {', '.join(fitting)}: {path.name}?layout=..., or --layout with `models add` and `get`"
    raise UsageError(f"the shapes of {path.name} do not tell its layout ({shapes})", remedy=remedy)


def fitting_layouts(path: Path, inputs: Sequence[Any], output: Any) -> list[str]:
    """The layouts that the shapes allow; ModelError where they allow none."""
    if {port.name for port in inputs} == set(INPUTS):
        raise ModelError("is the graph of a bundle", path=path, remedy="name its folder, which holds card.json")
    shape = inputs[0].shape
    fitting: list[str] = []
    if len(inputs) == 1 and len(shape) == 4 and (shape[0] == 1 or not isinstance(shape[0], int)):
        found = shape[1], output.shape[1] if len(output.shape) == 4 else None
        for layout in LAYOUTS.values():
            pairs = zip(found, (layout.inputs, layout.outputs), strict=True)
            if all(n == wanted or not isinstance(n, int) for n, wanted in pairs):
                fitting.append(layout.name)
    if not fitting:
        what = "fits no layout, which all take one picture (N, 1 or 3, H, W) and give ab or RGB: it has"
        what = f"{what} {shown_ports(inputs)} -> {output.name} {output.shape}"
        raise ModelError(what, path=path, remedy="export it again with one picture in and one out, or use another")
    if inputs[0].type not in FLOAT_TYPES:
        raise ModelError(f"takes {inputs[0].type}, not floats", path=path, remedy="export it with floats")
    return fitting


def check_ports(path: Path, layout: Layout, inputs: Sequence[Any], output: Any) -> None:
    """ModelError where a file is of another layout than stated."""
    fitting = fitting_layouts(path, inputs, output)
    if layout.name not in fitting:
        what = f"layout {layout.name} is (N, {layout.inputs}, H, W) -> (N, {layout.outputs}, h, w), the file has"
        what = f"{what} {shown_ports(inputs)} -> {output.name} {output.shape}"
        raise ModelError(what, path=path, remedy=f"give another layout: {', '.join(fitting)}")


def shown_ports(ports: Sequence[Any]) -> str:
    return ", ".join(f"{port.name} {port.shape}" for port in ports)[:300]


def data_files(path: Path) -> list[Path]:
    """The files beside an ONNX file in which it keeps weights, sorted; ModelError where one is missing."""
    files = [path.with_name(name) for name in outside_files(path)]
    for file in files:
        if not file.is_file():
            what = f"keeps weights in {file.name}, which is missing"
            raise ModelError(what, path=path, remedy="put it beside this file")
    return files


def outside_files(path: Path) -> list[str]:
    """Names of the files in which an ONNX file says that it keeps weights, sorted; ModelError for other folders."""
    entries = external_entries(path, max_fields=5_000_000, any_graph=True)  # weights may lie in it
    names = sorted({entry.get("location", "") for entry in entries})
    for name in names:
        if not is_plain_name(name):
            raise ModelError(f"refers to weights in {name[:100]!r}, outside its folder", path=path)
    return names


def digest_of(files: Mapping[str, str]) -> str:
    """The SHA-256 of the only file, or one over those of all files, in order."""
    hashes = list(files.values())
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
