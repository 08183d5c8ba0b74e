"""What this installation is and whether it works: versions, limits, devices, and a test picture colorized."""

import dataclasses
import platform
from importlib import metadata
from typing import Any

import numpy as np
from packaging.requirements import Requirement

from colorizegan import __version__
from colorizegan.color.lab import rgb_to_lab
from colorizegan.colorizer import Colorizer
from colorizegan.errors import ColorizeGANError
from colorizegan.machine import cpu_threads, installed_version
from colorizegan.model.bundle import list_bundles
from colorizegan.model.session import NEEDS, available_devices
from colorizegan.photo.photo import Limits
from colorizegan.serve.limits import FilmLimits, ServiceLimits

PACKAGES = ("numpy", "onnxruntime", "pillow", "pillow-heif", "pyvips", "pyvips-binary", "torch")
MEAN_BOUND, LARGE_BOUND, LARGE_SHARE = 0.5, 2.0, 0.001


def examine(model: str | None = None) -> tuple[dict[str, dict[str, Any]], str]:
    """Look at the installation and colorize a synthetic picture with the model (None = the default).

    Returns facts by section and name, and what is wrong, in one line; "" where all is well.
    """
    facts: dict[str, dict[str, Any]] = {
        "versions": {"colorizegan": __version__, "python": platform.python_version(), "system": platform.platform()},
        "machine": {"threads": cpu_threads(), "devices": ", ".join(available_devices()), **others()},
        "extras": extras(),
        "limits": {field.name: getattr(Limits(), field.name) for field in dataclasses.fields(Limits)},
        "limits of serve": dataclasses.asdict(ServiceLimits()),
        "limits of serve --video": dataclasses.asdict(FilmLimits()),
        "models": {"bundled": ", ".join(list_bundles()) or "none"},
        "self-test": {},
    }
    facts["versions"] |= {package: installed_version(package) or "not installed" for package in PACKAGES}
    try:
        colorizer = Colorizer(model)
        card = colorizer.network.card
        facts["models"]["tested"] = f"{card.name} {card.version}, sha256 {colorizer.network.digest}"
        found, complaint = self_test(colorizer)
    except ColorizeGANError as error:
        found, complaint = {}, str(error)
    facts["self-test"] = {**found, "result": "failed" if complaint else "passed"}
    return facts, complaint


def self_test(colorizer: Colorizer) -> tuple[dict[str, float], str]:
    """Colorize a synthetic picture: (figures, what is wrong or "").

    Its lightness must stay: mean |dL| under 0.5 and 99.9 % of pixels under 2. It must get some colour.
    """
    gray = synthetic_picture()
    rgb = colorizer.colorize(gray)
    before = rgb_to_lab(np.repeat(gray[:, :, None], 3, axis=2) / np.float32(255))[..., 0]
    lab = rgb_to_lab(rgb / np.float32(255))
    apart = np.abs(lab[..., 0] - before)
    chroma = float(np.hypot(lab[..., 1], lab[..., 2]).mean())
    figures = {
        "mean change of lightness": round(float(apart.mean()), 3),
        "largest change of lightness": round(float(apart.max()), 3),
        "mean chroma": round(chroma, 2),
    }
    if not (apart.mean() < MEAN_BOUND and (apart >= LARGE_BOUND).mean() < LARGE_SHARE):
        return figures, "the self-test failed: lightness was not kept"
    if not chroma > 0.1:
        return figures, "the self-test failed: the result is gray"
    return figures, ""


def synthetic_picture() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A gray ramp with discs and fine stripes, (240, 320) uint8."""
    y, x = np.mgrid[0:240, 0:320].astype(np.float32)
    picture = 40 + 150 * x / 320
    for cx, cy, radius, value in ((80, 90, 50, 220), (200, 150, 60, 60), (260, 60, 30, 250)):
        picture = np.where((x - cx) ** 2 + (y - cy) ** 2 < radius**2, value, picture)
    picture += 15 * np.sin(x / 3) * (y > 180)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def extras() -> dict[str, str]:
    """Each extra of the package: installed, or what is missing and the command that installs it."""
    facts = metadata.metadata("colorizegan")
    needed = [Requirement(text) for text in metadata.requires("colorizegan") or []]
    found: dict[str, str] = {}
    for extra in sorted(facts.get_all("Provides-Extra") or []):
        wanted = [one.name for one in needed if one.marker is not None and one.marker.evaluate({"extra": extra})]
        missing = [name for name in wanted if not installed_version(name)]
        said = f'lacks {", ".join(missing)}; in the folder of ColorizeGAN: pip install ".[{extra}]"'
        found[extra] = said if missing else "installed"
    return found


def others() -> dict[str, str]:
    """Whether the network can run on each device beside the CPU, or what that takes. Training is PyTorch's business."""
    here = available_devices()
    return {
        device: "available" if device in here else f"not available: --device {device} needs {needs}"
        for device, needs in NEEDS.items()
    }
