"""Options that several commands share, and the groups that the help shows options in."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from typer import Option

FAILED = 1  # the status of a command of which some part failed
NOTHING = 3  # and of one that found nothing to do its work on

PHOTOS = "Photos"
# An option of one of the groups of the help: typer.Option in all else, but that capitals are understood in words.
results = partial(Option, rich_help_panel="Results", case_sensitive=False)
colours = partial(Option, rich_help_panel="Colours", case_sensitive=False)
steering = partial(Option, rich_help_panel="Hints and other colourings", case_sensitive=False)
photos = partial(Option, rich_help_panel=PHOTOS, case_sensitive=False)
machine = partial(Option, rich_help_panel="The machine", case_sensitive=False)

Debug = Annotated[bool, Option("--debug", help="Show the traceback of an error.")]
Json = Annotated[bool, Option("--json", help="Write JSON lines to standard output.")]
Quiet = Annotated[bool, Option("--quiet", "-q", help="Say nothing but errors.")]
DryRun = Annotated[bool, Option("--dry-run", "-n", help="Only list what would be written, and tell what would fail.")]

Model = Annotated[
    str | None, colours("--model", metavar="MODEL", help="A name of `models`, a bundle, an .onnx file; or A+B.")
]
Emulsion = Annotated[
    Literal["auto", "panchromatic", "orthochromatic", "blue"],
    colours(help="The film: panchromatic or, blind to red, orthochromatic (to about 1930) or blue."),
]
Like = Annotated[
    Path | None, colours(metavar="REF", help="Take over the colours of this photo where the same is seen.")
]
Saturation = Annotated[float, colours(min=0, max=4, help="Strength of the colours, 0 (gray) to 4.")]
Warmth = Annotated[float, colours(min=-1, max=1, help="Cool (-1) to warm (1).")]
Size = Annotated[
    int | None,
    colours(min=16, max=4096, help="Shorter side of the network's input, 16 to 4096 px. [default: the model's own]"),
]
Temperature = Annotated[
    float | None,
    colours(min=0.05, max=2, help="0.05 (the likeliest colours, vivid) to 2 (dull). [default: the model's own]"),
]
ToneDownUnsure = Annotated[bool, colours("--tone-down-unsure", help="Less colour where the network is unsure.")]
Force = Annotated[bool, photos("--force", help="Colorize also what is in colour already.")]
Overwrite = Annotated[bool, results("--overwrite", help="Write results anew that exist.")]
Device = Annotated[
    Literal["cpu", "cuda", "dml", "coreml"], machine(help="What the network runs on; `doctor` says what each needs.")
]
# What training and evaluation share.
Seed = Annotated[int, Option(min=0, help="Of everything that is drawn at random.")]
Bundle = Annotated[Path, Option("--output", "-o", metavar="BUNDLE", help="The bundle's new folder.")]
Card = Annotated[Path | None, Option(metavar="FILE.json", help="More entries for the card: licence, data, metrics.")]
