"""The model bundle on disk: find it, verify it, read its card. Never a pickle, never code.

A bundle is a folder, or one zip of it, with `card.json` (what the network is, schema 1), `model.onnx` (the graph) and
`model.safetensors` (the weights, to which the graph refers; large ones in several files).
"""

import hashlib
import shutil
import tempfile
import weakref
import zipfile
import zlib
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import platformdirs

from colorizegan.errors import ModelError, nearest
from colorizegan.files import sha256_of_file
from colorizegan.model.card import CARD, GRAPH, Card, is_plain_name, parse_card
from colorizegan.model.verify import check_model_files

WEIGHTS = Path(__file__).parents[1] / "weights"
DEFAULT = "default"


MAX_CARD_BYTES = 1 << 20
MAX_ZIP_ENTRIES = 100  # a bundle has a card, a graph, and weights in a few files
MAX_UNPACKED_BYTES = 2 << 30
MAX_RATIO = 20  # weights hardly compress: a file that grows more than this out of a zip is a bomb
PICKLES = {".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth"}
AGAIN = "fetch or export the bundle again"


@dataclass(frozen=True, eq=False)
class Bundle:
    """A verified bundle. One that came as a zip lies in a private temporary folder for as long as this object lives."""

    path: Path
    """The folder or zip that was opened."""
    card: Card
    onnx: Path
    """model.onnx; the weights lie beside it."""
    digest: str
    """SHA-256, hex, over the card and the hashes of the files: names the exact model."""

    @property
    def ships(self) -> bool:
        """Whether it is a part of the package."""
        return self.path.parent == WEIGHTS


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


def store_folder() -> Path:
    """Where added models are kept: `models` in the user's data folder (`~/.local/share/colorizegan` on Linux)."""
    return platformdirs.user_data_path("colorizegan", appauthor=False) / "models"


def added_names() -> list[str]:
    """Names of the models that were added or fetched, sorted; see store.py."""
    return sorted(filter(is_plain_name, (path.parent.name for path in store_folder().glob("*/entry.json"))))


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
            names = [*bundled, *added_names()]
            known = ", ".join(names) or "none here"
            remedy = f"give a folder, a zip or a name that `colorizegan models` lists ({known})"
            raise ModelError("no such model bundle", path=path, remedy=nearest(str(model), names, remedy))
        if path.suffix.lower() not in PICKLES and zipfile.is_zipfile(path):
            return path
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ModelError(f"cannot be read ({error})", path=path) from None
    pickled = path.suffix.lower() in PICKLES
    what = "pickled weights, which are never loaded" if pickled else "not a model bundle: neither a folder nor a zip"
    maker = "convert" if pickled else "export"
    raise ModelError(what, path=path, remedy=f"make a bundle with `colorizegan {maker}`")


def read_folder(folder: Path, *, shown: Path) -> Bundle:
    """Verify the bundle that lies in `folder`; errors name its files below `shown`."""
    try:
        if not (folder / CARD).is_file():
            remedy = "make one with `colorizegan export`"
            raise ModelError("is missing, so this is not a model bundle", path=folder / CARD, remedy=remedy)
        if (folder / CARD).stat().st_size > MAX_CARD_BYTES:
            raise ModelError("is larger than 1 MiB", path=folder / CARD)
        raw = (folder / CARD).read_bytes()
        card = parse_card(raw, folder / CARD)
        digest = hashlib.sha256(raw)
        for name, expected in sorted(card.files.items()):
            if not (folder / name).is_file():
                raise ModelError("is missing, though card.json names it", path=folder / name)
            if sha256_of_file(folder / name) != expected:
                raise ModelError("does not match its SHA-256 in card.json", path=folder / name, remedy=AGAIN)
            digest.update(bytes.fromhex(expected))
        check_model_files(folder / GRAPH, [folder / name for name in card.weights])
    except ModelError as error:
        path = shown / Path(error.path or CARD).name
        raise ModelError(error.reason, path=path, remedy=error.remedy or AGAIN) from None
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror})", path=shown / Path(error.filename or CARD).name) from None
    return Bundle(shown, card, folder / GRAPH, digest.hexdigest())


def unpack(archive: Path, folder: Path) -> None:
    """Unpack the files of a zipped bundle, and nothing else, flat into `folder`.

    The files lie at the top of the zip or in one folder there; any other path in it refuses the whole zip.
    """

    def refuse(what: str) -> ModelError:
        return ModelError(what, path=archive, remedy=AGAIN)

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
                    left = info.file_size  # at most what the directory announced, whatever the compressed data holds
                    while left > 0 and (chunk := source.read(min(left, 1 << 20))):
                        target.write(chunk)
                        left -= len(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError, NotImplementedError, OSError) as error:
        # RuntimeError: encrypted; NotImplementedError: unknown method; OSError: bad bzip2 data, full disk, a name twice
        raise refuse(f"cannot be unpacked ({error})") from None
