"""Write docs/reference.md: every option of every command, of a request, and every setting of training, from the code.

python scripts/write_tables.py [--check]

--check writes nothing and fails where the page differs from the code.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import typer

from colorizegan.cli.main import app
from colorizegan.serve.options import Options
from colorizegan.training import config

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference.md"
HEAD = """# Reference: every option and setting

Written from the code by `python scripts/write_tables.py`; `scripts/check` fails where it is out of date. What they are
for, with examples: [colorize.md](colorize.md), [server.md](server.md), [training.md](training.md),
[evaluation.md](evaluation.md).
"""


def main() -> int:
    """Write or compare; the exit status."""
    text = "\n".join([HEAD, *commands(), *request(), *settings()])
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != text:
        print(f"{PAGE} is not what the code says", file=sys.stderr)
        return 1
    return 0


def commands() -> list[str]:
    """A table for each command, as `--help` has it."""
    group: Any = typer.main.get_command(app)
    lines: list[str] = []
    for name, command in group.commands.items():
        for verb, one in [(name, command), *((f"{name} {n}", c) for n, c in getattr(command, "commands", {}).items())]:
            lines += [f"## `colorizegan {verb}`\n", f"{inspect.cleandoc(one.help or '')}\n"]
            rows = [row_of(parameter) for parameter in one.params if not getattr(parameter, "hidden", False)]
            lines += table(("option", "default", ""), rows) if rows else []
    return lines


def row_of(parameter: Any) -> tuple[str, str, str]:
    """A parameter of a command: its names, its default, its help."""
    text = parameter.help or ""
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar or parameter.name.upper()}`", "", text
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    default = parameter.default
    shown = "" if default is None or default is False or callable(default) else str(default)
    return f"{names} `{parameter.metavar}`" if parameter.metavar else names, shown.replace("True", "true"), text


def request() -> list[str]:
    """The options of a request to the service, from its schema."""
    rows: list[tuple[str, str, str]] = []
    for name, schema in Options.model_json_schema()["properties"].items():
        default = schema.get("default")
        shown = "" if default is None or default == [] else f"`{json.dumps(default)}`"
        rows.append((f"`{name}`", shown, f"{schema.get('description', '')}{bounds(schema)}"))
    return [
        "## A request to the service\n",
        "As a query, a form or a JSON part.\n",
        *table(("field", "default", ""), rows),
    ]


def bounds(schema: dict[str, Any]) -> str:
    """What a field may be, in words."""
    for part in (schema, *schema.get("anyOf", [])):
        if "enum" in part:
            return f" One of {', '.join(f'`{value}`' for value in part['enum'])}."
        if "minimum" in part and "maximum" in part:
            return f" {part['minimum']:g} to {part['maximum']:g}."
        if part.get("minimum"):
            return f" {part['minimum']:g} or more."
    return ""


def settings() -> list[str]:
    """The settings of training: name, default, and the sentence under each field."""
    tree = ast.parse(inspect.getsource(config))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    lines = [
        "## Settings of training\n",
        "For `--set`, as in `--set stages.0.lr=1e-3`, and for the file of `--config`; the presets change some.\n",
    ]
    groups = {field.name: field for field in dataclasses.fields(config.Config)}
    rows: list[tuple[str, str, str]] = []
    for name, field in groups.items():
        known = classes.get(str(field.type))
        if known is None and name != "stages":
            rows.append((f"`{name}`", code(default_of(field)), sentences(classes["Config"])[name]))
            continue
        of_group = config.Stage if name == "stages" else getattr(config, str(field.type))
        prefix = "stages.N" if name == "stages" else name
        own = sentences(classes[of_group.__name__])
        rows += [
            (f"`{prefix}.{one.name}`", code(default_of(one)), own[one.name]) for one in dataclasses.fields(of_group)
        ]
    return [*lines, *table(("setting", "default", ""), rows)]


def default_of(field: dataclasses.Field[Any]) -> Any:
    """The default of a setting."""
    return field.default_factory() if field.default is dataclasses.MISSING else field.default  # pyright: ignore[reportCallIssue]


def code(value: Any) -> str:
    """A value as one writes it in TOML."""
    return "" if value in ("", ()) else f"`{json.dumps(value)}`"


def sentences(node: ast.ClassDef) -> dict[str, str]:
    """Field -> the sentence under it."""
    found: dict[str, str] = {}
    for field, text in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            said = isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and text.value.value
            found[field.target.id] = " ".join(str(said or "").split())
    return found


def table(head: tuple[str, str, str], rows: list[tuple[str, str, str]]) -> list[str]:
    """Markdown."""
    lines = [f"| {' | '.join(head)} |".replace("  |", " |"), "|---|---|---|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return [line.replace("|  |", "| |") for line in lines] + [""]


if __name__ == "__main__":
    sys.exit(main())
