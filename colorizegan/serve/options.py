"""The options of a request: what they are called, what they may be, and which format the client takes."""

import json
import re
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from colorizegan.colorize_file import FileOptions, ProposalChoice
from colorizegan.errors import UsageError
from colorizegan.photo.formats import MEDIA_TYPES, WRITABLE, format_of_name
from colorizegan.serve.limits import ServiceLimits
from colorizegan.serve.problems import NotAcceptableError
from colorizegan.steer.film import Emulsion
from colorizegan.steer.hints import Hint, parse_hint
from colorizegan.steer.look import Look
from colorizegan.steer.palette import Palette

Model = TypeVar("Model", bound=BaseModel)
WEIGHT = re.compile(r"[01](\.\d{0,3})?")


class Wishes(BaseModel):
    """What may be asked of the colours of a photo, and of a film."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    saturation: float = Field(1.0, ge=0, le=4, description="Strength of the colours; 0 is gray.")
    warmth: float = Field(0.0, ge=-1, le=1, description="Cool (-1) to warm (1).")
    temperature: float | None = Field(
        None, ge=0.05, le=2, description="Low: vivid; high: dull; None = the model's own."
    )
    emulsion: Emulsion = Field("auto", description="The film stock.")
    tone_down_unsure: bool = Field(False, description="Less colour where the network is unsure.")
    force: bool = Field(False, description="Colorize also what is in colour already.")

    @field_validator("emulsion", "format", "codec", mode="before", check_fields=False)
    @classmethod
    def in_full(cls, value: Any) -> Any:
        """Capitals and endings are understood too, with or without their dot: JPEG, jpg, TIF, .png."""
        if not isinstance(value, str):
            return value
        name = value.lower().removeprefix(".")
        return format_of_name(f".{name}") or name

    def asked(self) -> dict[str, Any]:
        """Those of them that are fields of `Look`."""
        return self.model_dump(include=set(Wishes.model_fields) - {"force"})


class HintOption(BaseModel):
    """A point whose colour is known."""

    model_config = ConfigDict(extra="forbid")

    x: int = Field(ge=0, description="Pixels from the left of the upright photo.")
    y: int = Field(ge=0, description="Pixels from its top.")
    color: str = Field(max_length=40, description="sRGB: #rrggbb, #rgb or a name of CSS.")

    @field_validator("color")
    @classmethod
    def as_hexadecimal(cls, value: str) -> str:
        """UsageError where it is no colour."""
        return Hint(0, 0, value).color


class Options(Wishes):
    """How a photo is colorized and written."""

    size: int | None = Field(
        None, ge=16, description="Shorter side of the network's input, px; default the model's own."
    )
    format: Literal["jpeg", "png", "tiff", "webp", "avif", "bmp", "pnm"] | None = Field(
        None, description="Format of the answer; default what Accept says, or the photo's own."
    )
    quality: int = Field(95, ge=1, le=100, description="Of JPEG, WebP and AVIF.")
    allow_truncated: bool = Field(False, description="Colorize what is left of a file that ends too early.")
    strip: bool = Field(False, description="Leave EXIF, XMP, IPTC and comments out.")
    hints: tuple[HintOption, ...] = Field(
        (), description="Points whose colour is known: a JSON list of x, y, color, or x,y,#rrggbb with blanks between."
    )
    proposals: int | None = Field(None, ge=1, description="Draw so many colourings; /v1/predict lists them.")
    seed: int = Field(0, ge=0, lt=2**63, description="Of the proposals.")
    pick: int | None = Field(None, ge=1, description="Colorize with this one of the proposals, from 1 on.")
    preview: int | None = Field(
        None, ge=16, le=4096, description="/v1/predict adds a JPEG, its longer side at most so many px."
    )

    @field_validator("hints", mode="before")
    @classmethod
    def from_text(cls, value: Any) -> Any:
        """Hints in a query or a form are text: a JSON list, or x,y,#rrggbb with blanks between."""
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            try:
                return json.loads(value)
            except (ValueError, RecursionError):
                raise ValueError("no JSON list of hints") from None
        return [vars(parse_hint(text)) for text in value.split()]

    def look(self, like: Palette | None = None) -> Look:
        """What is asked of the colours; `like`: those of another photo that came with the request."""
        hints = tuple(Hint(hint.x, hint.y, hint.color) for hint in self.hints)
        return Look(**self.asked(), size=self.size, hints=hints, like=like)

    def for_file(self, format: str, like: Palette | None = None) -> FileOptions:
        """As the command line has them."""
        drawn = self.proposals is not None and self.pick is not None
        return FileOptions(
            look=self.look(like), format=format, quality=self.quality, strip=self.strip, force=self.force,
            allow_truncated=self.allow_truncated,
            proposal=ProposalChoice(self.proposals or 0, self.seed, self.pick or 0) if drawn else None,
        )  # fmt: skip


