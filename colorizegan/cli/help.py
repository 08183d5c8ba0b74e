"""How the help looks, and how wrong arguments are told: options in groups, an example, plain words."""

import re
from typing import Any

from typer.core import TyperCommand

WIDEST = 120  # columns; wider terminals get no longer lines


class Command(TyperCommand):
    """A command whose help shows its options in groups: those of one `rich_help_panel` together.

    The value of an option whose metavar is in brackets may be left out, before another option and at the end.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give the options that stand without their value an empty one."""
        lenient = {name for p in self.get_params(ctx) if (p.metavar or "").startswith("[") for name in p.opts}
        end = args.index("--") if "--" in args else len(args)
        whole: list[str] = []
        for i, arg in enumerate(args):
            whole.append(arg)
            if i < end and arg in lenient and (args[i + 1 : i + 2] or ["--"])[0].startswith("-"):
                whole.append("")
        return super().parse_args(ctx, whole)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write them; what has no group comes last."""
        groups: dict[str, list[tuple[str, str]]] = {}
        others: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                name = getattr(parameter, "rich_help_panel", None)
                rows = others if name is None else groups.setdefault(name, [])
                shown = record[0].split()[0] if parameter.param_type_name == "argument" else record[0]
                rows.append((in_words(shown), in_words(record[1])))
        for name, rows in [*groups.items(), ("Other options" if groups else "Options", others)]:
            if rows:
                with formatter.section(name):
                    formatter.write_dl(rows)


# What Typer says of a kind of value, in any version -> what people say.
KINDS = (
    (r" ?<list\[\w+\]>", ""),
    (r"<int(?:eger)?(?: range)?>|\bINTEGER(?: RANGE)?\b", "N"),
    (r"<float(?: range)?>|\bFLOAT(?: RANGE)?\b", "NUMBER"),
    (r"<str>", "TEXT"),
    (r"<path>", "PATH"),
    (r"(-?[\d.]+)<=x<=(-?[\d.]+)", r"\1 to \2"),
    (r"x>=(-?[\d.]+)", r"\1 or more"),
)
# What it says of wrong arguments -> what people say.
WORDS = (
    (r"^Invalid value(?: for)? ?([^:]*): ", r"\1: "),
    (r": (?:Value error, )?(?:Input should be|Value must be) ", ": must be "),
    (r"^Value error, |(?<=: )Value error, ", ""),
    (r"must be a valid (?:number|float).*", "must be a number"),
    (r"must be a valid integer.*", "must be a whole number"),
    (r"must be a valid boolean.*", "must be true or false"),
    (r"must be (?:less than or equal to|at most) (\S+)", r"must be \1 or less"),
    (r"must be (?:greater than or equal to|at least) (\S+)", r"must be \1 or more"),
    (r" is not in the range (-?[\d.]+)<=x<=(-?[\d.]+)", r" is not between \1 and \2"),
    (r" is not in the range x>=(-?[\d.]+)", r" is not \1 or more"),
    (r" is not a valid float(?: range)?\b", " is no number"),
    (r" is not a valid integer(?: range)?\b", " is no whole number"),
    (r" is not a valid boolean\b", " is neither true nor false"),
    (r" is not one of ", " is none of "),
    (r"^Got unexpected extra argument(?:s|\(s\))? \((.*)\)", r"there is no place for \1"),
    (r"^Missing (?:argument|parameter):? ?(.*)", r"\1 is missing"),
    (r"^Missing option (.*)", r"the option \1 is missing"),
    (r"^Missing command", "a command is missing"),
    (r"^Option (\S+) requires an argument", r"\1 needs a value"),
    (r"^Option (\S+) does not take a value", r"\1 takes no value"),
    (r"^(No such .*?)\.? (?:\(Possible options: |Did you mean )(.*?)[?)]?$", r"\1; did you mean \2?"),
    (r"^No such option:? ([^\s;]+?)\.?(?=;|$)", r"there is no option \1"),
    (r"^No such command (.+?)\.?(?=;|$)", r"there is no command \1"),
)


def in_words(text: str) -> str:
    """A part of the help with kinds and ranges in words."""
    for pattern, by in KINDS:
        text = re.sub(pattern, by, text)
    return text


def plain(message: str) -> str:
    """A message of Typer about wrong arguments in the words of the other errors."""
    message = message.strip().rstrip(".")
    for quoted in (r"'(--?[^']*)'", r"'([A-Z.\[\]]+)'"):
        message = re.sub(quoted, r"\1", message)
    for pattern, by in WORDS:
        message = re.sub(pattern, by, message)
    return message
