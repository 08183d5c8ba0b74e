"""From what a user gives to settings: a preset, a TOML file, dotted overrides; or the JSON of a checkpoint.

An unknown key or a value of another type is an error that names it.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pydantic

from colorizegan.errors import ConfigError, nearest
from colorizegan.training.config import PRESETS, Config, Stage, check, to_dict

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RETIRED = ("strategy", "checkpoint_steps")  # settings of earlier versions that checkpoints and cards may hold
KINDS = {  # of pydantic -> in words
    "bool": "true or false",
    "dataclass": "a table",
    "finite": "a finite number",
    "float": "a number",
    "int": "a whole number",
    "string": "a text",
    "tuple": "a list",
}
_ADAPTER = pydantic.TypeAdapter(Config)


def load_config(preset: str = "default", toml: Path | None = None, overrides: list[str] | None = None) -> Config:
    """The settings of a run: a preset, changed by a TOML file, changed by `key=value` with dotted keys.

    Args:
        preset: a name in PRESETS.
        toml: a file with the same structure as Config; `[[stages]]` replaces all stages of the preset.
        overrides: such as "stages.0.images=1000" or "network.encoder=weights.safetensors"; values are TOML, or text.

    Raises:
        ConfigError: unknown preset or key, a value of another type or that is not known, an unreadable file.
    """
    if preset not in PRESETS:
        remedy = nearest(preset, PRESETS, f"use one of {', '.join(sorted(PRESETS))}")
        raise ConfigError(f"no preset {preset!r}", remedy=remedy)
    table = to_dict(PRESETS[preset])
    if toml is not None:
        try:
            table = _merged(table, tomllib.loads(toml.read_text("utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"cannot be read as TOML ({error})", path=toml) from None
    for override in overrides or []:
        key, equals, text = override.partition("=")
        if not equals:
            raise ConfigError(f"{override!r} is no setting", remedy="write it as key=value")
        try:
            _put(table, key, tomllib.loads(f"v = {text}")["v"])
        except tomllib.TOMLDecodeError:
            _put(table, key, text)  # a bare word or path is itself
    return check(_settings(table))


def from_dict(table: dict[str, Any]) -> Config:
    """The inverse of `to_dict`; settings that earlier versions had are passed over."""
    return check(_settings({name: value for name, value in table.items() if name not in RETIRED}))


def _merged(old: Any, new: Any) -> Any:
    """A table with the values of another one put in, at every depth; lists and values are replaced."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return old | {key: _merged(old.get(key), value) for key, value in new.items()}


def _put(table: dict[str, Any], key: str, value: Any) -> None:
    """Change the value at a dotted key, in place."""
    node: Any = table
    *path, last = key.split(".")
    for name in path:
        if isinstance(node, list) and name.isdecimal() and int(name) < len(node):
            node = node[int(name)]
        elif isinstance(node, dict) and name in node:
            node = node[name]
        else:
            raise _unknown(key, node)
    if not isinstance(node, dict) or last not in node:
        raise _unknown(key, node)
    node[last] = _merged(node[last], value)


def _unknown(key: str, node: Any) -> ConfigError:
    """The error for a dotted key that ends at `node`, which has no such entry."""
    if isinstance(node, list):
        remedy = f"the list has {len(node)} entries, counted from 0; a list of numbers is set as a whole"
    else:
        known = sorted(node) if isinstance(node, dict) else []
        remedy = nearest(key.rpartition(".")[2], known, f"known here: {', '.join(known) or 'none'}")
    return ConfigError(f"no setting {key!r}", remedy=remedy)


def _settings(table: dict[str, Any]) -> Config:
    """A table of the structure of Config, its names and types checked by pydantic."""
    try:
        # As JSON, in which lists may stand for tuples, and nothing else for anything else.
        return _ADAPTER.validate_json(json.dumps(table, default=str), strict=True)
    except pydantic.ValidationError as error:
        raise _explained(error.errors(include_url=False)[0]) from None


def _explained(error: Any) -> ConfigError:
    """The first thing that pydantic found wrong, in the words of the other errors."""
    *path, last = error["loc"]
    full = ".".join(map(str, error["loc"]))
    node: Any = to_dict(Config(stages=(Stage(),)))  # an example of the place that it is about
    for name in path:
        node = node[0 if node and isinstance(node, list) else name]
    if error["type"] == "unexpected_keyword_argument":
        return _unknown(full, node)
    if error["type"] in ("missing", "too_long"):  # a list of another length
        node, full = (node, full.rpartition(".")[0]) if error["type"] == "missing" else (node[last], full)
        return ConfigError(f"{full} needs {len(node)} values")
    kind = error["type"].partition("_")[0]
    allowed = error["ctx"]["expected"].replace("'", "") if kind == "literal" else KINDS.get(kind, kind)
    return ConfigError(f"{full} is {error['input']!r}", remedy=f"it must be {allowed}")
