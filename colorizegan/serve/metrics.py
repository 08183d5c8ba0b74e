"""Counts and times of the service as text for Prometheus (exposition format 0.0.4)."""

from __future__ import annotations

import mmap
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path


class Counter:
    """How often something happened, by its labels."""

    kind = "counter"

    def __init__(self, name: str, about: str, labels: Sequence[str] = ()) -> None:
        self.name, self.about, self.labels = name, about, tuple(labels)
        self.values: dict[tuple[str, ...], float] = {} if labels else {(): 0.0}
        self.lock = threading.Lock()

    def add(self, *labels: str, by: float = 1) -> None:
        """Count one more, or `by`."""
        with self.lock:
            self.values[labels] = self.values.get(labels, 0) + by

    def lines(self) -> list[str]:
        """Its samples."""
        with self.lock:
            return [sample(self.name, zip(self.labels, key, strict=True), n) for key, n in sorted(self.values.items())]


class Gauge:
    """What a function says when it is asked."""

    kind = "gauge"

    def __init__(self, name: str, about: str, read: Callable[[], float]) -> None:
        self.name, self.about, self.read = name, about, read

    def lines(self) -> list[str]:
        """Its sample."""
        return [sample(self.name, (), self.read())]


class Histogram:
    """How often a value was at most each of some bounds."""

    kind = "histogram"

    def __init__(self, name: str, about: str, bounds: Sequence[float]) -> None:
        self.name, self.about, self.bounds = name, about, tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0
        self.lock = threading.Lock()

    def add(self, value: float) -> None:
        """Count a value."""
        with self.lock:
            self.counts[bisect_left(self.bounds, value)] += 1
            self.total += value

    def lines(self) -> list[str]:
        """Its samples, each count with those of all lower bounds in it."""
        with self.lock:
            counts, total = list(self.counts), self.total
        found, below = [], 0
        for bound, count in zip((*map(str, self.bounds), "+Inf"), counts, strict=True):
            below += count
            found.append(sample(f"{self.name}_bucket", (("le", bound),), below))
        return [*found, sample(f"{self.name}_sum", (), total), sample(f"{self.name}_count", (), below)]


def sample(name: str, labels: Iterable[tuple[str, str]], value: float) -> str:
    inside = ",".join(f'{key}="{escaped(text)}"' for key, text in labels)
    return f"{name}{{{inside}}} {value:.10g}" if inside else f"{name} {value:.10g}"


def escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def exposition(metrics: Sequence[Counter | Gauge | Histogram]) -> str:
    """All of them as the text that Prometheus reads."""
    found: list[str] = []
    for metric in metrics:
        found += [f"# HELP {metric.name} {metric.about}", f"# TYPE {metric.name} {metric.kind}", *metric.lines()]
    return "\n".join(found) + "\n"


def process_gauges() -> list[Gauge]:
    """Memory and open descriptors of this process, where the system tells (Linux)."""
    if not Path("/proc/self/statm").exists():
        return []

    def memory() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE

    def descriptors() -> float:
        return len(list(Path("/proc/self/fd").iterdir()))

    return [
        Gauge("process_resident_memory_bytes", "Memory that this process holds.", memory),
        Gauge("process_open_fds", "Open file descriptors.", descriptors),
    ]
