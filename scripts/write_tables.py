"""Write tables of options and settings from the code: docs/reference.md has all, other pages of docs/ what they mark.

python scripts/write_tables.py [--check]

--check writes nothing and fails where a page differs from the code. A mark is `<!-- from the code: WHAT -->`, the table
stands between it and `<!-- end -->`; WHAT is `options COMMAND`, `look`, `request`, or `settings NAME...`.
"""

import ast
import dataclasses
import inspect
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import typer

from colorizegan.cli.main import app
from colorizegan.serve.options import Options
from colorizegan.steer import look
from colorizegan.steer.look import Look
from colorizegan.training import config

DOCS = Path(__file__).resolve().parent.parent / "docs"
MARK = re.compile(r"(<!-- from the code: (.*?) -->\n\n).*?(<!-- end -->)", re.DOTALL)
HEAD = """# Reference: every option and setting

Written from the code by `python scripts/write_tables.py`; `scripts/check` fails where it is out of date. What they are
for, with examples: [colorize.md](colorize.md), [server.md](server.md), [training.md](training.md),
[evaluation.md](evaluation.md).
"""


def main() -> int:
    """Write or compare; the exit status."""
    texts = {DOCS / "reference.md": "\n".join([HEAD, *commands(), *request(), *settings()])}
    for page in sorted(DOCS.glob("*.md")):
        if page not in texts:
            texts[page] = MARK.sub(lambda m: f"{m[1]}{chr(10).join(marked(m[2]))}\n{m[3]}", page.read_text("utf-8"))
    wrong = [page for page, text in texts.items() if page.read_text("utf-8") != text]
    if "--check" in sys.argv[1:]:
        for page in wrong:
            print(f"{page} is not what the code says", file=sys.stderr)
        return 1 if wrong else 0
    for page in wrong:
        page.write_text(texts[page], "utf-8")
    return 0


def marked(what: str) -> list[str]:
    """The table that a page marks."""
    kind, *names = what.split()
    if kind == "options":
        return table(("option", "default", "meaning"), options_of(verbs()[" ".join(names)]))
    if kind == "look":
        rows = [
            (f"`{field.name}`", code(default_of(field)), text)
            for field, text in zip(dataclasses.fields(Look), fields_of(look, "Look").values(), strict=True)
        ]
        return table(("field", "default", "meaning"), rows)
    if kind == "request":
        return table(("field", "default", "meaning"), request_rows())
    known = {name: row for row in setting_rows() for name in [row[0].strip("`")]}
    return table(("setting", "default", "meaning"), [known[name] for name in names])


def verbs() -> dict[str, Any]:
    """Every command by what one types."""
    group: Any = typer.main.get_command(app)
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        found |= {name: command} | {f"{name} {n}": c for n, c in getattr(command, "commands", {}).items()}
    return found


def commands() -> list[str]:
    """A table for each command, as `--help` has it."""
    lines: list[str] = []
    for verb, command in verbs().items():
        lines += [f"## `colorizegan {verb}`\n", f"{inspect.cleandoc(command.help or '')}\n"]
        rows = options_of(command)
        lines += table(("option", "default", ""), rows) if rows else []
    return lines


def options_of(command: Any) -> list[tuple[str, str, str]]:
    """A row for each option."""
    return [row_of(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)]


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
    """The options of a request to the service."""
    return [
        "## A request to the service\n",
        "As a query, a form or a JSON part.\n",
        *table(("field", "default", ""), request_rows()),
    ]


def request_rows() -> list[tuple[str, str, str]]:
    """The same from its schema."""
    rows: list[tuple[str, str, str]] = []
    for name, schema in Options.model_json_schema()["properties"].items():
        default = schema.get("default")
        shown = "" if default is None or default == [] else f"`{json.dumps(default)}`"
        rows.append((f"`{name}`", shown, f"{schema.get('description', '')}{bounds(schema)}"))
    return rows


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
    """The settings of training."""
    return [
        "## Settings of training\n",
        "For `--set`, as in `--set stages.0.lr=1e-3`, and for the file of `--config`; the presets change some.\n",
        *table(("setting", "default", ""), setting_rows()),
    ]


def setting_rows() -> list[tuple[str, str, str]]:
    """Of each its name, its default, and the sentence under its field."""
    groups = {field.name: field for field in dataclasses.fields(config.Config)}
    rows: list[tuple[str, str, str]] = []
    for name, field in groups.items():
        of_group: Any = config.Stage if name == "stages" else field.type
        if not hasattr(of_group, "__dataclass_fields__"):
            rows.append((f"`{name}`", code(default_of(field)), fields_of(config, "Config")[name]))
            continue
        prefix = "stages.N" if name == "stages" else name
        own = fields_of(config, of_group.__name__)
        for one in dataclasses.fields(of_group):
            default = code(default_of(one))
            if name == "stages":
                of_stages = {code(getattr(stage, one.name)) for stage in config.PRESETS["default"].stages}
                default = of_stages.pop() if len(of_stages) == 1 else "by stage"
            rows.append((f"`{prefix}.{one.name}`", default, own[one.name]))
    return rows


def default_of(field: dataclasses.Field[Any]) -> Any:
    """The default of a setting."""
    return field.default_factory() if field.default is dataclasses.MISSING else field.default  # pyright: ignore[reportCallIssue]


def code(value: Any) -> str:
    """A value as one writes it in TOML."""
    return "" if value in ("", (), None) else f"`{json.dumps(value)}`"


def fields_of(module: ModuleType, name: str) -> dict[str, str]:
    """Field of a class -> the sentence under it."""
    (node,) = [n for n in ast.parse(inspect.getsource(module)).body if isinstance(n, ast.ClassDef) and n.name == name]
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
