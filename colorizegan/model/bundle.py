"""The model bundle on disk: find it, verify it, read its card. Never a pickle, never code.

A bundle is a folder, or one zip of it, with `card.json` (what the network is, schema 1), `model.onnx` (the graph) and
`model.safetensors` (the weights, to which the graph refers).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import shutil
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from colorizegan.errors import ModelError
from colorizegan.modelfile import check_model_files

__all__ = ["Bundle", "Card", "Network", "list_bundles", "open_bundle"]

WEIGHTS = Path(__file__).parent / "weights"
DEFAULT = "default"
CARD, GRAPH, TENSORS = "card.json", "model.onnx", "model.safetensors"
MAX_CARD_BYTES = 1 << 20
MAX_ZIP_ENTRIES = 100
MAX_UNPACKED_BYTES = 2 << 30
MAX_RATIO = 20  # weights hardly compress: a file that grows more than this out of a zip is a bomb
PICKLES = {".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth"}
AGAIN = "fetch or export the bundle again"


@dataclass(frozen=True)
class Network:
    """What the card says of the network's shape."""

    generator: str
    """Name of the architecture in training/networks.py."""
    parameters: int
    """Count of weights."""
    multiple: int
    """Height and width of the network's input are multiples of this, px."""


@dataclass(frozen=True)
class Card:
    """card.json, schema 1."""

    schema: int
    name: str
    version: str
    created: str
    """ISO date."""
    licence: str
    network: Network
    working_size: int
    """Shorter side of the network's input by default, px."""
    ab_bins: tuple[tuple[float, float], ...]
    """Centres of the Q colour bins of `logits`, Lab units."""
    temperature: float
    """Of the annealed mean over the bins (Zhang et al. 2016, eq. 5)."""
    detail: float
    """Share of the working size that photos are reduced to first, 0..1: how soft a picture the network is used to.
    1 where the card does not say."""
    chroma: float
    """Factor on ab that the graph applies last; 1 where the card does not say."""
    training: Mapping[str, Any]
    data: tuple[Mapping[str, Any], ...]
    """Data sets trained on: name, count, licence."""
    metrics: Mapping[str, Any]
    """Scores, and under `command` what made them."""
    files: Mapping[str, str]
    """File name -> SHA-256, hex."""


@dataclass(frozen=True, eq=False)
class Bundle:
    """A verified bundle. One that came as a zip lies in a private temporary folder for as long as this object lives."""

    path: Path
    """The folder or zip that was opened."""
    card: Card
    onnx: Path
    """model.onnx; model.safetensors lies beside it."""
    digest: str
    """SHA-256, hex, over the card and the hashes of the files: names the exact model."""


def open_bundle(model: str | PathLike[str] | None = None) -> Bundle:
    """Find a bundle and verify it: card, schema, SHA-256 of every file, and what the files say of themselves.

    Args:
        model: None for the default; the name of a bundled model (`list_bundles()`); a folder; a zip.
            A bundled name wins over a folder of that name: write `./name` for the folder.

    Raises:
        ModelError: one line with the path, the reason and the remedy. Nothing in the bundle has been run.
    """
    path = locate(model)
    if path.is_dir():
        return read_folder(path, shown=path)
    folder = Path(tempfile.mkdtemp(prefix="colorizegan-"))  # mode 0700
    try:
        unpack(path, folder)
        bundle = read_folder(folder, shown=path)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(bundle, shutil.rmtree, folder, ignore_errors=True)  # runs at the end of the program too
    return bundle


def list_bundles() -> list[str]:
    """Names of the models that ship inside the package, sorted; each opens with `open_bundle(name)`."""
    return sorted(card.parent.name for card in WEIGHTS.glob(f"*/{CARD}"))


