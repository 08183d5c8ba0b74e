"""The human test: which of two pictures is the real photo? Trials, answers, and the fooled rate with its interval.

As Zhang 2016 (section 3.1) and Isola 2017 (section 4.1): an observer sees the real photo and a colorized version of it
for a second each, one after the other, and then says which was real. The fooled rate is the share of answers that take
the colorized one for real; 50 % means that nobody can tell. `human_server.py` shows it all on a page.
"""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan.bench.entrants import Entrant
from colorizegan.bench.protocols import Protocol, gray_of, prepare
from colorizegan.bench.scoring import other_colours_of
from colorizegan.color.lab import lab_of
from colorizegan.data.photoset import PhotoSet
from colorizegan.errors import DataError, OutputError, UsageError

CHECK = "another photo"  # shows whether observers look: with the colours of another photo few are fooled
CHECK_EVERY = 10  # trials
PRACTICE_SHARE = 4  # a trial of practice for so many that count, as 10 for 40 in the papers
LARGEST = 768  # px, longer side of what is shown


@dataclass(frozen=True)
class Trial:
    """One pair of pictures."""

    entrant: str
    photo: int
    """Its place in the test set."""
    real_first: bool
    practice: bool
    """Not counted; the observer is told whether the answer was right."""


@dataclass(frozen=True)
class Answer:
    """One line of the file of answers."""

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
    """The fooled rate of one entrant, with its 95 % Wilson interval, 0..1."""

    entrant: str
    fooled: int
    answers: int
    observers: int
    low: float
    high: float


class Study:
    """The pictures of a human test and who sees which. Thread-safe.

    trials: how many count in a session; a quarter as many come before them as practice, and every tenth is a check of
    attention (`CHECK`). No photo comes twice in a session. Raises UsageError where photos or entrants are too few.
    """

    def __init__(
        self, photos: PhotoSet, protocol: Protocol, rivals: Mapping[str, Entrant], trials: int = 40, seed: int = 0
    ) -> None:
        count = len(photos.keys)
        self.practice = trials // PRACTICE_SHARE
        if not rivals:
            raise UsageError("a human test needs somebody to judge", remedy="name one with --entrant NAME=PATH")
        if trials < 1 or trials + self.practice > count:
            need = trials + self.practice
            text = f"{trials} trials and {self.practice} of practice need {need} photos, {count} are here"
            raise UsageError(text, remedy=f"use --trials {max(1, count * PRACTICE_SHARE // (PRACTICE_SHARE + 1))}")
        self.photos, self.protocol, self.rivals = photos, protocol, rivals
        self.trials, self.seed = trials, seed

    def session(self, number: int) -> list[Trial]:
        """The trials of the session of that number, practice first; the same number gives the same trials."""
        rng = np.random.default_rng([self.seed, number])
        total = self.practice + self.trials
        order = rng.permutation(len(self.photos.keys))[:total]
        first = rng.permutation(np.arange(total) % 2 == 0)  # the real photo comes first in half of them
        checks = range(self.practice + CHECK_EVERY - 1, total, CHECK_EVERY)
        turns = cycle([*self.rivals][number % len(self.rivals) :] + [*self.rivals][: number % len(self.rivals)])
        shown = [CHECK if i in checks else next(turns) for i in range(total)]
        counted = rng.permutation(np.arange(self.practice, total)).tolist()  # so that checks come unforeseen
        places = [*range(self.practice), *counted]
        return [Trial(shown[p], int(order[i]), bool(first[i]), i < self.practice) for i, p in enumerate(places)]

    def pictures(self, trial: Trial) -> tuple[bytes, bytes]:
        """The two pictures in the order they are shown, as PNG: nothing but the pixels tells them apart."""
        key = self.photos.keys[trial.photo]
        real = prepare(self.photos.read(key), self.protocol)
        gray = gray_of(lab_of(real))
        if trial.entrant == CHECK:
            painted = other_colours_of(self.photos, self.protocol, (trial.photo + 1) % len(self.photos.keys), gray)
        else:
            painted = self.rivals[trial.entrant].colorize(key, gray).rgb
        pair = (real, painted) if trial.real_first else (painted, real)
        return _png(pair[0]), _png(pair[1])


def wilson(successes: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share, 0..1 (Wilson 1927), without continuity correction; (0, 1) for no observation."""
    if total == 0:
        return 0.0, 1.0
    z, share = 1.959963984540054, successes / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * np.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def rates(answers: Sequence[Answer]) -> list[Rate]:
    """Fooled rates by entrant in the order of their first answer, the check last; practice does not count."""
    counted = [answer for answer in answers if not answer.practice]
    names = sorted(dict.fromkeys(answer.entrant for answer in counted), key=lambda name: name == CHECK)
    found: list[Rate] = []
    for name in names:
        own = [answer for answer in counted if answer.entrant == name]
        fooled = sum(answer.fooled for answer in own)
        observers = len({answer.observer or answer.session for answer in own})
        found.append(Rate(name, fooled, len(own), observers, *wilson(fooled, len(own))))
    return found


def table(answers: Sequence[Answer]) -> str:
    """The rates as Markdown."""
    lines = [
        "| entrant | fooled % | 95 % interval | fooled / answers | observers |",
        "|---|---|---|---|---|",
    ]
    for rate in rates(answers):
        name = f"*{rate.entrant}* (check)" if rate.entrant == CHECK else f"**{rate.entrant}**".replace("|", "/")
        interval = f"{100 * rate.low:.1f} .. {100 * rate.high:.1f}"
        share = f"{100 * rate.fooled / rate.answers:.1f}"
        lines.append(f"| {name} | {share} | {interval} | {rate.fooled} / {rate.answers} | {rate.observers} |")
    lines += ["", "50 % = cannot be told from real photos. Wilson interval; it takes all answers for independent."]
    return "\n".join(lines) + "\n"


def append_answer(path: Path, answer: Answer, lock: threading.Lock) -> None:
    """Add one line to the file of answers, safe on disk when this returns. Raises OutputError."""
    line = json.dumps(asdict(answer), ensure_ascii=False) + "\n"
    try:
        with lock, Path(path).open("a", encoding="utf-8", errors="surrogateescape") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OutputError(f"the answer cannot be written ({error})", path=path) from None


def read_answers(path: Path) -> list[Answer]:
    """The answers in a file, none where it does not exist yet. Raises DataError with the number of a wrong line."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataError(f"the answers cannot be read ({error})", path=path) from None
    answers: list[Answer] = []
    types = {field.name: {"bool": bool, "int": int, "str": str}[str(field.type)] for field in fields(Answer)}
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict) or {name: type(value) for name, value in entry.items()} != types:
            raise DataError(f"line {number} is no answer of a human test", path=path, remedy="give another file")
        answers.append(Answer(**entry))
    return answers


def _png(rgb: NDArray[np.uint8]) -> bytes:
    image = Image.fromarray(rgb)
    image.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()
