"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Optional

import typer

FAILED = 1  # the status of a command of which some part failed
NOTHING = 3  # and of one that found nothing to do its work on

# The groups of options in the help.
RESULTS, COLOURS, STEERING, INPUT, MACHINE = "Results", "Colours", "Hints and other colourings", "Photos", "The machine"

# Optional[...] and not X | None: Typer reads these at run time.
# ruff: noqa: UP045
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON lines to standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
Model = Annotated[
    Optional[str],
    typer.Option(
        "--model",
        metavar="MODEL",
        help="A name of `models`, a bundle, an .onnx file; or A+B.",
        rich_help_panel=COLOURS,
    ),
]
Emulsion = Annotated[
    Literal["auto", "panchromatic", "orthochromatic", "blue"],
    typer.Option(
        help="The film: panchromatic or, blind to red, orthochromatic (to about 1930) or blue.", rich_help_panel=COLOURS
    ),
]
Like = Annotated[
    Optional[Path],
    typer.Option(
        metavar="REF", help="Take over the colours of this photo where the same is seen.", rich_help_panel=COLOURS
    ),
]
Saturation = Annotated[
    float, typer.Option(min=0, max=4, help="Strength of the colours, 0 (gray) to 4.", rich_help_panel=COLOURS)
]
Warmth = Annotated[float, typer.Option(min=-1, max=1, help="Cool (-1) to warm (1).", rich_help_panel=COLOURS)]
Size = Annotated[
    Optional[int],
    typer.Option(
        min=16,
        max=4096,
        help="Shorter side of the network's input, 16 to 4096 px. [default: the model's own]",
        rich_help_panel=COLOURS,
    ),
]
Temperature = Annotated[
    Optional[float],
    typer.Option(
        min=0.05,
        max=2,
        help="0.05 (the likeliest colours, vivid) to 2 (dull). [default: the model's own]",
        rich_help_panel=COLOURS,
    ),
]
ToneDownUnsure = Annotated[
    bool,
    typer.Option("--tone-down-unsure", help="Less colour where the network is unsure.", rich_help_panel=COLOURS),
]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Only list what would be written.")]
Force = Annotated[bool, typer.Option("--force", help="Colorize also what is in colour already.", rich_help_panel=INPUT)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Write results anew that exist.", rich_help_panel=RESULTS)]
Device = Annotated[
    Literal["cpu", "cuda", "dml", "coreml"],
    typer.Option(help="What the network runs on; `doctor` says what each needs.", rich_help_panel=MACHINE),
]
