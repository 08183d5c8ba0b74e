"""How rare a colour is: what the entries `adjustment` and `contrast` of a bundle's card count in (docs/bundle.md)."""

from typing import Any

# Mean and standard deviation of the colours that the default network says of photos (0.6.0, 2,362 it had not seen).
MEAN_A, MEAN_B = 5.0, 8.0
SPREAD_A, SPREAD_B = 17.0, 24.0
MIDDLE = 20.0  # chroma that contrast leaves as it is, Lab units


def rarity(ab: Any) -> Any:
    """(Q, 2) colours in Lab units -> (Q,) how far each is from the mean one, in standard deviations.

    An array of NumPy or a tensor of PyTorch gives its own kind. The prior of a colour is taken to be exp(-rarity).
    """
    return (((ab[:, 0] - MEAN_A) / SPREAD_A) ** 2 + ((ab[:, 1] - MEAN_B) / SPREAD_B) ** 2) ** 0.5
