"""The card of a bundle as a page to read: README.md of a repository on the Hugging Face Hub."""

from collections.abc import Mapping
from typing import Any

from colorizegan.model.card import Card

SPDX = {  # as the Hub writes licences
    "MIT": "mit",
    "Apache-2.0": "apache-2.0",
    "BSD-2-Clause": "bsd-2-clause",
    "BSD-3-Clause": "bsd-3-clause",
    "CC0-1.0": "cc0-1.0",
    "CC-BY-4.0": "cc-by-4.0",
}


def write_page(card: Card, entries: Mapping[str, Any], repository: str, digest: str) -> str:
    """README.md: front matter as the Hub reads it, then what card.json (`entries`) says, in Markdown."""
    licence = SPDX.get(card.licence, "other")
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
    """A row of a table."""
    return f"| {' | '.join(one_line(cell).replace('|', '/') for cell in cells)} |"


def one_line(value: object) -> str:
    """A text of a card in one line, without what Markdown or HTML would take for its own."""
    text = " ".join(str("" if value is None else value).split())
    return text.replace("<", "&lt;").replace("`", "'")


def quoted(text: str) -> str:
    """A text of YAML in one line."""
    return "'" + " ".join(text.split()).replace("'", "''") + "'"