def read_options(given: Mapping[str, Any], limits: ServiceLimits) -> Options:
    """Options from a query or a form; UsageError naming the first that is wrong."""
    options = validated(Options, given)
    if options.size is not None and options.size > limits.size:
        raise UsageError(f"size is {options.size}", remedy=f"use 16 to {limits.size}")
    if len(options.hints) > limits.hints:
        raise UsageError(f"{len(options.hints)} hints are too many", remedy=f"send at most {limits.hints}")
    if options.proposals is not None and options.proposals > limits.proposals:
        raise UsageError(f"{options.proposals} proposals are too many", remedy=f"ask for at most {limits.proposals}")
    if options.pick is not None and (options.proposals is None or options.pick > options.proposals):
        raise UsageError(f"pick is {options.pick}", remedy=f"ask for {options.pick} or more proposals")
    return options


def validated(kind: type[Model], given: Mapping[str, Any]) -> Model:
    """Options of a kind; UsageError naming the first that is wrong."""
    try:
        return kind.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(map(str, first["loc"]))[:80]
        if first["type"] == "extra_forbidden":
            known = ", ".join(kind.model_fields)
            raise UsageError(f"there is no option {name!r}", remedy=f"known are {known}") from None
        own = first.get("ctx", {}).get("error")
        if isinstance(own, UsageError):
            raise UsageError(f"option {name!r}: {own.reason}", remedy=own.remedy) from None
        raise UsageError(f"option {name!r} is wrong", remedy=allowed(kind, name)) from None


def allowed(options: type[BaseModel], name: str) -> str:
    """What an option may be, in words made from its schema."""
    schema = options.model_json_schema()["properties"].get(name.partition(".")[0], {})
    (kind,) = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    if "enum" in kind:
        return "use one of " + ", ".join(kind["enum"])
    if kind.get("type") == "boolean":
        return "use true or false"
    if kind.get("type") == "array":
        return 'use a list such as [{"x": 120, "y": 80, "color": "#3a6ea5"}]'
    low, high = kind.get("minimum"), kind.get("maximum")
    number = "a whole number" if kind.get("type") == "integer" else "a number"
    return (
        f"use {number}"
        + (f", {low:g} or more" if high is None and low is not None else "")
        + (f" from {low:g} to {high:g}" if high is not None and low is not None else "")
    )


def best_format(accept: str, nearest: str) -> str:
    """The format to answer in: `nearest`, as which the photo's own is written, unless the client prefers another.

    accept: that header of the request. NotAcceptableError where the client takes none that can be written.
    """
    best = max(WRITABLE, key=lambda name: (preference(accept, name), name == nearest, -WRITABLE.index(name)))
    if preference(accept, best) <= 0:
        what = f"none of {accept[:80]!r} can be written"
        raise NotAcceptableError(what, remedy=f"accept {MEDIA_TYPES[nearest]}")
    return best


def preference(accept: str, format: str) -> float:
    """How much a client wants a format, 0 (not at all) .. 1, by its header Accept (RFC 9110, 12.5.1)."""
    wanted: dict[str, float] = {}
    for entry in accept.split(",")[:64]:
        kind, *parameters = (part.strip().lower() for part in entry.split(";"))
        weight = next((value[2:] for value in parameters if value.startswith("q=")), "1")
        if kind:
            # A weight that is no number is none.
            wanted[kind.replace("image/jpg", "image/jpeg")] = float(weight) if WEIGHT.fullmatch(weight) else 0.0
    names = (MEDIA_TYPES[format], "image/*", "*/*")
    return next((wanted[name] for name in names if name in wanted), 0.0 if wanted else 1.0)


def schema_of_options() -> dict[str, Any]:
    """The JSON schema of each option, by its name, with nothing that is described elsewhere."""
    schema = Options.model_json_schema()
    properties = schema["properties"]
    properties["hints"]["items"] = schema["$defs"][HintOption.__name__]
    return properties


def schema_of_request() -> dict[str, Any]:
    """The request's part of OpenAPI: the body is read by `serve.upload`, piece by piece."""
    properties = schema_of_options()
    photo = {"type": "string", "format": "binary", "description": "The file of a photo."}
    form = {
        "photo": photo,
        "file": photo | {"description": "Another name for the part photo."},
        "like": photo | {"description": "A colour photo whose colours are taken over where the same is seen."},
        "options": {"type": "string", "description": "All options as one JSON object."},
    }
    return {
        "parameters": [
            {"name": name, "in": "query", "required": False, "schema": entry} for name, entry in properties.items()
        ],
        "requestBody": {
            "required": True,
            "content": {
                "image/*": {"schema": photo},
                "application/octet-stream": {"schema": photo},
                "multipart/form-data": {"schema": {"type": "object", "properties": form | properties}},
            },
        },
    }
