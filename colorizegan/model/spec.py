"""What `--model` and `Colorizer(model)` take, and the network that it means.

default                      a model of this installation, or one that `models add` and `models get` keep by name
FOLDER, FILE.zip             a model bundle
FILE.onnx?layout=lab&size=256  a colorizer of another project; options where its name and shapes do not tell
default+ddcolor, default:1+ddcolor:2   the mean of several, the latter with weights
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from os import PathLike
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np

from colorizegan.errors import UsageError
from colorizegan.model.bundle import list_bundles, open_bundle
from colorizegan.model.foreign import ForeignNetwork
from colorizegan.model.joined import JoinedNetwork
from colorizegan.model.network import Network
from colorizegan.model.predictor import Predictor
from colorizegan.model.store import find_entry

MOST_NETWORKS = 8  # networks joined
WEIGHT = re.compile(r"\d{1,9}(\.\d{1,9})?")
ADDRESS = re.compile(r"hf:([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:/([^@?]+))?(?:@([^@]+))?")
HOW_TO_ADDRESS = "write it as hf:OWNER/NAME, hf:OWNER/NAME/FILE or hf:OWNER/NAME@REVISION"


@dataclass(frozen=True)
class Spec:
    """One model or entrant as written, `PATH?option=value&...`, taken apart."""

    path: str
    options: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def parse(text: str) -> Spec:
        """UsageError where the options are not name=value&name=value."""
        path, _, query = text.partition("?")
        try:
            options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
        except ValueError:
            raise UsageError(f"options {query!r} are not name=value&name=value") from None
        return Spec(path, options)


def open_network(
    model: str | PathLike[str] | None = None,
    *,
    threads: int | None = None,
    device: str = "cpu",
    shrink_arena: bool = False,
) -> Network:
    """The network that a text or path means; see the top of this file. None is the default one.

    threads, device, shrink_arena: as for `Predictor`. ModelError where it is missing, damaged, or of another layout;
    UsageError for options that it does not have, or an unknown device.
    """
    if isinstance(model, str) and "+" in model and not is_there(model):
        parts = model.split("+")
        if len(parts) > MOST_NETWORKS:
            raise UsageError(f"{len(parts)} models are too many to join", remedy=f"join up to {MOST_NETWORKS}")
        pairs = [weighted(part) for part in parts]
        if not all(part for part, _ in pairs):
            raise UsageError(f"{model!r} does not name models to join", remedy="write it as default+ddcolor:2")
        networks = [open_network(part, threads=threads, device=device, shrink_arena=shrink_arena) for part, _ in pairs]
        return JoinedNetwork(networks, [weight for _, weight in pairs])
    spec = Spec.parse(model) if isinstance(model, str) and not is_there(model) else Spec(str(model or ""))
    foreign = partial(ForeignNetwork, threads=threads, device=device, shrink_arena=shrink_arena)
    entry = find_entry(spec.path) if isinstance(model, str) else None
    if entry is not None:
        entry.check()
        if entry.is_foreign:
            known = {**entry.facts, "name": entry.name, "licence": entry.licence, "source": entry.source}
            return foreign(entry.path, spec.options, known=known)
        model = entry.path if not spec.options else model
    elif spec.path.startswith("hf:") and isinstance(model, str):
        if ADDRESS.fullmatch(spec.path) is None:
            raise UsageError(f"{spec.path!r} is no address of a model", remedy=HOW_TO_ADDRESS)
        what = f"{spec.path} is not here yet, and nothing is fetched by itself"
        raise UsageError(what, remedy=f"run `colorizegan models get {spec.path}`")
    if Path(spec.path).suffix.lower() == ".onnx" and spec.path not in list_bundles():
        return foreign(Path(spec.path), spec.options)
    if spec.options:
        raise UsageError(f"{spec.path} takes no options", remedy="they are for ONNX files of other projects")
    return Predictor(open_bundle(model), threads=threads, device=device, shrink_arena=shrink_arena)


def weighted(part: str) -> tuple[str, float]:
    """`ddcolor:2` -> ("ddcolor", 2.0), `ddcolor` -> ("ddcolor", 1.0); UsageError where what follows is no weight."""
    name, colon, text = part.rpartition(":")
    if not colon or name in ("", "hf") or is_there(part) or re.search(r"[/\\]", text):  # hf:OWNER/NAME, C:\models
        return part, 1.0
    weight = float(text) if WEIGHT.fullmatch(text) else 0.0
    if weight == 0:
        what = f"the weight {text!r} of {name} is no number above 0"
        raise UsageError(what, remedy="write it as default+ddcolor:2")
    return name, weight


def try_model(
    model: str | PathLike[str],
    facts: Mapping[str, str | int] | None = None,
    known: Mapping[str, str | int] | None = None,
) -> dict[str, str | int]:
    """Run a model on one made-up picture, so that what is wrong with it is told at once; errors as for `open_network`.

    facts: what is said of the layout, size and so on of an ONNX file; known: as for `ForeignNetwork`. Returns, of an
    ONNX file, the facts with the layout and size that it has; of a bundle nothing.
    """
    network: Network
    found: dict[str, str | int] = {}
    if facts or Path(model).suffix.lower() == ".onnx":
        network = foreign = ForeignNetwork(Path(model), facts or {}, known=known)
        found |= {**(known or {}), **(facts or {})}
        found |= {"layout": foreign.layout.name, "size": foreign.card.working_size}
    else:
        network = open_network(model)
    side = network.card.working_size
    y, x = np.mgrid[0:side, 0 : side + 32]
    network.predict((50 + 50 * np.sin(x / 17) * np.cos(y / 23)).astype(np.float32))
    return found


def stored_bundle(model: str | PathLike[str] | None) -> str | PathLike[str] | None:
    """What `open_bundle` takes for a model that may be named as in the store."""
    entry = find_entry(model)
    if entry is None:
        return model
    entry.check()
    return entry.path


def is_there(text: str) -> bool:
    """Whether a file or folder has this very name."""
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # too long, a NUL
        return False
