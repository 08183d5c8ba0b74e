"""A set of photos to test on: a folder tree or a tar, read one photo at a time."""

import hashlib
import io
from pathlib import Path, PurePosixPath

from PIL import Image, ImageOps

from colorizegan.data.decode import read_bytes
from colorizegan.data.layouts import SUFFIXES, PhotoFile, tar_members
from colorizegan.errors import DataError


class PhotoSet:
    """The photos of a folder (and its sub-folders) or of an uncompressed tar, in the order of their file names.

    The order is by file name, then by folder, so that a flat copy and a copy in class folders give the same selection.
    `keys` are paths without suffix. Reading is thread-safe.

    Raises DataError where there is no such folder or tar, no photo in it, or two photos of one key.
    """

    def __init__(self, source: Path | str) -> None:
        self.source = Path(source)
        places: dict[str, PhotoFile] = {}
        if self.source.is_dir():
            files = (p for p in self.source.rglob("*") if p.is_file())
            found = ((p.relative_to(self.source).as_posix(), str(p), 0, -1) for p in files)  # -1: all of it
        elif self.source.is_file():
            found = ((name, str(source), offset, size) for name, offset, size in tar_members(self.source))
        else:
            raise DataError("no such folder or tar of photos", path=source, remedy="give it with --data")
        for name, file, offset, size in found:
            path = PurePosixPath(name)
            if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
                continue
            key = str(path.with_suffix(""))
            if key in places:
                raise DataError(f"two photos are named {key}", path=source, remedy="keep one of them")
            places[key] = PhotoFile(key, file, offset, size)
        if not places:
            raise DataError("no photos found", path=source, remedy="give a folder or an uncompressed tar of photos")
        self._places = places
        self.keys = sorted(places, key=lambda key: (PurePosixPath(key).name, key))

    def select(self, keys: list[str], what: str = "listed photos") -> None:
        """Keep only these keys, in this order. Photos are found by key, else by name without the folder.

        Raises DataError that counts what is missing and names the first.
        """
        by_name: dict[str, str] = {}
        for key in self.keys:
            name = PurePosixPath(key).name
            by_name[name] = "" if name in by_name else key  # a name of two photos says nothing
        chosen = [key if key in self._places else by_name.get(PurePosixPath(key).name, "") for key in keys]
        missing = [key for key, found in zip(keys, chosen, strict=True) if not found]
        if missing:
            text = f"{len(missing)} of {len(keys)} {what} are missing, the first is {missing[0]}"
            raise DataError(text, path=self.source)
        self.keys = chosen

    def read_bytes(self, key: str) -> bytes:
        """The file of one photo."""
        return read_bytes(self._places[key])

    def read(self, key: str) -> Image.Image:
        """One photo as an upright RGB picture. Raises DataError where it cannot be decoded."""
        try:
            with Image.open(io.BytesIO(self.read_bytes(key))) as image:
                return ImageOps.exif_transpose(image).convert("RGB")  # profiles are not applied
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise DataError(f"photo {key} cannot be read ({error})", path=self.source) from None

    def digest(self) -> str:
        """SHA-256 over the names and files of the selected photos: equal digests, equal data."""
        total = hashlib.sha256()
        for key in self.keys:
            total.update(f"{PurePosixPath(key).name}\n".encode("utf-8", "surrogateescape"))
            total.update(hashlib.sha256(self.read_bytes(key)).digest())
        return total.hexdigest()
