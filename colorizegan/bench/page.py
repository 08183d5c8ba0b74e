"""The report of a test as one HTML page that needs nothing else: tables, plots, contact sheets, a slider."""

import base64
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorizegan.bench.charts import Series, chart
from colorizegan.bench.entrants import BASELINES
from colorizegan.bench.measures.calibration import risk_curve
from colorizegan.bench.measures.pixels import AB_BINS, AB_LIMIT
from colorizegan.bench.metrics import GROUPS, METRICS, Metric
from colorizegan.bench.report import ARROWS, Report, described
from colorizegan.bench.statistics import Score

Groups = list[tuple[str, list[int]]]
"""Heading of a contact sheet and the photos on it, by their place in the report."""

_SIDE = 640  # px; larger pictures are embedded smaller


def choose_photos(report: Report, each: int = 4, drawn: int = 8) -> Groups:
    """Which photos to show: per entrant the best, median and worst `each` by CIEDE2000; of two entrants those where the
    second is furthest behind the first; then `drawn` at random."""
    rivals = [name for name in report.scores if name not in BASELINES]
    groups: Groups = []
    count = len(report.keys)
    for name in rivals:
        order = np.argsort(report.columns[name]["ciede2000"], kind="stable")
        middle = max(0, (count - each) // 2)
        for title, part in (
            ("best", order[:each]),
            ("median", order[middle : middle + each]),
            ("worst", order[::-1][:each]),
        ):
            groups.append((f"{name}: {title}", [int(i) for i in part]))
    if len(rivals) == 2:
        first, second = (report.columns[name]["ciede2000"] for name in rivals)
        behind = np.argsort(first - second, kind="stable")[:each]
        groups.append((f"{rivals[1]} furthest behind {rivals[0]}", [int(i) for i in behind]))
    lot = np.random.default_rng(report.seed).permutation(count)[:drawn]
    groups.append(("random", sorted(int(i) for i in lot)))
    return groups


def report_page(report: Report, groups: Groups, pictures: Callable[[int], Mapping[str, NDArray[np.uint8]]]) -> str:
    """The page as text.

    groups: from `choose_photos`. pictures: place of a photo -> {"input": ..., entrant: ..., "truth": ...}, (H, W) or
    (H, W, 3) uint8, the input first.
    """
    rivals = [name for name in report.scores if name not in BASELINES]
    shown = sorted({index for _, indices in groups for index in indices})
    places = {index: place for place, index in enumerate(shown)}
    data = {
        "names": ["input", *rivals, "truth"],
        "groups": [{"title": title, "photos": [places[i] for i in indices]} for title, indices in groups],
        "photos": [
            {
                "key": report.keys[index],
                "figures": {name: f"{report.columns[name]['ciede2000'][index]:.1f}" for name in ("gray", *rivals)},
                "pictures": {
                    name: data_uri(rgb, _SIDE, "jpeg", quality=88, subsampling=0)
                    for name, rgb in pictures(index).items()
                },
            }
            for index in shown
        ],
    }
    verdicts = "".join(f"<li>{escape(line)}</li>" for line in report.verdicts())
    values = {
        "title": escape(report.title),
        "text": escape(report.protocol.text),
        "notes": "".join(f'<p class="note">{escape(note)}</p>' for note in report.notes),
        "tables": "".join(_table(report, group) for group in GROUPS),
        "resamples": str(report.resamples),
        "seed": str(report.seed),
        "verdicts": f"<ul>{verdicts}</ul>"
        if verdicts
        else f"<p>{'Too few photos to say.' if rivals else 'Only baselines.'}</p>",
        "charts": "".join(
            f"<figure><figcaption>{escape(title)}</figcaption>{svg}</figure>" for title, svg in _charts(report, rivals)
        ),
        "command": f"<pre>{escape(report.command)}</pre>" if report.command else "",
        "facts": "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in described(report)) + "</ul>",
        # no < at all: a photo may be called </script> or <!--
        "data": json.dumps(data).replace("<", "\\u003c"),
    }
    page = files("colorizegan.bench").joinpath("page.html").read_text(encoding="utf-8")
    head, *rest = page.split("{{")
    return head + "".join(values[name] + text for name, _, text in (part.partition("}}") for part in rest))


def _table(report: Report, group: str) -> str:
    metrics = [METRICS[name] for name in report.metrics if METRICS[name].group == group]
    if not metrics:
        return ""
    best = {metric.name: _best(report, metric) for metric in metrics}
    heads = "".join(
        f'<th title="{escape(m.source)}">{escape(m.label)} {ARROWS[m.better]}<small>{escape(m.unit)}&nbsp;</small></th>'
        for m in metrics
    )
    rows: list[str] = []
    for name, scores in report.rows(metrics).items():
        cells = "".join(_cell(scores.get(m.name), m, name in best[m.name]) for m in metrics)
        kind = "baseline" if name in BASELINES else "rival"
        rows.append(f'<tr class="{kind}"><td>{escape(name)}</td>{cells}</tr>')
    head = f"<thead><tr><th>entrant</th>{heads}</tr></thead>"
    return f'<h3>{escape(group)}</h3><div class="scroll"><table>{head}<tbody>{"".join(rows)}</tbody></table></div>'


def _best(report: Report, metric: Metric) -> set[str]:
    """The best entrants that are no baselines; nobody where only one takes part."""
    rivals = {n: s[metric.name].value for n, s in report.scores.items() if n not in BASELINES and metric.name in s}
    if len(rivals) < 2:
        return set()
    if metric.better == "truth":
        if metric.name not in report.scores["truth"]:
            return set()
        target = report.scores["truth"][metric.name].value
        rivals = {name: -abs(value - target) for name, value in rivals.items()}
    top = (min if metric.better == "lower" else max)(rivals.values())
    return {name for name, value in rivals.items() if value == top}


def _cell(score: Score | None, metric: Metric, best: bool) -> str:
    if score is None:
        return "<td>-</td>"
    figures = (score.value, score.low, score.high)
    value, low, high = (f"{round(v, metric.digits) + 0.0:.{metric.digits}f}" for v in figures)
    interval = f"<small>{low} .. {high}</small>" if score.low == score.low else "<small>&nbsp;</small>"
    return f"<td{' class=best' if best else ''}>{value}{interval}</td>"


def _charts(report: Report, rivals: Sequence[str]) -> list[tuple[str, str]]:
    thresholds = np.arange(AB_LIMIT + 1)
    found: list[tuple[str, str]] = []
    for title, which in (("AuC, all pixels alike", 0), ("AuC, colours rebalanced", 1)):
        lines = [
            Series(name, thresholds, 100 * np.cumsum(curve[which])[:-1] / curve[which].sum(), quiet=name in BASELINES)
            for name, curve in report.curves.items()
            if name != "truth"
        ]
        found.append((title, chart(title, "ab error, Lab units", "pixels within, %", lines)))
    found.append(("How colourful the pixels are", _chroma_chart(report)))
    title = "CIEDE2000 of each photo"
    gray = report.columns["gray"]["ciede2000"]
    clouds = [
        Series(name, gray, report.columns[name]["ciede2000"], points=True, quiet=not rivals)
        for name in (rivals or ["mean colour"])
    ]
    found.append((title + " (below the line: better than gray)", chart(title, "gray", "entrant", clouds, square=True)))
    title = "Colourfulness of each photo"
    clouds = [
        Series(name, report.columns[name]["cf_truth"], report.columns[name]["cf"], points=True)
        for name in (rivals or ["another photo"])
    ]
    found.append((title, chart(title, "truth", "entrant", clouds, square=True)))
    return found + _confidence_charts(report)


def _confidence_charts(report: Report) -> list[tuple[str, str]]:
    """Reliability and risk-coverage of the entrants that tell their confidence."""
    totals = {
        name: {key: columns[key].sum(0) for key in ("reliability", "by_confidence", "by_error")}
        for name, columns in report.columns.items()
        if "reliability" in columns
    }
    if not totals:
        return []
    lines: list[Series] = []
    for name, table in totals.items():
        cells, sure, hits = np.moveaxis(table["reliability"][table["reliability"][:, 0] > 0], -1, 0)
        lines.append(Series(name, 100 * sure / cells, 100 * hits / cells))
    title = "Calibration (below the line: too sure)"
    x = "confidence, %"
    found = [(title, chart(title, x, "colours within 15 Lab units, %", lines, square=True))]
    lines = []
    for name, table in totals.items():
        lines.append(Series(name, *risk_curve(table["by_confidence"][::-1])))
        lines.append(Series(f"{name}: perfect", *risk_curve(table["by_error"]), quiet=True, dashed=True))
    title = "Risk against coverage"
    found.append((title, chart(title, "share kept, most confident first", "mean ab error, Lab units", lines)))
    return found


def _chroma_chart(report: Report) -> str:
    """Share of the set's pixels by chroma, in steps of 10 Lab units, from the ab histograms."""
    side = math.isqrt(AB_BINS)
    a, b = np.divmod(np.arange(AB_BINS), side)
    ring = np.rint(np.hypot(a - side // 2, b - side // 2)).astype(np.intp)
    lines: list[Series] = []
    for name, curve in report.curves.items():
        share = np.bincount(ring, weights=curve.colours)[:10] / curve.colours.sum()
        lines.append(Series(name, 10 * np.arange(10), 100 * share, quiet=name in BASELINES, dashed=name == "truth"))
    return chart("How colourful the pixels are", "chroma, Lab units", "pixels, %", lines)


def data_uri(picture: NDArray[np.uint8], longest: int, format: str, **options: Any) -> str:
    """A picture (H, W) or (H, W, 3) inside of a page, its longer side at most `longest` px; options: as for Pillow."""
    image = Image.fromarray(picture)
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    image.save(data, format, **options)
    return f"data:image/{format};base64,{base64.b64encode(data.getvalue()).decode()}"
