"""Photos elsewhere: from URLs to the plan; names of photos from a Parquet file."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colorizegan.batch.jobs import FolderNames, NameSets
from colorizegan.batch.plan import SUFFIX as EARLIER
from colorizegan.batch.plan import PhotoFolder, Plan, is_input, make_plan, name_results
from colorizegan.data.folders import is_library, is_system
from colorizegan.errors import InputError, MissingExtraError, UsageError
from colorizegan.photo.formats import PHOTO_SUFFIXES, RESULT_SUFFIXES
from colorizegan.scale.storage import Storage, is_url, local, open_url, reason, storage_of

ROWS = 65_536  # of a Parquet file, read at a time


@dataclass(frozen=True)
class Places:
    """The file systems of the photos of a plan and of their results, where not every machine has them as its own."""

    sources: Storage
    results: Storage


def check_alone(names: Sequence[str], shard: str | None, proposals: int | None, *hints: object) -> None:
    """UsageError for what is asked of one machine and not of many, or of one photo."""
    if "-" in names:
        raise UsageError("standard input is of one machine", remedy="leave out --ray")
    if shard is not None:
        raise UsageError("--ray shares the work itself", remedy="leave out --shard")
    if proposals is not None or any(hints):
        raise UsageError("proposals and hints are of single photos", remedy="leave out --ray")


def plan_anywhere(
    inputs: Sequence[str],
    output: str | None,
    *,
    listed: Iterable[str] = (),
    suffix: str | None = None,
    format: str | None = None,
    filesystem: Any = None,
) -> tuple[Plan, Places | None]:
    """As `make_plan`, where inputs and output may be URLs; None with paths, which are the same on all machines.

    Args:
        filesystem: of pyarrow or fsspec; all names are paths in it.

    Raises:
        UsageError: what is asked does not go together, or a file system is not known.
        InputError: a folder is not there.
    """
    rest = iter(listed)
    first = list(itertools.islice(rest, 1))
    listed = itertools.chain(first, rest)
    if filesystem is None and not any(map(is_url, [*inputs, *first, output or ""])):
        return make_plan(inputs, output, listed=listed, suffix=suffix, format=format), None
    if output is None:
        raise UsageError("photos elsewhere need an output", remedy="give a folder as output (-o)")
    if not output.endswith("/") and Path(output).suffix.lower() in PHOTO_SUFFIXES:
        raise UsageError(f"output {output!r} is a file", remedy="give a folder")
    finder = Finder(filesystem)
    results, root = finder.place(output)
    plan = Plan(output_root=root, earlier=suffix or EARLIER)
    photos = finder.photos(inputs, listed, plan)
    assert finder.sources is not None
    same = finder.sources.prefix == results.prefix and finder.sources.filesystem == results.filesystem
    for folder in photos.folders:
        if same and (folder.root == root or root in folder.root.parents):
            what = f"output {output!r} holds the photos themselves, and a result could replace one"
            raise UsageError(what, remedy="give a folder beside or inside theirs")
    name_results(plan, photos, root, root if same else None, suffix or "", format, None, RESULT_SUFFIXES)
    return plan, Places(finder.sources, results)


class Finder:
    """Finds photos in one file system, that of the first name."""

    def __init__(self, filesystem: Any) -> None:
        self.filesystem = filesystem
        self.sources: Storage | None = None

    def place(self, name: str) -> tuple[Storage, Path]:
        """The file system and the place that a name means."""
        if self.filesystem is not None:
            return storage_of(self.filesystem, "", name)
        if is_url(name):
            return open_url(name)
        return local(), Path(name).absolute()

    def source(self, name: str) -> Path:
        """The place of an input. UsageError where it is in another file system than those before it."""
        if self.sources is not None and is_url(name) and name.startswith(self.sources.prefix) and "?" not in name:
            return Path("/" + name.removeprefix(self.sources.prefix).strip("/"))
        storage, place = self.place(name)
        self.sources = self.sources or storage
        if storage != self.sources:
            raise UsageError(f"{name!r} lies in another file system than the photos before it", remedy="one at a time")
        return place

    def photos(self, inputs: Sequence[str], listed: Iterator[str], plan: Plan) -> FolderNames[PhotoFolder]:
        """All photos, each once. What is listed one by one is not looked at: a photo that is not there fails later."""
        photos, seen = FolderNames[PhotoFolder](), NameSets[Path]()
        named, libraries = set[Path](), set[Path]()  # folders that are searched, and those in them that are not

        def add(folder: PhotoFolder, names: Iterable[str]) -> None:
            known = seen.of(folder.place)
            new = [name for name in names if name not in known]
            known.update(new)
            photos.add(folder, new)

        for name in inputs:
            place = self.source(name)
            assert self.sources is not None
            before = len(photos)
            if is_input(place.name, plan) and self.sources.find(place) is not None:
                add(PhotoFolder(place.parent, place.parent, place.parent), [place.name])
            elif not self.sources.is_dir(place):
                raise InputError("is not there", path=name, remedy="name a photo or a folder")
            else:
                named.add(self.sources.real(place))
                for folder, found in search(self.sources, place, plan, libraries):
                    add(folder, found)
            if len(photos) == before:
                plan.empty.append(self.sources.named(place))
        if libraries and self.sources is not None:  # some may be named too, in whatever spelling
            left = (place for place in libraries if self.sources.real(place) not in named)
            plan.libraries = {self.sources.named(p) for p in left if any(search(self.sources, p, plan, set()))}
        home: PhotoFolder | None = None
        for name in listed:
            place = self.source(name)
            if home is None or home.place != place.parent:
                home = PhotoFolder(place.parent, place.parent, place.parent)
            add(home, [place.name])
        return photos


def search(storage: Storage, root: Path, plan: Plan, libraries: set[Path]) -> Iterator[tuple[PhotoFolder, list[str]]]:
    """The photos in a folder and below, a folder at a time; libraries of other programs are only noted."""
    waiting = [root]
    while waiting:
        place = waiting.pop()
        folders, files = storage.folder(place)
        names = [name for name in files if is_input(name, plan)]
        if names:
            yield PhotoFolder(place, place, root), names
        libraries.update(place / name for name in folders if is_library(name))
        waiting += [place / name for name in reversed(folders) if not is_system(name) and not is_library(name)]


def read_parquet(name: str, column: str | None = None) -> Iterator[str]:
    """The names in a column of a Parquet file, here or elsewhere: `path`, or else its only column of text.

    Raises:
        InputError: it cannot be read, or it is not clear which column is meant.
    """
    try:
        import pyarrow
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise MissingExtraError("Parquet needs the package pyarrow", extra="ray") from error
    storage, place = open_url(name) if is_url(name) else (local(), Path(name).absolute())
    try:
        with storage.filesystem.open_input_file(storage.path(place)) as file:
            parquet = ParquetFile(file)
            texts = [field.name for field in parquet.schema_arrow if is_text(field.type)]
            wanted = column or ("path" if "path" in texts or len(texts) != 1 else texts[0])
            if wanted not in texts:
                found = ", ".join(parquet.schema_arrow.names)[:200]
                what = f"has no column {wanted!r} of text, but: {found}"
                raise InputError(what, path=name, remedy="name the column of the photos path")
            for batch in parquet.iter_batches(ROWS, columns=[wanted]):
                yield from (text for text in batch.column(0).to_pylist() if text)
    except (OSError, pyarrow.ArrowInvalid) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"cannot be read ({reason(error)})", path=name) from error


def is_text(kind: Any) -> bool:
    """Whether a type of pyarrow is text, of whatever make."""
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
