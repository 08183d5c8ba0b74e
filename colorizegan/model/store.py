"""Models that the user has added or fetched, by name: each a folder in the user's data folder, with its files.

`entry.json` in it says what is known of the model, and the SHA-256 that its files had when they came.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from os import PathLike
from pathlib import Path

from colorizegan.errors import InputError, ModelError, OutputError, UsageError, nearest
from colorizegan.files import ABANDONED, sha256_of_file
from colorizegan.model.bundle import PICKLES, added_names, list_bundles, open_bundle, store_folder
from colorizegan.model.card import CARD, is_plain_name
from colorizegan.model.facts import facts_of
from colorizegan.model.foreign import data_files

ENTRY = "entry.json"
KNOWN_ENTRIES = {"layout", "size", "multiple", "fit", "licence", "source"}


@dataclass(frozen=True)
class Entry:
    """A model that is kept."""

    name: str
    file: str
    """The ONNX file or zip among the files; empty for the folder of a bundle."""
    files: Mapping[str, str]
    """File name -> SHA-256, hex, when it was added."""
    licence: str
    source: str
    """Where it is from: an address, or `hf:OWNER/NAME@COMMIT`."""
    facts: Mapping[str, str | int] = field(default_factory=dict)
    """Of an ONNX file: what was said of it, such as `fit`, and the layout and size that it was found to have."""
    asked: str = ""
    """As `models get` was asked for it; empty where files were added."""
    added: str = ""
    """ISO date."""

    @property
    def path(self) -> Path:
        """What `--model` would be given without the store: an ONNX file, a zip or a folder."""
        return store_folder() / self.name / self.file

    @property
    def is_foreign(self) -> bool:
        """Whether it is another project's ONNX file."""
        return self.file.lower().endswith(".onnx")

    def check(self) -> None:
        """ModelError where a file is missing or is not what it was when it was added."""
        for name, expected in self.files.items():
            path = store_folder() / self.name / name
            again = f"run `colorizegan models remove {self.name}`, then add it again"
            if not path.is_file():
                raise ModelError(f"is missing, though the model {self.name} needs it", path=path, remedy=again)
            if sha256_of_file(path) != expected:
                raise ModelError(f"has changed since it was added as {self.name}", path=path, remedy=again)


def list_entries() -> list[Entry]:
    """All models that are kept, by name, without those whose entry is damaged."""
    entries: list[Entry] = []
    for name in added_names():
        with suppress(ModelError):
            entries += [entry] if (entry := find_entry(name)) else []
    return entries


def find_entry(model: str | PathLike[str] | None) -> Entry | None:
    """The model that was added by this name, or fetched as `hf:...`; None for a name that ships, or of none."""
    if not isinstance(model, str) or model in list_bundles():
        return None
    if model.startswith("hf:"):
        return next((entry for entry in list_entries() if entry.asked == model), None)
    path = store_folder() / model / ENTRY
    return read_entry(path) if is_name(model) and path.is_file() else None


def read_entry(path: Path) -> Entry:
    """An entry.json; ModelError where it is damaged."""
    try:
        entry = Entry(**json.loads(path.read_text("utf-8")))
        texts = (entry.name, entry.file, entry.licence, entry.source, entry.asked, entry.added)
        good = all(isinstance(text, str) for text in texts) and entry.name == path.parent.name
        good = good and all(isinstance(sha, str) and is_plain_name(name) for name, sha in entry.files.items())
        good = good and (not entry.file or entry.file in entry.files)
        if not (good and isinstance(entry.facts, dict) and entry.facts.keys() <= KNOWN_ENTRIES):
            raise ValueError
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        remedy = f"run `colorizegan models remove {path.parent.name}`"
        raise ModelError("is damaged", path=path, remedy=remedy) from None
    return entry


def is_name(name: str) -> bool:
    ending = Path(name).suffix.lower()
    return is_plain_name(name) and ending not in {".onnx", ".zip", *PICKLES}


def check_new_name(name: str) -> None:
    """UsageError for a name that no model may have, or that one has."""
    if not is_name(name):
        raise UsageError(f"{name!r} is no name for a model", remedy="use letters, digits, dots, - and _")
    if name in list_bundles():
        raise UsageError(f"{name} is the name of a model that ships", remedy="give another name")
    if (store_folder() / name).exists():
        remedy = f"give another name, or run `colorizegan models remove {name}`"
        raise UsageError(f"there is a model {name} already", remedy=remedy)


