"""What a bundle's card.json says: the network's shape, its colour bins, its answer, where it is from."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from colorizegan.errors import ModelError, UsageError

CARD, GRAPH = "card.json", "model.onnx"
WEIGHTS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")  # the last one, or one of several
# Licences that the Hub knows, and writes in small letters.
SPDX = ("MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CC-BY-4.0")


def weight_names(count: int) -> list[str]:
    """The names of the files that hold the weights of a bundle, where there are so many."""
    if count == 1:
        return ["model.safetensors"]
    return [f"model-{number:05d}-of-{count:05d}.safetensors" for number in range(1, count + 1)]


@dataclass(frozen=True)
class Architecture:
    """What the card says of the network's shape."""

    generator: str
    """Name of the architecture in training/networks."""
    parameters: int
    """Count of weights."""
    multiple: int
    """Height and width of the network's input are multiples of this, px."""


@dataclass(frozen=True)
class Calibration:
    """What the network's doubt is worth, found on photos that it was not trained on."""

    temperature: float
    """T that sharpens the distribution before its entropy is taken."""
    right: tuple[float, ...]
    """Share of places whose colour was right, 0..1, at 1 - entropy / log Q of 0 .. 1 in equal steps."""


AS_IT_SAYS = Calibration(1.0, (0.0, 1.0))
"""Of a network that was not calibrated: 1 - entropy / log Q itself."""


@dataclass(frozen=True)
class Card:
    """card.json, schema 1."""

    schema: int
    name: str
    version: str
    created: str
    """ISO date."""
    licence: str
    network: Architecture
    working_size: int
    """Shorter side of the network's input by default, px."""
    ab_bins: tuple[tuple[float, float], ...]
    """Centres of the Q colour bins of `logits`, Lab units; a single one where the network knows no distribution."""
    files: Mapping[str, str]
    """File name -> SHA-256, hex."""
    temperature: float = 1.0
    """Of the annealed mean over the bins (Zhang et al. 2016, eq. 5)."""
    detail: float = 1.0
    """Share of the working size that photos are reduced to first, 0..1: how soft a picture the network is used to."""
    chroma: float = 1.0
    """Factor on ab that the graph applies last."""
    correction: float = 1.0
    """Share of the second head's correction in the graph's answer, 0..1; see `training.networks.answer`."""
    adjustment: float = 0.0
    """Power of the prior that the distribution is divided by before its mean; see `color.rarity`."""
    contrast: float = 0.0
    """Power of (chroma / MIDDLE) that ab are multiplied by before `chroma`."""
    confidence: Calibration = AS_IT_SAYS
    """Of `Prediction.confidence`."""
    training: Mapping[str, Any] = field(default_factory=dict)
    data: tuple[Mapping[str, Any], ...] = ()
    """Data sets trained on: name, count, licence."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """Scores, and under `command` what made them."""

    @property
    def weights(self) -> list[str]:
        """Names of the files that hold the weights, in order."""
        return sorted(name for name in self.files if WEIGHTS.fullmatch(name))

    @property
    def has_distribution(self) -> bool:
        """Whether the network tells how likely every colour is: confidence, proposals and more come from that."""
        return len(self.ab_bins) > 1

    @property
    def spreads_hints(self) -> bool:
        """Whether the network was trained to spread a person's hints by itself, by what it sees (Zhang et al. 2017)."""
        return self.network.generator == "zhang17"

    def need_distribution(self, to: str) -> None:
        """UsageError where the network cannot do what takes a distribution."""
        if not self.has_distribution:
            what = f"the model {self.name} cannot {to}: it gives colours alone, and not how likely others are"
            raise UsageError(what, remedy="use another model, such as default")


