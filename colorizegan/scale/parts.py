"""The ledgers of a run on many machines: one small part a block of photos, until the run's own ledger has its lines.

A worker notes what it does in the part of its block, beside the results. The run's ledger is written by the process
that the user started, as results come back, and a part is removed when its lines are there. So a part is what is known
of a block whose worker, or that process itself, was lost.
"""

import hashlib
import itertools
import json
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from colorizegan.batch.ledger import NAME, Entry, Ledger, as_entry
from colorizegan.errors import InputError
from colorizegan.files import CHUNK
from colorizegan.scale.storage import Storage

PART = re.compile(rf"{NAME}\.ray-([0-9a-f]{{8}})-(\d+)\.jsonl")
ROWS = 10_000  # of a Parquet file, written at a time


def part_name(run: str, block: int) -> str:
    return f"{NAME}.ray-{run}-{block}.jsonl"


class BlockLedger(Ledger):
    """The part of one block: knows what earlier runs say of its photos, by the result's name, and keeps its lines."""

    def __init__(self, folder: Path, path: Path, earlier: Mapping[str, Entry]) -> None:
        super().__init__(folder, read=False)
        self.path = path
        self.earlier = earlier
        self.lines: list[Entry] = []

    def entry(self, target: Path) -> Entry | None:
        return self.earlier.get(self.name_of(target))

    def add(self, *entries: Entry) -> None:
        super().add(*entries)
        self.lines += entries


def adopt_parts(storage: Storage, folder: Path, write: Callable[..., None]) -> dict[str, Entry]:
    """Write the lines of parts that were left into the ledger, and remove the parts; the last line of each result.

    A result that was written and not yet noted is known by its hash.
    """
    adopted: dict[str, Entry] = {}
    for name in storage.texts(folder):
        if PART.fullmatch(name) is None:
            continue
        lines: dict[str, Entry] = {}
        with storage.read(folder / name) as stream:
            for entry in filter(None, map(as_entry, stream.read().splitlines())):
                lines[entry.output] = entry
        whole = [
            replace(entry, status="done") if entry.status == "writing" else entry
            for entry in lines.values()
            if entry.status != "writing" or hash_of(storage, folder / entry.output) == entry.output_sha256
        ]
        write(*whole)
        adopted |= {entry.output: entry for entry in whole}
        storage.remove(folder / name)
    return adopted


def hash_of(storage: Storage, place: Path) -> str | None:
    """SHA-256 of a file, hex; None where there is none."""
    digest = hashlib.sha256()
    try:
        with storage.read(place) as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
    except InputError:
        return None
    return digest.hexdigest()


def legible(value: Any) -> Any:
    """A value of an entry as a row has it."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return json.dumps(dict(value)) if isinstance(value, Mapping) else value


def write_rows(folder: Path, storage: Storage, place: Path) -> None:
    """Write the last line of each result in a folder's ledger as a row of a Parquet file, by name; settings as JSON.

    Parquet holds valid text only: a byte of a name that is none stands there as \\udcXX, as in the ledger.
    """
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    kinds: dict[str, Any] = {"size": pyarrow.int64(), "mtime_ns": pyarrow.int64()}
    schema = pyarrow.schema([(field.name, kinds.get(field.name, pyarrow.string())) for field in fields(Entry)])
    rows = ({key: legible(value) for key, value in vars(entry).items()} for entry in Ledger(folder).entries())
    with tempfile.TemporaryFile() as spool:
        with ParquetWriter(spool, schema) as writer:
            while some := list(itertools.islice(rows, ROWS)):
                writer.write_table(pyarrow.Table.from_pylist(some, schema=schema))
        spool.seek(0)
        storage.put(place, spool)
