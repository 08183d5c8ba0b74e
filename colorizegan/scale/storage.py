"""File systems elsewhere, of pyarrow or fsspec: what a URL names, what lies there, files that appear whole."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from colorizegan.errors import InputError, MissingExtraError, OutputError, UsageError
from colorizegan.files import CHUNK

# Here a file appears once all of it has arrived, and a rename would copy it; elsewhere it is renamed.
OBJECT_STORES = ("s3", "gcs", "gs", "abfs", "abfss", "az", "oss", "r2", "s3a")


@dataclass(frozen=True)
class Storage:
    """A file system. Places in it are absolute paths as if it were mounted at the root."""

    filesystem: Any
    """A pyarrow.fs.FileSystem."""
    prefix: str
    """What stands before a path in messages and the ledger: "s3://"."""
    rooted: bool
    """Whether its own paths begin with a slash."""

    def path(self, place: Path) -> str:
        """A place as the file system has it."""
        return place.as_posix() if self.rooted else place.as_posix().lstrip("/")

    def named(self, place: Path) -> str:
        """A place as the user has it."""
        return f"{self.prefix}{self.path(place)}"

    def real(self, place: Path) -> Path:
        """A place in its one spelling."""
        return Path(os.path.normpath(place))

    def is_dir(self, place: Path) -> bool:
        return self.ask(self.path(place), place).type.name == "Directory"

    def find(self, place: Path) -> Any:
        """The pyarrow.fs.FileInfo of a file; None where there is none. InputError where there is no answer."""
        found = self.ask(self.path(place), place)
        return found if found.is_file else None

    def folder(self, place: Path) -> tuple[list[str], list[str]]:
        """Names of the folders and of the files in a folder, sorted. InputError where it cannot be listed."""
        from pyarrow.fs import FileSelector, FileType

        infos = self.ask(FileSelector(self.path(place), allow_not_found=True), place)
        kinds = (FileType.Directory, FileType.File)
        try:
            names = {kind: [f.base_name for f in infos if f.type == kind] for kind in kinds}
        except UnicodeError as error:  # pyarrow gives names as text only
            remedy = "rename it, or give the folder as a path" if self.prefix else "rename it"
            raise InputError("has a name below it that is not UTF-8", path=self.named(place), remedy=remedy) from error
        return sorted(names[FileType.Directory]), sorted(names[FileType.File])

    def texts(self, place: Path) -> list[str]:
        """Names of the files in a folder, sorted, without those that are not UTF-8, as no ledger's is."""
        from pyarrow.fs import FileSelector, FileType

        names = list[str]()
        for found in self.ask(FileSelector(self.path(place), allow_not_found=True), place):
            with suppress(UnicodeError):
                names += [found.base_name] if found.type == FileType.File else []
        return sorted(names)

    def ask(self, what: Any, place: Path) -> Any:
        """What the file system says of a path, or of all that a selector finds."""
        try:
            return self.filesystem.get_file_info(what)
        except OSError as error:
            why = f"cannot be looked for ({reason(error)})"
            raise InputError(why, path=self.named(place), remedy="see that its file system can be reached") from error

    @contextmanager
    def read(self, place: Path) -> Iterator[Any]:
        """A file, open for reading. InputError where it cannot be read."""
        try:
            with self.filesystem.open_input_stream(self.path(place)) as stream:
                yield stream
        except OSError as error:
            raise InputError(f"cannot be read ({reason(error)})", path=self.named(place)) from error

    def fetch(self, place: Path, target: Path) -> None:
        """Copy a file to this machine. InputError where it cannot be read."""
        with self.read(place) as stream, target.open("wb") as file:
            shutil.copyfileobj(stream, file, CHUNK)

    def put(self, place: Path, file: BinaryIO) -> None:
        """Write a file that appears whole or not at all. OutputError where it cannot be written."""
        fs, path = self.filesystem, self.path(place)
        direct = fs.type_name.rpartition("+")[2] in OBJECT_STORES
        name = f".colorizegan-{secrets.token_hex(6)}.part"
        part = path if direct else self.path(place.with_name(name))
        try:
            if not direct:
                fs.create_dir(self.path(place.parent), recursive=True)
            try:
                with fs.open_output_stream(part) as stream:
                    shutil.copyfileobj(file, stream, CHUNK)
                if not direct:
                    fs.move(part, path)
            except BaseException:
                with suppress(OSError):
                    fs.delete_file(part)
                raise
        except OSError as error:
            raise OutputError(f"cannot be written ({reason(error)})", path=self.named(place)) from error

    def remove(self, place: Path) -> None:
        with suppress(OSError):
            self.filesystem.delete_file(self.path(place))


class LocalStorage(Storage):
    """That of this machine, where a name need not be text for its file to be read."""

    def real(self, place: Path) -> Path:
        return Path(os.path.realpath(place))

    @contextmanager
    def read(self, place: Path) -> Iterator[Any]:
        try:
            with place.open("rb") as stream:
                yield stream
        except OSError as error:
            raise InputError(f"cannot be read ({reason(error)})", path=self.named(place)) from error


def local() -> Storage:
    """The file system of this machine."""
    from pyarrow.fs import LocalFileSystem

    return LocalStorage(LocalFileSystem(), "", os.sep == "/")


def is_url(name: str) -> bool:
    """Whether a name is of a file system elsewhere."""
    return "://" in name


def open_url(url: str) -> tuple[Storage, Path]:
    """The file system that a URL names, and the place in it: pyarrow's own where it has one, else fsspec's.

    Raises:
        UsageError: no such file system is known, or it does not take such a URL.
        MissingExtraError: fsspec knows it, but its package is not installed.
    """
    try:
        import pyarrow
        from pyarrow.fs import FileSystem
    except ImportError as error:
        raise MissingExtraError("file systems elsewhere need the package pyarrow", extra="ray") from error

    scheme = url.partition("://")[0]
    try:
        filesystem, path = FileSystem.from_uri(url)
        return storage_of(filesystem, f"{scheme}://", path)
    except pyarrow.ArrowInvalid as error:
        refused = reason(error)
    except OSError as error:
        raise UsageError(f"the file system of {url!r} does not answer ({reason(error)})") from error
    try:
        from fsspec.core import url_to_fs

        filesystem, path = url_to_fs(url)
    except ImportError as error:
        raise MissingExtraError(f"{scheme}:// needs a package ({reason(error)})", packages="that package") from error
    except (ValueError, OSError) as error:
        what = f"the file system of {url!r} is not known ({reason(error)}; {refused})"
        raise UsageError(what, remedy="give one of pyarrow or fsspec, such as s3:// or gs://") from error
    return storage_of(filesystem, f"{scheme}://", path)


def storage_of(filesystem: Any, prefix: str, path: str) -> tuple[Storage, Path]:
    """A file system of pyarrow or fsspec, and a path of its as a place."""
    from pyarrow.fs import FileSystem, FSSpecHandler, PyFileSystem

    if not isinstance(filesystem, FileSystem):
        filesystem = PyFileSystem(FSSpecHandler(filesystem))
    rooted = path.startswith("/") or path[1:2] == ":"
    return Storage(filesystem, prefix, rooted), Path("/" + path.strip("/") if path[1:2] != ":" else path)


def reason(error: BaseException) -> str:
    """What an error says, on one line and not too long."""
    if (
        isinstance(error, OSError) and error.errno is not None and "[errno" in str(error)
    ):  # pyarrow says all of it twice
        return os.strerror(error.errno)
    return " ".join(str(error).split())[:300]