def locate(model: str | PathLike[str] | None) -> Path:
    """The folder or zip that `model` means."""
    bundled = list_bundles()
    if model is None:
        if DEFAULT not in bundled:
            raise ModelError("this installation has no bundled model", remedy="name a model bundle (--model PATH)")
        return WEIGHTS / DEFAULT
    if isinstance(model, str) and model in bundled:
        return WEIGHTS / model
    path = Path(model)
    try:
        if path.is_dir():
            return path
        if not path.is_file():  # also keeps FIFOs and devices from being opened
            known = ", ".join(bundled) or "none here"
            raise ModelError(
                "no such model bundle", path=path, remedy=f"give a folder, a zip or a bundled name ({known})"
            )
        if path.suffix.lower() not in PICKLES and zipfile.is_zipfile(path):
            return path
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ModelError(f"cannot be read ({error})", path=path) from None
    pickled = path.suffix.lower() in PICKLES
    what = "pickled weights, which are never loaded" if pickled else "not a model bundle: neither a folder nor a zip"
    raise ModelError(what, path=path, remedy="make a bundle with `colorizegan export`")


def read_folder(folder: Path, *, shown: Path) -> Bundle:
    """Verify the bundle that lies in `folder`; errors name its files below `shown`."""
    try:
        raw = read_card(folder / CARD)
        card = parse_card(raw, folder / CARD)
        digest = hashlib.sha256(raw)
        for name, expected in sorted(card.files.items()):
            if hash_file(folder / name) != expected:
                raise ModelError("does not match its SHA-256 in card.json", path=folder / name, remedy=AGAIN)
            digest.update(bytes.fromhex(expected))
        check_model_files(folder / GRAPH, folder / TENSORS)
    except ModelError as error:
        raise ModelError(
            error.reason, path=shown / Path(error.path or CARD).name, remedy=error.remedy or AGAIN
        ) from None
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror})", path=shown / Path(error.filename or CARD).name) from None
    return Bundle(shown, card, folder / GRAPH, digest.hexdigest())


def read_card(path: Path) -> bytes:
    if not path.is_file():
        raise ModelError(
            "is missing, so this is not a model bundle", path=path, remedy="make one with `colorizegan export`"
        )
    if path.stat().st_size > MAX_CARD_BYTES:
        raise ModelError("is larger than 1 MiB", path=path)
    return path.read_bytes()


def hash_file(path: Path) -> str:
    """SHA-256 of a file, hex; ModelError where it is missing."""
    if not path.is_file():
        raise ModelError("is missing, though card.json names it", path=path)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def parse_card(raw: bytes, path: Path) -> Card:
    """card.json -> Card; ModelError naming the entry that is missing or wrong. Unknown entries are ignored."""
    try:
        entries = json.loads(raw)
    except (ValueError, RecursionError):
        raise ModelError("is not JSON", path=path) from None
    if not isinstance(entries, dict):
        raise ModelError("is not a JSON object", path=path)
    if entries.get("schema") != 1:
        known = f"has schema {entries.get('schema')!r}; this version reads schema 1"
        raise ModelError(known, path=path, remedy="use a matching version of colorizegan")

    def want(good: bool, what: str) -> None:
        if not good:
            raise ModelError(f"its entry {what}", path=path)

    def entry(parent: Mapping[str, Any], name: str, kind: type) -> Any:
        value = parent.get(name)
        want(isinstance(value, kind) and type(value) is not bool, f"`{name}` is missing or not a {kind.__name__}")
        return value

    network = entry(entries, "network", dict)
    multiple, size = entry(network, "multiple", int), entry(entries, "working_size", int)
    want(1 <= multiple <= 512, f"`multiple` is {multiple}, not 1 to 512")
    want(16 <= size <= 4096, f"`working_size` is {size}, not 16 to 4096")
    bins = entry(entries, "ab_bins", list)
    want(
        1 <= len(bins) <= 4096 and all(is_pair(pair) for pair in bins), "`ab_bins` is not a list of [a, b] in Lab units"
    )
    temperature: Any = entries.get("temperature")
    want(is_number(temperature) and 0 < temperature <= 100, f"`temperature` is {temperature!r}, not a number over 0")
    chroma: Any = entries.get("chroma", 1.0)
    want(is_number(chroma) and 0 < chroma <= 10, f"`chroma` is {chroma!r}, not a number over 0 up to 10")
    detail: Any = entries.get("detail", 1.0)
    want(is_number(detail) and 0.1 <= detail <= 1, f"`detail` is {detail!r}, not a number from 0.1 to 1")
    data = entry(entries, "data", list)
    want(all(isinstance(source, dict) for source in data), "`data` is not a list of objects")
    files = entry(entries, "files", dict)
    want({GRAPH, TENSORS} <= files.keys(), f"`files` does not name {GRAPH} and {TENSORS}")
    for name, sha in files.items():
        want(is_plain_name(name), f"`files` names {name[:100]!r}, which is not a plain file name")
        want(
            isinstance(sha, str) and re.fullmatch("[0-9a-f]{64}", sha) is not None, f"`files` has no SHA-256 for {name}"
        )
    return Card(
        schema=1,
        name=entry(entries, "name", str),
        version=entry(entries, "version", str),
        created=entry(entries, "created", str),
        licence=entry(entries, "licence", str),
        network=Network(entry(network, "generator", str), entry(network, "parameters", int), multiple),
        working_size=size,
        ab_bins=tuple((float(a), float(b)) for a, b in bins),
        temperature=float(temperature),
        detail=float(detail),
        chroma=float(chroma),
        training=entry(entries, "training", dict),
        data=tuple(data),
        metrics=entry(entries, "metrics", dict),
        files=files,
    )


