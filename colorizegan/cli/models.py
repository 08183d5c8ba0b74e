"""The commands `models`, `models add`, `models get` and `models remove`. A thin shell, as main.py."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from colorizegan.cli.console import to_stderr, to_stdout
from colorizegan.cli.help import Command
from colorizegan.cli.options import Debug, Json, Quiet
from colorizegan.errors import ColorizeGANError, UsageError

if TYPE_CHECKING:
    from colorizegan.model.bundle import Bundle
    from colorizegan.model.store import Entry

Layout = Annotated[str | None, Option(help="Of an ONNX file: lab, lab-unit, rgb-ab, rgb, rgb-unit or rgb-255.")]
Size = Annotated[int | None, Option(metavar="PX", help="Of an ONNX file: shorter side that it sees.")]
Multiple = Annotated[int | None, Option(metavar="PX", help="Of an ONNX file: its sides are multiples of this.")]
Fit = Annotated[str | None, Option(help="Of an ONNX file: squash (made square) or pad (aspect kept).")]
Yes = Annotated[bool, Option("--yes", "-y", help="Agree to the licence without being asked.")]

SOURCES = 3  # of its training photos that are shown of a model

models = typer.Typer(help="List models; add, fetch and remove others.", invoke_without_command=True)


@models.callback()
def start(
    context: typer.Context,
    measure: Annotated[bool, Option("--measure", help="Run each, and say what it takes on this machine.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List the models that --model takes by name; add, fetch and remove others."""
    if context.invoked_subcommand is None:
        show(as_json, measure)


