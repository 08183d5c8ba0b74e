"""Shards by URL or pipe: opened by webdataset's own reader, read once, kept as local tar files."""

import hashlib
import re
import tarfile
import zlib
from pathlib import Path
from typing import IO, cast

from colorizegan.errors import DataError, MissingExtraError
from colorizegan.files import atomic_file, remove_leftovers


def is_remote(address: str) -> bool:
    """Whether a source is a URL or a `pipe:` command."""
    return re.match(r"pipe:|[a-z][a-z0-9+]+://", address) is not None


def fetch_shard(address: str, folder: Path) -> Path:
    """A local copy of the shard that webdataset opens at an address; read only if it is not in `folder` yet.

    A copy, because crops are drawn in random order and a resumed run must meet the same photos. address: a URL, or
    `pipe:COMMAND`, whose output is a tar; a shell runs the command, which is the caller's own. MissingExtraError where
    webdataset is not installed, DataError where the address gives no whole tar.
    """
    path = folder / f"{hashlib.sha256(address.encode()).hexdigest()[:16]}.tar"
    if path.exists():
        return path
    try:
        from webdataset.gopen import gopen
    except ModuleNotFoundError:
        what = "a shard by URL or pipe needs webdataset, which is not installed"
        raise MissingExtraError(what, extra="train") from None
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers([path])
    try:
        # As a stream, so that compressed shards come out as plain ones, and one that is cut off is noticed.
        with (
            gopen(address) as stream,
            tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|*") as far,
            atomic_file(path) as file,
            tarfile.open(fileobj=file, mode="w") as tar,
        ):
            for member in far:
                if member.isfile():
                    tar.addfile(member, far.extractfile(member))
    except (OSError, ValueError, EOFError, tarfile.TarError, zlib.error) as error:
        raise DataError(f"cannot be read as a tar shard ({error})", path=address) from None
    return path
