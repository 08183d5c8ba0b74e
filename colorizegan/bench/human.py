"""The human test: which of two pictures is the real photo? Its page, the answers, and the fooled rate.

As Zhang 2016 (section 3.1) and Isola 2017 (section 4.1): an observer sees the real photo and a colorized version of it
for a second each, one after the other, and then says which was real. The fooled rate is the share of answers that take
the colorized one for real; 50 % means that nobody can tell. The page (`human.html`) is one file that needs nothing
else; it gives its answers back as a file of JSON lines.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from importlib.resources import files
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colorizegan.bench.entrants import BASELINES, Entrant, open_entrant
from colorizegan.bench.page import data_uri
from colorizegan.bench.protocols import Protocol, find_protocol, gray_of, open_photos, prepare
from colorizegan.bench.scoring import other_colours_of
from colorizegan.color.lab import lab_of
from colorizegan.data.photoset import PhotoSet
from colorizegan.errors import DataError, OutputError, UsageError
from colorizegan.files import write_atomic

CHECK = "another photo"  # shows whether observers look: with the colours of another photo few are fooled
CHECK_EVERY = 10  # trials
PRACTICE_SHARE = 4  # a trial of practice for so many that count, as 10 for 40 in the papers
LARGEST = 512  # px, longer side of what is shown, without loss: nothing but its colours tells a picture from the other
SHOWN = 1000  # ms that each picture is seen, as in the papers


@dataclass(frozen=True)
class Trial:
    """One photo and whose version of it is shown beside it."""

    entrant: str
    photo: int
    """Its place in the test set."""
    practice: bool
    """Not counted; the observer is told whether the answer was right."""


@dataclass(frozen=True)
class Answer:
    """One line of a file of answers."""

    session: str
    observer: str
    protocol: str
    entrant: str
    photo: str
    real_first: bool
    choice: int
    """1: the first picture was taken for the real one; 2: the second."""
    practice: bool
    milliseconds: int
    """From the end of the second picture to the answer."""
    time: str
    """UTC, ISO 8601."""

    @property
    def fooled(self) -> bool:
        """The colorized picture was taken for the real one."""
        return (self.choice == 1) != self.real_first


@dataclass(frozen=True)
class Rate:
    """The fooled rate of one entrant, with its 95 % interval (Wilson 1927, without continuity correction), 0..1."""

    entrant: str
    fooled: int
    answers: int
    observers: int
    low: float
    high: float


def write_human_test(
    protocol: str,
    data: Path | str,
    entrants: Mapping[str, str],
    page: Path,
    *,
    names: Path | None = None,
    trials: int = 40,
    seed: int = 0,
    shown: int = SHOWN,
) -> int:
    """Write the page of a human test under a named protocol; returns how many pairs a person sees, practice included.

    protocol, data, entrants, names: as for `evaluate.evaluate`. trials: pairs that count; a quarter as many come before
    them as practice, and every tenth is a check of attention (`CHECK`). seed: another one draws other photos. shown: ms
    that each picture is seen. Raises UsageError where photos or entrants are too few, OutputError.
    """
    chosen = find_protocol(protocol)
    if clash := [name for name in entrants if name in BASELINES]:
        raise UsageError(f"entrant name {clash[0]!r} is a baseline's", remedy="choose another name")
    photos = open_photos(chosen, data, names=names)
    drawn = draw_trials(len(photos.keys), list(entrants), trials, seed)
    rivals = {name: open_entrant(spec, photos) for name, spec in entrants.items()}
    content = {
        "protocol": chosen.name,
        "shown": shown,
        "trials": [
            {
                "entrant": trial.entrant,
                "photo": photos.keys[trial.photo],
                "practice": trial.practice,
                "pictures": [
                    data_uri(picture, LARGEST, "webp", lossless=True) for picture in pair(trial, photos, chosen, rivals)
                ],
            }
            for trial in drawn
        ],
    }
    # no < at all: a photo may be called </script> or <!--
    text = json.dumps(content).replace("<", "\\u003c")
    template = files("colorizegan.bench").joinpath("human.html").read_text(encoding="utf-8")
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(page, template.replace("{{content}}", text).encode())
    except OSError as error:
        raise OutputError(f"the page cannot be written ({error})", path=page) from None
    return len(drawn)


def draw_trials(photos: int, entrants: Sequence[str], trials: int, seed: int) -> list[Trial]:
    """Which photos are shown in whose version, practice first; no photo twice. The same seed draws the same.

    The page shuffles the trials that count for every session, so that checks come unforeseen.
    """
    practice = trials // PRACTICE_SHARE
    total = practice + trials
    if not entrants:
        raise UsageError("a human test needs somebody to judge", remedy="name one with --entrant NAME=PATH")
    if trials < 1 or total > photos:
        text = f"{trials} trials and {practice} of practice need {total} photos, {photos} are here"
        raise UsageError(text, remedy=f"use --trials {max(1, photos * PRACTICE_SHARE // (PRACTICE_SHARE + 1))}")
    order = np.random.default_rng(seed).permutation(photos)[:total]
    checks = range(practice + CHECK_EVERY - 1, total, CHECK_EVERY)
    turns = cycle(entrants)
    return [
        Trial(CHECK if place in checks else next(turns), int(photo), place < practice)
        for place, photo in enumerate(order)
    ]


def pair(
    trial: Trial, photos: PhotoSet, protocol: Protocol, rivals: Mapping[str, Entrant]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The real photo and the version of the trial's entrant, (H, W, 3) sRGB each."""
    key = photos.keys[trial.photo]
    real = prepare(photos.read(key), protocol)
    gray = gray_of(lab_of(real))
    if trial.entrant == CHECK:
        return real, other_colours_of(photos, protocol, (trial.photo + 1) % len(photos.keys), gray)
    return real, rivals[trial.entrant].colorize(key, gray).rgb


