"""The report of a test: JSON and Markdown tables, per-photo figures. `page.py` makes the HTML."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colorizegan.bench.entrants import BASELINES
from colorizegan.bench.measures.pixels import Curve
from colorizegan.bench.metrics import GROUPS, METRICS, Metric
from colorizegan.bench.protocols import Protocol
from colorizegan.bench.statistics import Difference, Score
from colorizegan.errors import OutputError

ARROWS = {"higher": "↑", "lower": "↓", "truth": "→ truth"}


@dataclass(frozen=True)
class Report:
    """Everything that a test found. No time and no machine name: the same test gives the same report."""

    protocol: Protocol
    complete: bool
    """Whether all photos of the protocol were used."""
    keys: list[str]
    """The photos, in order."""
    data_digest: str
    mean_ab: tuple[float, float]
    mean_ab_source: str
    command: str
    resamples: int
    seed: int
    versions: dict[str, str]
    facts: dict[str, dict[str, str | float | int]]
    """What each entrant is."""
    scores: dict[str, dict[str, Score]]
    """Entrant -> metric -> figure, baselines first."""
    curves: dict[str, Curve]
    differences: list[Difference]
    """Paired differences that involve at least one entrant that is not a baseline."""
    columns: dict[str, dict[str, NDArray[np.float64]]]
    """Entrant -> column -> per-photo values, (n,) or, of histograms, (n, ...)."""
    notes: list[str] = field(default_factory=list)
    """What a reader must know before using a figure."""

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics that at least one entrant has, in the order of METRICS."""
        return [name for name in METRICS if any(name in scores for scores in self.scores.values())]

    @property
    def title(self) -> str:
        part = "" if self.complete else f", first {len(self.keys)} photos only"
        return f"{self.protocol.name} ({len(self.keys)} photos{part})"

    def rows(self, metrics: Sequence[Metric]) -> dict[str, dict[str, Score]]:
        """The entrants that have at least one of these metrics, and their scores."""
        return {name: scores for name, scores in self.scores.items() if any(m.name in scores for m in metrics)}

    def verdicts(self) -> list[str]:
        """One line per pair of entrants: which differences the intervals show to be real, which not."""
        lines: list[str] = []
        for pair in dict.fromkeys((d.first, d.second) for d in self.differences):
            sides: dict[str, list[str]] = {pair[0]: [], pair[1]: [], "": []}
            for d in self.differences:
                if (d.first, d.second) != pair:
                    continue
                metric = METRICS[d.metric]
                value, low, high = (f"{v:+.{metric.digits}f}" for v in (d.value, d.low, d.high))
                text = f"{metric.label} {value} [{low}, {high}]"
                winner = d.first if (d.value > 0) == (metric.better == "higher") else d.second
                sides[winner if d.real else ""].append(text if d.real else metric.label)
            parts = [f"{name} is better in {', '.join(texts)}" for name, texts in sides.items() if name and texts]
            if sides[""]:
                parts.append(f"no real difference in {', '.join(sides[''])}")
            lines.append(f"{pair[0]} - {pair[1]}: {'; '.join(parts)}.")
        return lines


