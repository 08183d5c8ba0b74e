"""Look: all that a person asks of the colours. The only list of these wishes."""

from collections.abc import Sequence
from dataclasses import dataclass

from colorizegan.errors import UsageError
from colorizegan.model.card import Card
from colorizegan.steer.film import EMULSIONS, Emulsion
from colorizegan.steer.hints import Color, Hint, as_hint
from colorizegan.steer.palette import Palette

SIZES = (16, 4096)  # px, of the shorter side of the network's input
WARM = (4.0, 16.0)  # Lab units in a and b: towards the light of a lamp


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a person asks of the colours of a photo. UsageError where a value is out of range."""

    saturation: float = 1.0
    """Factor on the chroma, 0 (gray) .. 4; reduced where the colour would leave sRGB."""
    size: int | None = None
    """Shorter side of the network's input, 16 .. 4096 px; None = the model's own."""
    temperature: float | None = None
    """0.05 .. 2: how the colour is taken from the distribution, low = the likeliest one, vivid, high = the mean of all
    that are possible, dull (Zhang et al. 2016, eq. 5); None = that of the model's card, which is the tuned one."""
    emulsion: Emulsion = "auto"
    """The film that the photo was taken on; "auto" leaves it to the network."""
    hints: Sequence[Hint | tuple[int, int, Color]] = ()
    """Points of the upright photo whose colour is known, in pixels; it spreads over what it is on. Kept as Hints."""
    tone_down_unsure: bool = False
    """Less chroma where the network is unsure."""
    like: Palette | None = None
    """Colours taken over from another photo."""
    warmth: float = 0.0
    """-1 (cool) .. 1 (warm): this share of `WARM` is added to all colours."""

    def __post_init__(self) -> None:
        if not 0 <= self.saturation <= 4:
            raise UsageError(f"saturation is {self.saturation}", remedy="use 0 to 4; 1 is what the network saw")
        if self.size is not None and not SIZES[0] <= self.size <= SIZES[1]:
            raise UsageError(f"size is {self.size}", remedy=f"use {SIZES[0]} to {SIZES[1]}, the shorter side in px")
        if self.temperature is not None and not 0.05 <= self.temperature <= 2:
            raise UsageError(f"temperature is {self.temperature}", remedy="use 0.05 (vivid) to 2 (dull)")
        if not -1 <= self.warmth <= 1:
            raise UsageError(f"warmth is {self.warmth}", remedy="use -1 (cool) to 1 (warm)")
        if self.emulsion not in EMULSIONS:
            raise UsageError(f"no emulsion {self.emulsion!r}", remedy=f"use one of {', '.join(EMULSIONS)}")
        object.__setattr__(self, "hints", tuple(map(as_hint, self.hints)))

    @property
    def points(self) -> tuple[Hint, ...]:
        return tuple(hint for hint in self.hints if isinstance(hint, Hint))

    def check_model(self, card: Card) -> None:
        """UsageError where the model cannot do what is asked."""
        if self.temperature is not None:
            card.need_distribution("be more or less vivid by a temperature")
        if self.tone_down_unsure:
            card.need_distribution("tone down what is unsure")
        if self.like is not None:
            card.need_distribution("take colours over from another photo")

    def facts(self) -> dict[str, object]:
        """What is asked beyond saturation and size, for provenance and ledger; empty where nothing is."""
        facts: dict[str, object] = {
            "temperature": self.temperature,
            "emulsion": None if self.emulsion == "auto" else self.emulsion,
            "hints": " ".join(map(str, self.hints)),
            "tone_down_unsure": self.tone_down_unsure,
            "warmth": self.warmth,
            "like": None if self.like is None else f"{self.like.name} {self.like.digest}",
        }
        return {name: value for name, value in facts.items() if value}