def entry_of_files(name: str, files: Sequence[Path], facts: Mapping[str, str | int]) -> tuple[Entry, list[Path]]:
    """What would be kept of these files, and all of them: the weights and facts beside an ONNX file are found.

    files: an ONNX file, perhaps with others that belong to it; or one bundle, a folder or zip. facts: what is said of
    the ONNX file, over what its name and the TOML beside it say. InputError, ModelError, UsageError.
    """
    check_new_name(name)
    for file in files:
        if file.suffix.lower() in PICKLES:
            remedy = f"make a bundle of it first: colorizegan convert {file.name} -o BUNDLE"
            raise ModelError("is pickled weights, which are never kept", path=file, remedy=remedy)
        if not file.exists():
            raise InputError("no such file", path=file)
    main = [file for file in files if file.suffix.lower() == ".onnx"]
    if len(files) == 1 and not main:
        refuse_facts(facts)
        card = open_bundle(files[0]).card
        folder = files[0].is_dir()
        found = [files[0] / file for file in (CARD, *card.files)] if folder else [*files]
        source = str(card.training.get("source", ""))
        return Entry(name, "" if folder else files[0].name, hashes(found), card.licence, source), found
    if len(main) != 1:
        raise UsageError(f"{len(main)} ONNX files among {len(files)}", remedy="give one, or one bundle")
    beside = [*data_files(main[0]), main[0].with_name(f"{main[0].name}.toml")]
    found = list(dict.fromkeys(file for file in [*files, *beside] if file.is_file()))
    wrong = next((file for file in found if not is_plain_name(file.name)), None)
    if wrong is not None:
        raise ModelError("has a name that cannot be kept", path=wrong, remedy="use letters, digits, dots, - and _")
    known = facts_of(main[0], facts)
    return Entry(name, main[0].name, hashes(found), known.licence, known.source, dict(facts)), found


def refuse_facts(facts: Mapping[str, str | int]) -> None:
    """UsageError where anything is said of the layout of a bundle."""
    if facts:
        what = f"{', '.join(facts)} of a bundle cannot be given"
        raise UsageError(what, remedy="leave it out: its card says all that")


def hashes(files: Sequence[Path]) -> dict[str, str]:
    return {file.name: sha256_of_file(file) for file in files}


def keep(entry: Entry, files: Sequence[Path]) -> Entry:
    """Write an entry and copies of its files, whole or not at all.

    OutputError where it cannot be written, ModelError where a file changed meanwhile.
    """
    check_new_name(entry.name)
    entry = replace(entry, added=date.today().isoformat())
    root = store_folder()
    try:
        root.mkdir(parents=True, exist_ok=True)
        for left in root.glob(".*"):  # of a call that was killed
            if time.time() - left.stat().st_mtime > ABANDONED:
                shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=".", dir=root))
        try:
            for file in files:
                shutil.copyfile(file, folder / file.name)
                if sha256_of_file(folder / file.name) != entry.files[file.name]:
                    raise ModelError("changed while it was copied", path=file, remedy="try again")
            (folder / ENTRY).write_text(json.dumps(asdict(entry), indent=1) + "\n", "utf-8")
            folder.chmod(0o755)
            folder.rename(root / entry.name)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"cannot be written ({error.strerror})", path=root / entry.name) from None
    return entry


def remove(name: str) -> None:
    """Delete a model that was added or fetched: the copies of its files. The originals stay.

    UsageError where there is no such model, OutputError where it cannot be deleted.
    """
    folder = store_folder() / name
    if not is_name(name) or not (folder / ENTRY).is_file():
        names = added_names()
        remedy = nearest(name, names, f"added are: {', '.join(names) or 'none'}")
        raise UsageError(f"there is no added model {name!r}", remedy=remedy)
    try:
        (folder / ENTRY).unlink()  # first: what is half deleted is no model any more
        shutil.rmtree(folder)
    except OSError as error:
        raise OutputError(f"cannot be deleted ({error.strerror})", path=folder) from None
