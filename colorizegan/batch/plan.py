"""From what the user names (files, folders, patterns) to jobs: which photo becomes which file. Opens no photo."""

from __future__ import annotations

import glob
import hashlib
import itertools
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from colorizegan.errors import InputError, UsageError
from colorizegan.files import fitting_name
from colorizegan.photo.formats import PHOTO_SUFFIXES, RESULT_SUFFIXES, SUFFIXES, UNREAD_SUFFIXES

SUFFIX = ".colorized"
OWN_PICTURES = (".proposals.png", ".confidence.png", ".unsure.png")  # beside results, to look at
# Folders that file systems and network drives fill by themselves: thumbnails, bins, snapshots.
SYSTEM_FOLDERS = {
    "@eadir", "@recycle", "@recently-snapshot", "@tmp", "#recycle", "#snapshot", "$recycle.bin", "__macosx",
    "lost+found", "system volume information", "~snapshot",
}  # fmt: skip


@dataclass(frozen=True)
class Job:
    """One photo to colorize."""

    source: Path | bytes
    """A file, or what standard input held."""
    target: Path


@dataclass
class Plan:
    """All jobs of a run, in order, no source twice and no target twice."""

    jobs: list[Job] = field(default_factory=list[Job])
    empty: list[str] = field(default_factory=list[str])
    """Folders and patterns, as given, in which there was no photo."""
    problems: list[InputError] = field(default_factory=list[InputError])
    """Folders that could not be searched."""
    output_root: Path | None = None
    """The folder that the whole run is about, where its ledger goes; None where single files are named."""
    left_out: Counter[str] = field(default_factory=Counter[str])
    """Endings of pictures in the searched folders whose formats are not read, and how many there are of each."""
    other_shards: int = 0
    """Photos that are left to other shards."""
    known: Collection[str] = field(default_factory=lambda: PHOTO_SUFFIXES)
    """Endings of what is looked for."""


@dataclass(frozen=True)
class FoundPhoto:
    """One photo that an input names."""

    source: Path
    """Its path as the user would write it."""
    place: Path
    """The same with links to folders resolved."""
    root: Path
    """The folder where its tree begins."""


def make_plan(
    inputs: Sequence[str],
    output: str | None = None,
    *,
    listed: Sequence[str] = (),
    suffix: str | None = None,
    format: str | None = None,
    shard: tuple[int, int] | None = None,
    known: Collection[str] = PHOTO_SUFFIXES,
    written: Mapping[str, str] = RESULT_SUFFIXES,
) -> Plan:
    """Find the photos, or the films, and name their results.

    Folders are searched to any depth for names of photos; hidden ones and earlier results (`*.colorized.*`) are left
    out, links to folders are not followed. Without `output` a result lies beside its source as `NAME.colorized.EXT`.
    With a folder as `output` the tree is mirrored into it under the same names, counted from the lowest folder that
    holds all inputs. Where a new format makes two names equal, the second keeps its old extension too: `x.png.jpg`.

    Args:
        inputs: files, folders or patterns (`*`, `?`, `[...]`, `**` for any depth).
        listed: more files and folders, whose names are taken literally.
        output: a folder, or for a single photo a file. What exists decides; else a name that ends like a photo is a
            file, any other a folder.
        suffix: what goes between name and extension; default ".colorized" beside the source, nothing in a folder.
        format: a key of SUFFIXES that all results get; default the source's own, or what comes nearest.
        shard: (i, n) keeps part i of n, 1 <= i <= n: the parts of equal calls are disjoint and together complete. A
            photo's part follows from its path below the lowest common folder, so it is the same on every machine.
        known: endings of what is looked for.
        written: what the result of such an ending ends with, where that is another one.

    Raises:
        UsageError: the arguments contradict each other.
    """
    if suffix is not None and ("/" in suffix or os.sep in suffix or "\0" in suffix):
        raise UsageError(f"suffix {suffix!r} is no part of a file name", remedy="leave out the slash")
    plan = Plan(known=known)
    photos = find_photos([*((name, True) for name in inputs), *((name, False) for name in listed)], suffix, plan)
    single = len(photos) == 1 and not any(is_dir(Path(name)) for name in (*inputs, *listed))
    if output is not None and not is_folder(output, known):
        if not single:
            raise UsageError(f"output {output!r} is a file, but the input is not one photo", remedy="give a folder")
        plan.jobs.append(Job(photos[0].source, file_target(output, format, written)))
        return plan

    if output is not None:  # results of an earlier run in a folder inside the searched one are no inputs
        inside = Path(output).resolve()
        photos = [p for p in photos if not (p.root in inside.parents and inside in p.place.parents)]
    base = Path(os.path.commonpath([photo.root for photo in photos])) if photos else Path()
    between = suffix if suffix is not None else SUFFIX if output is None else ""
    folders = [name for name in (*inputs, *listed) if is_dir(Path(name))]
    plan.output_root = Path(output) if output is not None else Path(folders[0]) if len(folders) == 1 else None
    taken: set[Path] = set()
    for photo in photos:
        folder = photo.source.parent if output is None else Path(output) / photo.place.parent.relative_to(base)
        own = written.get(photo.source.suffix.lower(), photo.source.suffix)
        extension = own if format is None else SUFFIXES[format][0]
        stems = itertools.chain(
            (photo.source.stem, photo.source.name), (f"{photo.source.name}.{n}" for n in itertools.count(2))
        )
        target = next(t for stem in stems if (t := folder / fitting_name(stem, f"{between}{extension}")) not in taken)
        taken.add(target)
        if shard is None or part_of(photo.place.relative_to(base), shard[1]) == shard[0]:
            plan.jobs.append(Job(photo.source, target))
        else:
            plan.other_shards += 1
    return plan


