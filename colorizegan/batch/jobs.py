"""The jobs of a run, kept small: ten million take a few hundred megabytes, not the gigabytes of as many objects."""

import os
from array import array
from collections.abc import Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

Folder = TypeVar("Folder", bound=Hashable)
END = b"//"  # after a name in memory; a name holds no slash


@dataclass(frozen=True)
class Job:
    """One photo to colorize."""

    source: Path | bytes
    """A file, or what standard input held."""
    target: Path


class FolderNames(Generic[Folder]):
    """Names, each in a folder, in the order in which they were added. Those of a folder are kept as one string."""

    def __init__(self) -> None:
        self.folders: list[Folder] = []
        self.names: list[bytearray] = []
        self.numbers: dict[Folder, int] = {}
        self.order = array("I")  # each name's folder

    def add(self, folder: Folder, names: Iterable[str]) -> None:
        """Add names of a folder: what comes before a slash, or around one, is not empty."""
        number = self.order[-1] if self.order else -1
        if number < 0 or self.folders[number] is not folder:  # comparing folders takes long
            number = self.numbers.setdefault(folder, len(self.folders))
        if number == len(self.folders):
            self.folders.append(folder)
            self.names.append(bytearray())
        for name in names:
            self.names[number] += os.fsencode(name) + END
            self.order.append(number)

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[tuple[Folder, str]]:
        left: dict[int, Iterator[str]] = {}
        for number in self.order:
            if number not in left:
                left[number] = split_names(self.names[number])
            yield self.folders[number], next(left[number])


def split_names(joined: bytearray) -> Iterator[str]:
    """The names that lie in memory one after the other."""
    start = 0
    while (end := joined.find(END, start)) >= 0:
        yield os.fsdecode(bytes(joined[start:end]))
        start = end + len(END)


class Jobs(Collection[Job]):
    """Jobs whose sources are files, in order."""

    def __init__(self) -> None:
        self.pairs: FolderNames[tuple[Path, Path]] = FolderNames()

    def add(self, folders: tuple[Path, Path], source: str, target: str) -> None:
        """A photo and its result by their names in the folders of both; the same tuple for those that follow."""
        self.pairs.add(folders, (source if source == target else f"{source}/{target}",))

    def __len__(self) -> int:
        return len(self.pairs)

    def __iter__(self) -> Iterator[Job]:
        for (source, target), names in self.pairs:
            name, _, other = names.partition("/")
            yield Job(source / name, target / (other or name))

    def __contains__(self, job: object) -> bool:
        return any(job == each for each in self)


class NameSets(Generic[Folder]):
    """A set of names for each folder. That of a folder which is left becomes one string until it is asked for again,
    and stays a set from then on: most folders are gone through once."""

    def __init__(self) -> None:
        self.open: dict[Folder, set[str]] = {}
        self.packed: dict[Folder, bytes] = {}
        self.first: Folder | None = None  # the folder that was not left yet

    def of(self, folder: Folder) -> set[str]:
        """The set of a folder, to look into and to add to."""
        found = self.open.get(folder)
        if found is not None:
            return found
        if self.first is not None:
            self.packed[self.first] = os.fsencode("/".join(self.open.pop(self.first)))
        packed = self.packed.pop(folder, None)
        self.first = folder if packed is None else None
        self.open[folder] = set(os.fsdecode(packed).split("/")) if packed else set()
        return self.open[folder]