def is_number(value: object) -> bool:
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) < 1 << 53
    return isinstance(value, float) and math.isfinite(value)


def is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(is_number(n) and abs(n) <= 200 for n in value)


def is_plain_name(name: str) -> bool:
    """A file name that stays in its folder on every system."""
    return re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", name) is not None


def unpack(archive: Path, folder: Path) -> None:
    """Unpack the files of a zipped bundle, and nothing else, flat into `folder`.

    The files lie at the top of the zip or in one folder there; any other path in it refuses the whole zip.
    """

    def refuse(what: str) -> ModelError:
        return ModelError(what, path=archive, remedy="fetch or export the bundle again")

    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [info for info in opened.infolist() if not info.is_dir()]
            if len(entries) > MAX_ZIP_ENTRIES:
                raise refuse(f"holds {len(entries)} files, which no bundle does")
            for info in entries:
                parts = info.filename.split("/")
                if len(parts) > 2 or not all(is_plain_name(part) for part in parts):
                    raise refuse(f"holds the path {info.filename[:100]!r}, which no bundle does")
                if info.file_size > MAX_RATIO * info.compress_size + MAX_CARD_BYTES:
                    raise refuse(f"{info.filename} would unpack to {info.file_size} bytes")
            if len({info.filename.rpartition("/")[0] for info in entries}) > 1:
                raise refuse("holds several folders, which no bundle does")
            if sum(info.file_size for info in entries) > MAX_UNPACKED_BYTES:
                raise refuse(f"would unpack to more than {MAX_UNPACKED_BYTES >> 30} GiB")
            for info in entries:
                with opened.open(info) as source, (folder / Path(info.filename).name).open("xb") as target:
                    copy_exactly(source, target, info.file_size)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError, NotImplementedError, OSError) as error:
        # RuntimeError: encrypted; NotImplementedError: unknown method; OSError: bad bzip2 data, full disk, a name twice
        raise refuse(f"cannot be unpacked ({error})") from None


def copy_exactly(source: Any, target: Any, count: int) -> None:
    """Copy at most the bytes that the zip's directory announced, whatever the compressed data holds."""
    while count > 0 and (chunk := source.read(min(count, 1 << 20))):
        target.write(chunk)
        count -= len(chunk)
