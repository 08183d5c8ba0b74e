"""Self-attention: places that look alike share what is known of them, so that one thing gets one colour."""

import torch
from torch import Tensor, nn

HEAD = 32  # channels of a head


class Attention(nn.Module):
    """Every place of the picture asks all others, then thinks for itself (Vaswani et al. 2017, norms first).

    There is no code of position, so a picture may have any size; the convolutions around it know what is next to what.
    It starts as no contribution, so that a trained network can be given one. width: channels, a multiple of 32.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        if width % HEAD:
            raise ValueError(f"width must be a multiple of {HEAD}, not {width}")
        self.heads = width // HEAD
        self.before = nn.LayerNorm(width)
        self.ask = nn.Linear(width, 3 * width)
        self.answer = nn.Linear(width, width)
        wider, back = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.think = nn.Sequential(nn.LayerNorm(width), wider, nn.ReLU(), back)
        for last in (self.answer, back):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, h, w) -> the same."""
        rows, columns = x.shape[2:]
        places = x.flatten(2).transpose(1, 2)  # (B, N, width)
        query, key, value = (
            part.unflatten(2, (self.heads, HEAD)).transpose(1, 2) for part in self.ask(self.before(places)).chunk(3, 2)
        )  # (B, heads, N, 32)
        weights = torch.softmax(query @ key.transpose(2, 3) * HEAD**-0.5, dim=3)
        places = places + self.answer((weights @ value).transpose(1, 2).flatten(2))
        places = places + self.think(places)
        return places.transpose(1, 2).unflatten(2, (rows, columns))