def rates(answers: Sequence[Answer]) -> list[Rate]:
    """Fooled rates by entrant in the order of their first answer, the check last; practice does not count."""
    from scipy.stats import binomtest  # heavy, and only needed here

    counted = [answer for answer in answers if not answer.practice]
    names = sorted(dict.fromkeys(answer.entrant for answer in counted), key=lambda name: name == CHECK)
    found: list[Rate] = []
    for name in names:
        own = [answer for answer in counted if answer.entrant == name]
        fooled = sum(answer.fooled for answer in own)
        observers = len({answer.observer or answer.session for answer in own})
        interval = binomtest(fooled, len(own)).proportion_ci(0.95, "wilson")
        found.append(Rate(name, fooled, len(own), observers, float(interval.low), float(interval.high)))
    return found


def table(answers: Sequence[Answer]) -> str:
    """The rates as Markdown."""
    lines = ["| entrant | fooled % | 95 % interval | fooled / answers | observers |", "|---|---|---|---|---|"]
    for rate in rates(answers):
        name = f"*{rate.entrant}* (check)" if rate.entrant == CHECK else f"**{rate.entrant}**".replace("|", "/")
        interval = f"{100 * rate.low:.1f} .. {100 * rate.high:.1f}"
        share = f"{100 * rate.fooled / rate.answers:.1f}"
        lines.append(f"| {name} | {share} | {interval} | {rate.fooled} / {rate.answers} | {rate.observers} |")
    lines += ["", "50 % = cannot be told from real photos. Wilson interval; it takes all answers for independent."]
    return "\n".join(lines) + "\n"


def read_answers(paths: Sequence[Path]) -> list[Answer]:
    """The answers of several files; one that is in two of them counts once.

    Raises DataError for a file that cannot be read, with the number of a line that is no answer.
    """
    types = {field.name: field.type for field in fields(Answer)}
    answers: list[Answer] = []
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"the answers cannot be read ({error})", path=path) from None
        for number, line in enumerate(lines, start=1):
            try:
                entry = json.loads(line)
            except ValueError:
                entry = None
            if not isinstance(entry, dict) or {name: type(value) for name, value in entry.items()} != types:
                raise DataError(f"line {number} is no answer of a human test", path=path, remedy="give another file")
            answers.append(Answer(**entry))
    return list(dict.fromkeys(answers))
