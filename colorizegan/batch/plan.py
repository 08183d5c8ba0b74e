"""From what the user names (files, folders, patterns) to jobs: which photo becomes which file. Opens no photo."""

import glob
import hashlib
import itertools
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path

from colorizegan.batch.jobs import FolderNames, Job, Jobs, NameSets
from colorizegan.data.folders import is_library, is_system
from colorizegan.data.name_list import unlikely
from colorizegan.errors import InputError, UsageError
from colorizegan.files import file_identity, fitting_name, is_too_long
from colorizegan.photo.formats import PHOTO_SUFFIXES, RESULT_SUFFIXES, SUFFIXES, UNREAD_SUFFIXES

SUFFIX = ".colorized"
LONGEST_SUFFIX = 200  # bytes; the rest of the 255 is for the ending, and for what is left of a long name
SHORTENED = re.compile(r"~[0-9a-f]{8}(?=\.|$)")  # in a name that was too long
OWN_PICTURES = (".proposals.png", ".confidence.png", ".unsure.png")  # beside results, to look at


@dataclass
class Plan:
    """All jobs of a run, in order, no source twice and no target twice."""

    jobs: Collection[Job] = ()
    empty: list[str] = field(default_factory=list[str])
    """Folders and patterns, as given, in which there was no photo."""
    problems: list[InputError] = field(default_factory=list[InputError])
    """Folders that could not be searched."""
    output_root: Path | None = None
    """The folder that the whole run is about, where its ledger goes; None where single files are named."""
    left_out: Counter[str] = field(default_factory=Counter[str])
    """Endings of pictures in the searched folders whose formats are not read, and how many there are of each."""
    libraries: set[str] = field(default_factory=set[str])
    """Folders with photos in the searched ones that are libraries of other programs, which are not searched."""
    other_shards: int = 0
    """Photos that are left to other shards."""
    known: Collection[str] = field(default_factory=lambda: PHOTO_SUFFIXES)
    """Endings of what is looked for."""
    earlier: str = SUFFIX
    """What the names of earlier results end with, which are not looked for."""