def part_of(path: Path, count: int) -> int:
    """Which of `count` parts a path belongs to, from 1 on: by the hash of its name, so others do not matter."""
    return int.from_bytes(hashlib.sha256(os.fsencode(path.as_posix())).digest()[:8], "big") % count + 1


def parse_shard(text: str) -> tuple[int, int]:
    """`2/8` -> (2, 8); UsageError where that is no part of a whole."""
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    part, count = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= part <= count:
        raise UsageError(f"shard {text!r} is no part of a whole", remedy="give it as 1/4 to 4/4")
    return part, count


def file_target(output: str, format: str | None, written: Mapping[str, str] = RESULT_SUFFIXES) -> Path:
    """The file that `output` names; UsageError where its name says another format, or one that is not written."""
    extension = Path(output).suffix.lower()
    if format is not None and extension not in SUFFIXES[format]:
        raise UsageError(f"output {output!r} does not end like {format}", remedy="leave out one of the two")
    if extension in written:
        what = f"output {output!r} is of a format that is read but not written"
        raise UsageError(what, remedy=f"end it with {written[extension]}")
    return Path(output)


def find_photos(inputs: Sequence[tuple[str, bool]], suffix: str | None, plan: Plan) -> list[FoundPhoto]:
    """All photos that the inputs (name, may be a pattern) mean, each once; what went wrong goes into the plan."""
    photos: dict[Path, FoundPhoto] = {}
    for name, pattern in inputs:
        before = len(plan.problems)
        found = list(find(name, suffix or SUFFIX, pattern, plan))
        if not found and len(plan.problems) == before:
            plan.empty.append(name)
        for photo in found:
            photos.setdefault(photo.place, photo)
    return list(photos.values())


def find(name: str, earlier: str, pattern: bool, plan: Plan) -> Iterator[FoundPhoto]:
    """The photos that one input names; a missing file too, so that it fails by its name."""
    path = Path(name)
    if is_dir(path):
        yield from search(path, path.resolve(), earlier, plan)
    elif pattern and glob.has_magic(name) and not os.path.lexists(path):
        # The tree of a pattern begins where its fixed part ends.
        root = Path(*itertools.takewhile(lambda part: not glob.has_magic(part), path.parts)).resolve()
        for match in sorted(map(Path, glob.iglob(name, recursive=True))):  # noqa: PTH207 (Path.glob takes no absolute)
            if is_dir(match):
                # `**` gives every folder and its files; other patterns mean the folder with all that is in it.
                if "**" not in path.parts:
                    yield from search(match, root, earlier, plan)
            elif is_input(match.name, earlier, plan.known):
                yield FoundPhoto(match, match.parent.resolve() / match.name, root)
    else:
        parent = path.parent.resolve() if "\0" not in name else path.parent
        yield FoundPhoto(path, parent / path.name, parent)


def search(folder: Path, root: Path, earlier: str, plan: Plan) -> Iterator[FoundPhoto]:
    """The photos in a folder and below, in the order of their names."""

    def note(error: OSError) -> None:
        plan.problems.append(InputError(f"cannot be searched ({error.strerror})", path=error.filename))

    for path, folders, files in os.walk(folder, onerror=note):
        folders[:] = sorted(name for name in folders if not is_system(name))
        here = Path(path)
        place = here.resolve()
        for name in sorted(files):
            if is_input(name, earlier, plan.known):
                yield FoundPhoto(here / name, place / name, root)
            elif (ending := Path(name).suffix.lower()) in UNREAD_SUFFIXES and not name.startswith("."):
                plan.left_out[ending] += 1


def is_input(name: str, earlier: str, known: Collection[str]) -> bool:
    """Whether a file of this name, met in a folder or by a pattern, is a photo and nothing that this program made."""
    path = Path(name)
    stem = re.sub(r"~[0-9a-f]{8}(?=\.|$)", "", path.stem)  # of a name that was too long
    is_wanted = path.suffix.lower() in known and not name.startswith(".")
    return is_wanted and not stem.endswith(earlier) and not name.endswith(OWN_PICTURES)


def is_system(folder: str) -> bool:
    """Whether a folder of this name holds no photos of the user: hidden, or made by a system for itself."""
    return folder.startswith(".") or folder.lower() in SYSTEM_FOLDERS


def is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name too long, a NUL in it
        return False


def is_folder(output: str, known: Collection[str] = PHOTO_SUFFIXES) -> bool:
    """Whether the output means a folder: what exists decides, else its name."""
    path = Path(output)
    if output.endswith(("/", os.sep)) or is_dir(path):
        return True
    return not os.path.lexists(path) and path.suffix.lower() not in known


def shown(source: Path | bytes) -> str:
    """A source as it is named in messages."""
    return "standard input" if isinstance(source, bytes) else str(source)


def split_list(raw: bytes, *, nul: bool) -> list[str]:
    """The file names in a list: one a line, or separated by NUL bytes; empty ones are left out."""
    names = raw.split(b"\0") if nul else raw.replace(b"\r\n", b"\n").split(b"\n")
    return [os.fsdecode(name) for name in names if name]