def report_json(report: Report) -> str:
    """The report as JSON, schema 1; figures are [value, low, high], rounded to 6 decimals."""
    # Share of pixels within each threshold 0..150, of all alike and rebalanced.
    shares = {name: [np.cumsum(part)[:-1] / part.sum() for part in curve[:2]] for name, curve in report.curves.items()}
    document = {
        "schema": 1,
        "protocol": {"name": report.protocol.name, "text": report.protocol.text, "source": report.protocol.source},
        "photos": len(report.keys),
        "complete": report.complete,
        "data_sha256": report.data_digest,
        "command": report.command,
        "settings": {
            "resamples": report.resamples,
            "seed": report.seed,
            "interval": "95 %, percentile bootstrap over photos, paired",
            "mean_colour_ab": [round(v, 4) for v in report.mean_ab],
            "mean_colour_from": report.mean_ab_source,
            "rebalanced_by": "ab bin frequency of this test set, bins of 10 Lab units, not smoothed",
        },
        "notes": report.notes,
        "versions": report.versions,
        "metrics": {
            name: {"label": m.label, "better": m.better, "unit": m.unit, "source": m.source}
            for name, m in ((name, METRICS[name]) for name in report.metrics)
        },
        "entrants": {
            name: {
                "facts": report.facts[name],
                "scores": {metric: _figures(score) for metric, score in scores.items()},
                "within_raw": shares[name][0].round(6).tolist(),
                "within_rebalanced": shares[name][1].round(6).tolist(),
            }
            for name, scores in report.scores.items()
        },
        "differences": [
            {"first": d.first, "second": d.second, "metric": d.metric, "figures": _figures(d), "real": d.real}
            for d in report.differences
        ],
        "verdicts": report.verdicts(),
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def report_markdown(report: Report) -> str:
    """The report as Markdown: what was tested, a table per group with intervals, the verdicts, the command."""
    lines = [f"# {report.title}", "", f"{report.protocol.text}.", "", *(f"{note}\n" for note in report.notes)]
    for group in GROUPS:
        metrics = [METRICS[name] for name in report.metrics if METRICS[name].group == group]
        if not metrics:
            continue
        head = ["entrant", *(f"{m.label}{f' {m.unit}' if m.unit else ''} {ARROWS[m.better]}" for m in metrics)]
        lines += [f"## {group}", "", f"| {' | '.join(head)} |", f"|---|{'---|' * len(metrics)}"]
        for name, scores in report.rows(metrics).items():
            cells = [_cell(scores.get(m.name), m.digits) for m in metrics]
            label = f"*{name}*" if name in BASELINES else f"**{name}**"
            lines.append(f"| {label.replace('|', '/')} | {' | '.join(cells)} |")
        lines.append("")
    lines += ["Each cell: figure, then its 95 % interval (bootstrap over photos). *Baselines* in italics.", ""]
    if verdicts := report.verdicts():
        lines += [*(f"- {verdict}" for verdict in verdicts), ""]
        lines += ["Differences are first minus second, over the same photos; not corrected for their number.", ""]
    lines += [f"- {line}" for line in described(report)]
    if report.command:
        lines += ["", f"    {report.command}"]
    return "\n".join(lines) + "\n"


def described(report: Report) -> list[str]:
    """What took part and with which settings, a line each."""
    rivals = {name: facts for name, facts in report.facts.items() if name not in BASELINES}
    return [
        *(f"{name}: {', '.join(f'{key} {value}' for key, value in facts.items())}" for name, facts in rivals.items()),
        f"mean colour: a {report.mean_ab[0]:.2f}, b {report.mean_ab[1]:.2f}, of {report.mean_ab_source}",
        f"photos: {len(report.keys)}, SHA-256 {report.data_digest}",
        f"bootstrap: {report.resamples} resamples, seed {report.seed}",
        *([f"source of the protocol: {report.protocol.source}"] if report.protocol.source else []),
    ]


def photos_csv(report: Report) -> str:
    """The per-photo columns of every entrant as CSV; empty where an entrant does not have a column."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    everyone = report.columns.values()
    names = list(dict.fromkeys(name for columns in everyone for name in columns if columns[name].ndim == 1))
    writer.writerow(["entrant", "photo", *names])
    for entrant, columns in report.columns.items():
        for index, key in enumerate(report.keys):
            cells = [f"{columns[name][index]:.6g}" if name in columns else "" for name in names]
            writer.writerow([entrant, key, *cells])
    return text.getvalue()


def write_files(folder: Path, texts: Mapping[str, str]) -> None:
    """Write the parts of a report into a folder, which is made where it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise OutputError(f"the report cannot be written ({error})", path=folder) from None


def _figures(figure: Score | Difference) -> list[float | None]:
    values = (figure.value, figure.low, figure.high)
    return [round(value, 6) if math.isfinite(value) else None for value in values]


def _cell(score: Score | None, digits: int) -> str:
    if score is None:
        return "-"
    interval = f" [{score.low:.{digits}f}, {score.high:.{digits}f}]" if math.isfinite(score.low) else ""
    return f"{round(score.value, digits) + 0.0:.{digits}f}{interval}"  # + 0.0: no minus before a rounded zero
