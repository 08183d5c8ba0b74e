"""The ledger of a run on many machines: written by one process, also where files cannot be appended to."""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from colorizegan.batch.jobs import Job
from colorizegan.batch.ledger import NAME, Entry, Ledger, as_line
from colorizegan.scale.parts import PART, adopt_parts, part_name, write_rows
from colorizegan.scale.storage import Storage, local

PIECE = 100_000  # lines of a ledger elsewhere, which is written anew for each that is added; then the next piece begins
UNSENT = 10_000  # lines that may be on this machine alone, as parts hold them too


class RunLedger:
    """What earlier runs say of the results in the folder `root`, and where this one notes its own.

    Parts that a lost process left are brought in. `spool` is a folder of this machine for a ledger elsewhere; `run` is
    the name of this run in its parts.
    """

    def __init__(self, root: Path, elsewhere: Storage | None, spool: Path, run: str) -> None:
        self.root, self.elsewhere, self.run = root, elsewhere, run
        self.storage = elsewhere or local()
        self.folder = root if elsewhere is None else spool
        self.pieces = list[Path]()
        self.sent: list[int] = []  # blocks whose parts can go once the lines are there
        self.lines = self.unsent = 0
        if elsewhere is not None:
            self.bring()
        self.ledger = Ledger(self.folder, read=False)
        self.adopt()
        self.ledger = Ledger(self.folder)
        if self.pieces:
            self.ledger.path = self.pieces[-1]

    def bring(self) -> None:
        """Copy the ledger here."""
        for name in self.storage.texts(self.root):
            if name.startswith(NAME) and name.endswith(".jsonl") and not PART.fullmatch(name):
                self.storage.fetch(self.root / name, self.folder / name)
        numbered = (self.folder / (f"{NAME}.{n}.jsonl" if n > 1 else f"{NAME}.jsonl") for n in itertools.count(1))
        self.pieces = list(itertools.takewhile(Path.exists, numbered)) or [self.folder / f"{NAME}.jsonl"]
        if self.pieces[-1].exists():
            with self.pieces[-1].open("rb") as file:
                self.lines = sum(1 for _ in file)

    def adopt(self) -> dict[str, Entry]:
        """Bring in what parts say; the last line of each result."""
        return adopt_parts(self.storage, self.root, self.write)

    def earlier(self, job: Job) -> str:
        """What earlier runs say of a result, as a line; "" where they say nothing."""
        place = self.ledger.known.get(self.name_of(job.target))
        found = None if place is None else self.ledger.entry_at(place)
        return "" if found is None else as_line(found).decode()

    def name_of(self, target: Path) -> str:
        """A result's name in the ledger."""
        return Path(os.path.relpath(target, self.root)).as_posix()

    def note(self, block: int, entries: Sequence[Entry]) -> None:
        """Note what became of a block; its part is not needed any more."""
        self.write(*entries)
        self.sent.append(block)
        if self.elsewhere is None or self.unsent >= UNSENT:
            self.publish()

    def write(self, *entries: Entry) -> None:
        """Add lines. OutputError where they cannot be written."""
        if entries:
            self.ledger.add(*entries)
            self.lines += len(entries)
            self.unsent += len(entries)

    def publish(self) -> None:
        """Send the ledger to where it belongs, if that is not here, and remove the parts that it holds."""
        if self.elsewhere is not None and self.unsent:
            with self.ledger.path.open("rb") as file:
                self.storage.put(self.root / self.ledger.path.name, file)
            if self.lines >= PIECE:
                self.ledger.close()
                self.pieces.append(self.folder / f"{NAME}.{len(self.pieces) + 1}.jsonl")
                self.ledger.path, self.lines = self.pieces[-1], 0
        self.unsent = 0
        for block in self.sent:
            self.storage.remove(self.root / part_name(self.run, block))
        self.sent.clear()

    def close(self) -> None:
        """The end of a run: all is sent, and written as rows too."""
        self.publish()
        self.ledger.close()
        if any(self.folder.glob(f"{NAME}*.jsonl")):
            write_rows(self.folder, self.storage, self.root / f"{NAME}.parquet")