@models.command(cls=Command)
def add(
    name: Annotated[str, Argument(metavar="NAME", help="What --model will call it.")],
    files: Annotated[
        list[Path], Argument(metavar="FILE...", help="An .onnx file with what belongs to it, or one bundle.")
    ],
    layout: Layout = None,
    size: Size = None,
    multiple: Multiple = None,
    fit: Fit = None,
    licence: Annotated[str | None, Option(help="The licence of its weights.")] = None,
    source: Annotated[str | None, Option(metavar="ADDRESS", help="Where it is from.")] = None,
    yes: Yes = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Copy a model into your data folder, and call it by a name from then on."""
    from colorizegan.model.spec import try_model
    from colorizegan.model.store import check_new_name, entry_of_files, keep

    check_new_name(name)
    facts = given(layout=layout, size=size, multiple=multiple, fit=fit)
    entry, found = entry_of_files(name, files, facts)
    entry = replace(entry, licence=licence or entry.licence, source=source or entry.source)
    if entry.licence == "not stated" and not licence:
        entry = replace(entry, licence=asked_licence(entry))
    agree(entry.name, entry.licence, entry.source, yes or licence is not None)
    known = try_model(next(path for path in found if path.name == entry.file) if entry.file else files[0], facts)
    keep(replace(entry, facts=known), found)
    if not quiet:
        to_stderr(f"added {name}: colorizegan colorize PHOTO --model {name}")


@models.command(cls=Command)
def get(
    address: Annotated[str, Argument(metavar="hf:OWNER/NAME[/FILE][@REVISION]", help="On the Hugging Face Hub.")],
    name: Annotated[str, Option(metavar="NAME", help="What --model will call it. [default: NAME there]")] = "",
    layout: Layout = None,
    size: Size = None,
    multiple: Multiple = None,
    fit: Fit = None,
    yes: Yes = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Fetch a model from the Hugging Face Hub; afterwards it is used without a connection. Needs the extra hub."""
    if quiet or not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # read by huggingface_hub when it is imported
    from colorizegan.model.hub import fetch, look_up
    from colorizegan.model.store import find_entry

    entry = find_entry(address)
    if entry is not None:
        entry.check()
        to_stderr(f"{address} is here already, as {entry.name}")
        return
    offer = look_up(address)
    agree(address, offer.licence, offer.source, yes)
    entry = fetch(offer, name=name, facts=given(layout=layout, size=size, multiple=multiple, fit=fit))
    if not quiet:
        to_stderr(f"fetched {offer.source}: colorizegan colorize PHOTO --model {entry.name}")


@models.command("remove", cls=Command)
def remove_model(
    name: Annotated[str, Argument(metavar="NAME", help="As `models` lists it.")], debug: Debug = False
) -> None:
    """Delete a model that was added or fetched from your data folder."""
    from colorizegan.model.store import remove

    remove(name)


def given(**facts: str | int | None) -> dict[str, str | int]:
    return {key: value for key, value in facts.items() if value is not None}


def asked_licence(entry: Entry) -> str:
    """Ask for a licence that nobody has stated; UsageError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise UsageError(f"nobody has stated the licence of {entry.name}", remedy="say it: --licence NAME")
    return str(typer.prompt(f"the licence of {entry.name}", default="not stated", err=True))


def agree(name: str, licence: str, source: str, yes: bool) -> None:
    """Show licence and source, and ask whether to go on. UsageError for a no, or where nobody can be asked."""
    to_stderr(f"{name}: licence {licence}, from {source or 'these files'}")
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to agree to the licence", remedy="read it, then say --yes")
    if not typer.confirm("use it under this licence?", err=True):
        raise UsageError("the licence was not agreed to")


def show(as_json: bool, measured: bool) -> None:
    """List the models of this installation, then those that were added."""
    from colorizegan.model.bundle import added_names, list_bundles
    from colorizegan.model.cost import measure

    names = [*list_bundles(), *added_names()]
    broken: ColorizeGANError | None = None
    for name in names:
        try:
            facts, lines = model_facts(name)
            cost = measure(name) if measured else None
        except ColorizeGANError as error:  # the others are still to be seen
            if broken is not None:
                to_stderr(f"error: {broken}")
            broken = error
            continue
        if cost is not None:
            facts["measured"] = asdict(cost)
            took = f"opens in {cost.open_seconds:.1f} s, {cost.photo_seconds:.2f} s a photo on {cost.threads} threads"
            lines.insert(-1, f"  {took}, {cost.peak_bytes / 1e6:.0f} MB at most")
        if as_json:
            to_stdout(json.dumps(facts))
        else:
            for line in lines:
                to_stdout(line)
    if not names:
        to_stderr("no models in this installation; name a bundle with --model")
    if broken is not None:
        raise broken


def model_facts(name: str) -> tuple[dict[str, Any], list[str]]:
    """A model that ships or was added, as JSON and in some lines. ModelError where it is damaged."""
    from colorizegan.model.bundle import open_bundle
    from colorizegan.model.store import find_entry

    entry = find_entry(name)
    if entry is None:
        return bundle_facts(name, open_bundle(name), None)
    entry.check()
    return foreign_facts(entry) if entry.is_foreign else bundle_facts(name, open_bundle(entry.path), entry)


def bundle_facts(name: str, bundle: Bundle, entry: Entry | None) -> tuple[dict[str, Any], list[str]]:
    """A bundle, as JSON and in some lines."""
    card, network = bundle.card, bundle.card.network
    text = json.loads((bundle.onnx.parent / "card.json").read_text("utf-8"))
    weights = sum((bundle.onnx.parent / file).stat().st_size for file in card.weights)
    memory = 4 * network.parameters  # half precision on the disk, single precision in memory
    facts: dict[str, Any] = {"bundle": name, "path": str(bundle.path), "digest": bundle.digest, "card": text}
    facts |= {"weights_bytes": weights, "memory_bytes": memory}
    lines = [f"{name}  {card.name} {card.version} of {card.created}, {entry.licence if entry else card.licence}"]
    lines.append(f"  {network.generator}, {network.parameters / 1e6:.1f} M parameters, {card.working_size} px")
    many = f" in {len(card.weights)} files, loaded when they are needed" if len(card.weights) > 1 else ""
    lines.append(f"  weights {weights / 1e6:.1f} MB{many}; {memory / 1e6:.0f} MB of memory")
    if entry is not None:
        facts |= {"source": entry.source, "added": entry.added}
        lines.append(f"  from {entry.source or 'these files'}, added on {entry.added}")
    lines.append(f"  trained on {sources_in_words(card.data)}")
    scores = [f"{key} {value:g}" for key, value in card.metrics.items() if isinstance(value, int | float)]
    lines.append(f"  scores: {', '.join(scores[:8]) or 'none'}")
    return facts, [*lines, f"  sha256 {bundle.digest}"]


def sources_in_words(data: Sequence[Mapping[str, Any]]) -> str:
    """What a model was trained on; of many sources the first."""
    some = ", ".join(f"{source.get('name')} ({source.get('count')})" for source in data[:SOURCES])
    if len(data) <= SOURCES:
        return some or "nothing that the card names"
    return f"{len(data)} sources: {some}, ...; --json names all"


def foreign_facts(entry: Entry) -> tuple[dict[str, Any], list[str]]:
    """Another project's ONNX file, as JSON and in some lines."""
    from colorizegan.model.facts import facts_of

    known = facts_of(entry.path, entry.facts)
    weights = sum((entry.path.parent / name).stat().st_size for name in entry.files)
    facts: dict[str, Any] = {"onnx": entry.name, "path": str(entry.path), "files": dict(entry.files)}
    facts |= {"layout": known.layout, "size": known.size, "licence": entry.licence, "source": entry.source}
    facts |= {"added": entry.added, "weights_bytes": weights}
    return facts, [
        f"{entry.name}  {entry.file} of another project, {entry.licence}",
        f"  layout {known.layout or 'told by its shapes'}, {known.size} px",
        f"  weights {weights / 1e6:.1f} MB",
        f"  from {entry.source or 'these files'}, added on {entry.added}",
        f"  sha256 {entry.files[entry.file]}",
    ]