@dataclass(frozen=True)
class PhotoFolder:
    """A folder in which photos were found."""

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
    listed: Iterable[str] = (),
    suffix: str | None = None,
    format: str | None = None,
    shard: tuple[int, int] | None = None,
    known: Collection[str] = PHOTO_SUFFIXES,
    written: Mapping[str, str] = RESULT_SUFFIXES,
) -> Plan:
    """Find the photos, or the films, and name their results.

    Folders are searched to any depth for names of photos; hidden ones, libraries of other programs and earlier results
    (`*.colorized.*`) are left out, links to folders are not followed. Without `output` a result lies beside its source
    as `NAME.colorized.EXT`. With a folder as `output` the tree is mirrored into it under the same names, counted from
    the lowest folder that holds all inputs. Where a new format makes two names equal, the second keeps its old
    extension too: `x.png.jpg`.

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
    if len(os.fsencode(suffix or "")) > LONGEST_SUFFIX or is_too_long(output or ""):
        raise UsageError("the suffix or the name of the output is too long", remedy="give a shorter one")
    if "" in (*inputs, output):
        raise UsageError("an input or the output is an empty name", remedy="name a file or a folder")
    for name in (*inputs, output or ""):
        if "://" in name and not os.path.lexists(name):
            raise UsageError(f"{name!r} is a URL", remedy="give files of this machine; colorize --ray takes URLs")
    plan = Plan(known=known, earlier=suffix or SUFFIX)
    named = itertools.chain(((name, True) for name in inputs), ((name, False) for name in listed))
    photos, searched = find_photos(named, plan)
    if output is not None and not is_folder(output, known):
        if len(photos) != 1 or searched:
            what = f"output {output!r} is one file, but the input is a folder or several files"
            raise UsageError(what, remedy="give a folder")
        ((folder, name),) = photos
        plan.jobs = [Job(folder.source / name, file_target(output, format, written))]
        return plan

    between = suffix if suffix is not None else SUFFIX if output is None else ""
    root = None if output is None else Path(output)
    plan.output_root = root or (searched[0] if len(searched) == 1 else None)
    name_results(plan, photos, root, root and root.resolve(), between, format, shard, written)
    return plan


def name_results(
    plan: Plan,
    photos: FolderNames[PhotoFolder],
    output: Path | None,
    inside: Path | None,
    between: str,
    format: str | None,
    shard: tuple[int, int] | None,
    written: Mapping[str, str],
) -> None:
    """Put the jobs into a plan: no target twice, what is of other shards counted. `inside`: the place of the output."""
    left_out: set[PhotoFolder] = set()
    if inside is not None:  # results of an earlier run in a folder inside the searched one are no inputs
        left_out = {f for f in photos.folders if f.root in inside.parents and inside in (f.place, *f.place.parents)}
    roots = {folder.root for folder in photos.folders if folder not in left_out}
    base = Path(os.path.commonpath(roots)) if roots else Path()
    ways = {  # folder of the photos -> with the folder of their results, and where they lie below the base
        folder: ((folder.source, folder.source if output is None else output / below), below.as_posix())
        for folder in photos.folders
        if folder not in left_out
        for below in [folder.place.relative_to(base)]
    }
    jobs, taken = Jobs(), NameSets[Path]()
    for folder, together in itertools.groupby(photos, itemgetter(0)):
        if folder in left_out:
            continue
        folders, below = ways[folder]
        names = taken.of(folders[1])
        for _, name in together:
            target = next(t for t in result_names(name, between, format, written) if t not in names)
            names.add(target)
            if shard is None or part_of(name if below == "." else f"{below}/{name}", shard[1]) == shard[0]:
                jobs.add(folders, name, target)
            else:
                plan.other_shards += 1
    plan.jobs = jobs


def result_names(name: str, between: str, format: str | None, written: Mapping[str, str]) -> Iterator[str]:
    """What the result of a photo may be called; the first that is free is taken."""
    stem, ending = split_ending(name)
    extension = between + (written.get(ending.lower(), ending) if format is None else SUFFIXES[format][0])
    yield fitting_name(stem, extension)
    yield fitting_name(name, extension)
    yield from (fitting_name(f"{name}.{n}", extension) for n in itertools.count(2))


def split_ending(name: str) -> tuple[str, str]:
    """`a.b.jpg` -> ("a.b", ".jpg"), as pathlib has stem and suffix, but faster."""
    dot = name.rfind(".")
    return (name[:dot], name[dot:]) if 0 < dot < len(name) - 1 else (name, "")


def part_of(path: str, count: int) -> int:
    """Which of `count` parts a path (a/b.jpg) belongs to, from 1 on: by its hash, so others do not matter."""
    return int.from_bytes(hashlib.sha256(os.fsencode(path)).digest()[:8], "big") % count + 1


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


def find_photos(inputs: Iterable[tuple[str, bool]], plan: Plan) -> tuple[FolderNames[PhotoFolder], list[Path]]:
    """All photos that the inputs (name, may be a pattern) mean, each once, and those inputs that are folders; what went
    wrong goes into the plan."""
    photos, seen, searched = FolderNames[PhotoFolder](), NameSets[Path](), list[Path]()
    homes: dict[Path, PhotoFolder] = {}
    for name, pattern in inputs:
        if (problem := unlikely(name, listed=not pattern)) is not None:
            plan.problems.append(problem)
            continue
        before, found = len(plan.problems), False
        path = Path(name)
        if is_dir(path):
            searched.append(path)
            batches = search(path, path.resolve(), plan)
        elif pattern and glob.has_magic(name) and not os.path.lexists(path):
            batches = matches(name, plan)
        else:  # a missing file too, so that it fails by its name
            batches = [(home_of(path, homes), [path.name])]
        for folder, names in batches:
            found, known = True, seen.of(folder.place)
            new = [name for name in names if name not in known]
            known.update(new)
            photos.add(folder, new)
        if not found and len(plan.problems) == before:
            plan.empty.append(name)
    if plan.libraries:  # some may be named too, in whatever spelling
        alone = set(homes.values())
        searches = [folder for folder in photos.folders if folder not in alone]
        # A folder in a library that is named does not name all of the library.
        within = {p for f in searches for p in (f.place, *f.place.parents) if p not in f.root.parents}
        named = set(map(file_identity, within))
        plan.libraries = {library for library in plan.libraries if file_identity(Path(library)) not in named}
    return photos, searched


def home_of(path: Path, homes: dict[Path, PhotoFolder]) -> PhotoFolder:
    """The folder of a photo that is named by itself; `homes` are those of the photos before it."""
    folder = homes.get(path.parent)
    if folder is None:
        place = Path(os.path.realpath(path.parent))  # of links in a circle too
        folder = homes[path.parent] = PhotoFolder(path.parent, place, place)
    return folder


def matches(pattern: str, plan: Plan) -> Iterator[tuple[PhotoFolder, list[str]]]:
    """The photos that a pattern names."""
    parts = Path(pattern).parts
    # The tree of a pattern begins where its fixed part ends.
    fixed = tuple(itertools.takewhile(lambda part: not glob.has_magic(part), parts))
    root = Path(*fixed).resolve()
    named = any(is_system(part) or is_library(part) for part in parts[len(fixed) :])
    for match in sorted(map(Path, glob.iglob(pattern, recursive=True))):  # noqa: PTH207 (Path.glob takes no absolute)
        if not named and passes_by(match, len(fixed), plan):
            continue
        if is_dir(match):
            # `**` gives every folder and its files; other patterns mean the folder with all that is in it.
            if "**" not in parts:
                yield from search(match, root, plan)
        elif is_input(match.name, plan):
            yield PhotoFolder(match.parent, match.parent.resolve(), root), [match.name]


def search(folder: Path, root: Path, plan: Plan) -> Iterator[tuple[PhotoFolder, list[str]]]:
    """The photos in a folder and below, in the order of their names."""

    def note(error: OSError) -> None:
        plan.problems.append(InputError(f"cannot be searched ({error.strerror})", path=error.filename))

    for path, folders, files in os.walk(folder, onerror=note):
        libraries = [Path(path, name) for name in folders if is_library(name)]
        plan.libraries |= {str(library) for library in libraries if holds_photos(library, plan)}
        folders[:] = sorted(name for name in folders if not is_system(name) and not is_library(name))
        names = sorted(name for name in files if is_input(name, plan))
        if names:
            yield PhotoFolder(Path(path), Path(path).resolve(), root), names
        for name in files:
            if (ending := split_ending(name)[1].lower()) in UNREAD_SUFFIXES and not name.startswith("."):
                plan.left_out[ending] += 1


def is_input(name: str, plan: Plan) -> bool:
    """Whether a file of this name, met in a folder or by a pattern, is a photo and nothing that this program made."""
    stem, ending = split_ending(name)
    if ending.lower() not in plan.known or name.startswith("."):
        return False
    stem = SHORTENED.sub("", stem)
    return not stem.endswith(plan.earlier) and not name.endswith(OWN_PICTURES)


def holds_photos(folder: Path, plan: Plan) -> bool:
    """Whether there is a photo in a folder or below."""
    return any(is_input(name, plan) for _, _, files in os.walk(folder) for name in files)


def passes_by(match: Path, fixed: int, plan: Plan) -> bool:
    """Whether what a pattern found lies in a folder that no search goes into, below its first `fixed` parts."""
    for number, part in enumerate(match.parts[fixed:], fixed + 1):
        if (is_library(part) or is_system(part)) and is_dir(place := Path(*match.parts[:number])):
            if is_library(part) and (holds_photos(place, plan) if place == match else is_input(match.name, plan)):
                plan.libraries.add(str(place))
            return True
    return False


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