def parse_card(raw: bytes, path: Path) -> Card:
    """card.json -> Card; ModelError naming the entry that is missing or wrong. Unknown entries are ignored."""
    try:
        entries = json.loads(raw)
    except (ValueError, RecursionError):
        raise ModelError("is not JSON", path=path) from None
    if not isinstance(entries, dict):
        raise ModelError("is not a JSON object", path=path)
    if entries.get("schema") != 1:
        known = f"has schema {entries.get('schema')!r}; this version reads schema 1"
        raise ModelError(known, path=path, remedy="use a matching version of colorizegan")

    def want(good: bool, what: str) -> None:
        if not good:
            raise ModelError(f"its entry {what}", path=path)

    def entry(parent: Mapping[str, Any], name: str, kind: type) -> Any:
        value = parent.get(name)
        want(isinstance(value, kind) and type(value) is not bool, f"`{name}` is missing or not a {kind.__name__}")
        return value

    network = entry(entries, "network", dict)
    multiple, size = entry(network, "multiple", int), entry(entries, "working_size", int)
    want(1 <= multiple <= 512, f"`multiple` is {multiple}, not 1 to 512")
    want(16 <= size <= 4096, f"`working_size` is {size}, not 16 to 4096")
    bins = entry(entries, "ab_bins", list)
    pairs = all(isinstance(pair, list) and len(pair) == 2 for pair in bins)
    inside = pairs and all(is_number(n) and abs(n) <= 200 for pair in bins for n in pair)
    want(inside and 1 <= len(bins) <= 4096, "`ab_bins` is not a list of [a, b] in Lab units")
    temperature: Any = entries.get("temperature")
    want(is_number(temperature) and 0 < temperature <= 100, f"`temperature` is {temperature!r}, not a number over 0")
    chroma: Any = entries.get("chroma", 1.0)
    want(is_number(chroma) and 0 < chroma <= 10, f"`chroma` is {chroma!r}, not a number over 0 up to 10")
    answer: dict[str, Any] = {"correction": 1.0, "adjustment": 0.0, "contrast": 0.0}
    for name, most in (("correction", 1), ("adjustment", 10), ("contrast", 10)):
        answer[name] = entries.get(name, answer[name])
        want(
            is_number(answer[name]) and 0 <= answer[name] <= most,
            f"`{name}` is {answer[name]!r}, not a number from 0 to {most}",
        )
    detail: Any = entries.get("detail", 1.0)
    want(is_number(detail) and 0.1 <= detail <= 1, f"`detail` is {detail!r}, not a number from 0.1 to 1")
    calibration = AS_IT_SAYS
    if "confidence" in entries:
        told = entry(entries, "confidence", dict)
        sharp, right = told.get("temperature"), entry(told, "right", list)
        want(is_number(sharp) and 0 < sharp <= 100, f"`confidence` has the temperature {sharp!r}, not a number over 0")
        shares = 2 <= len(right) <= 1000 and all(is_number(share) and 0 <= share <= 1 for share in right)
        want(shares and right == sorted(right), "`confidence` has a list `right` that is not of rising shares 0 to 1")
        calibration = Calibration(float(sharp), tuple(float(share) for share in right))
    data = entry(entries, "data", list)
    want(all(isinstance(source, dict) for source in data), "`data` is not a list of objects")
    files = entry(entries, "files", dict)
    weights = sorted(name for name in files if WEIGHTS.fullmatch(name))
    whole = GRAPH in files and weights and weights == weight_names(len(weights))
    want(bool(whole), f"`files` does not name {GRAPH} and model.safetensors, or all its parts")
    for name, sha in files.items():
        want(is_plain_name(name), f"`files` names {name[:100]!r}, which is not a plain file name")
        hexadecimal = isinstance(sha, str) and re.fullmatch("[0-9a-f]{64}", sha)
        want(bool(hexadecimal), f"`files` has no SHA-256 for {name}")
    return Card(
        schema=1,
        name=entry(entries, "name", str),
        version=entry(entries, "version", str),
        created=entry(entries, "created", str),
        licence=entry(entries, "licence", str),
        network=Architecture(entry(network, "generator", str), entry(network, "parameters", int), multiple),
        working_size=size,
        ab_bins=tuple((float(a), float(b)) for a, b in bins),
        temperature=float(temperature),
        detail=float(detail),
        chroma=float(chroma),
        **{name: float(value) for name, value in answer.items()},
        confidence=calibration,
        training=entry(entries, "training", dict),
        data=tuple(data),
        metrics=entry(entries, "metrics", dict),
        files=files,
    )


def is_number(value: object) -> bool:
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) < 1 << 53
    return isinstance(value, float) and math.isfinite(value)


def is_plain_name(name: str) -> bool:
    """A file name that stays in its folder on every system."""
    return re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", name) is not None


def write_page(card: Card, entries: Mapping[str, Any], repository: str, digest: str) -> str:
    """README.md: front matter as the Hub reads it, then what card.json (`entries`) says, in Markdown."""
    licence = card.licence.lower() if card.licence in SPDX else "other"
    lines = ["---", f"license: {licence}"]
    if licence == "other":
        lines.append(f"license_name: {quoted(card.licence)}")
    lines += ["library_name: colorizegan", "pipeline_tag: image-to-image", "tags:", "- colorization", "- onnx", "---"]
    size = f"{card.network.parameters:,} weights, shorter side of the input {card.working_size} px"
    lines += [
        "",
        f"# {one_line(card.name)} {one_line(card.version)}",
        "",
        f"Colours for black-and-white photos: a network for ColorizeGAN ({one_line(card.network.generator)}, {size}).",
        "",
        "```",
        f"colorizegan models get hf:{repository}",
        f"colorizegan colorize PHOTO.jpg --model {repository.partition('/')[2]}",
        "```",
        "",
        f"Made on {one_line(card.created)}. Licence: {one_line(card.licence)}. SHA-256 of the model: `{digest}`.",
    ]
    if card.data:
        lines += ["", "## Trained on", "", "| photos | count | licence |", "|---|---|---|"]
        lines += [row(source.get("name"), source.get("count"), source.get("licence")) for source in card.data]
    scores = {key: value for key, value in card.metrics.items() if isinstance(value, int | float)}
    if scores:
        lines += ["", "## Scores", "", "| | |", "|---|---|"]
        lines += [row(key, f"{value:g}") for key, value in scores.items()]
        if isinstance(card.metrics.get("command"), str):
            lines += ["", "Measured by:", "", "```", one_line(card.metrics["command"]), "```"]
    notes = entries.get("limits")
    if isinstance(notes, str):
        lines += ["", "## What it cannot do", "", one_line(notes)]
    return "\n".join(lines) + "\n"


def row(*cells: object) -> str:
    return f"| {' | '.join(one_line(cell).replace('|', '/') for cell in cells)} |"


def one_line(value: object) -> str:
    """A text of a card in one line, without what Markdown or HTML would take for its own."""
    text = " ".join(str("" if value is None else value).split())
    return text.replace("<", "&lt;").replace("`", "'")


def quoted(text: str) -> str:
    return "'" + " ".join(text.split()).replace("'", "''") + "'"
