"""The edge of sRGB's gamut as a table, for light of 8 bits: a tenth of the time that its equations take.

`color.in_gamut_scale` finds the edge by Newton's method, pixel for pixel. At the light of one code the gamut is a
polygon in a and b whose sides are nearly straight. With directions counted by s = b / (|a| + |b|) and lengths by
|a| + |b|, the inverse of the distance to a straight side is linear in s, so that between the directions of the table
it is exact but for the corners, where it errs to the inside.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from colorizegan.color.lab import DELTA, NORMED_XYZ_TO_RGB, Floats, Plane, _as_float, _lab_f_inverse, gray_to_lightness

QUARTER = 128  # directions in a quarter of the circle
FAR = 400.0  # |a| + |b| that no sRGB colour has
NEVER = 1e6  # inverse distance where there is no room for any chroma


@lru_cache(maxsize=1)
def _inverse_distances() -> Plane:
    """(256, 4 QUARTER + 1) -> flat: for a code of gray and a direction 1 / (|a| + |b|) of the gamut's edge."""
    turn = np.arange(4 * QUARTER) / QUARTER - 1  # -1 .. 3, b from negative over positive and back
    b = np.where(turn <= 1, turn, 2 - turn)
    a = np.where(turn <= 1, 1 - np.abs(b), np.abs(b) - 1)
    lightness = gray_to_lightness(np.arange(256) / 255).astype(np.float32)
    scale = in_gamut_scale(
        lightness[:, None], np.float32(FAR) * a.astype(np.float32), np.float32(FAR) * b.astype(np.float32)
    )
    inverse = np.full((256, 4 * QUARTER + 1), NEVER, np.float32)
    np.divide(1 / FAR, scale, out=inverse[:, :-1], where=scale > 1 / NEVER)
    inverse[:, -1] = inverse[:, 0]
    return inverse.reshape(-1)


def gamut_scale(code: NDArray[np.uint8], a: Plane, b: Plane) -> Plane:
    """As `color.in_gamut_scale`, by the table: the factor 0..1 on a and b that takes a colour into sRGB.

    Args:
        code: (n,) sRGB code of gray of the same light.
        a, b: (n,) Lab units, float32.

    Returns:
        (n,). Chroma is within 0.3 Lab units of the exact one for 99.9 % of strong colours, within 2 at the corners of
        the gamut. Beside pure yellow a ray may meet the edge three times, and either may take another of these points.
    """
    length = np.abs(a)
    length += np.abs(b)
    np.maximum(length, np.float32(1e-6), out=length)
    turn = b / length
    # Behind the axis of b the way goes on from 1 to 3: 2 - s there, s before it.
    back = (a < 0).view(np.int8)
    turn *= 1 - 2 * back
    turn += 2 * back
    turn += 1
    turn *= QUARTER
    place = turn.astype(np.intp)
    turn -= place
    place += code.astype(np.intp) * (4 * QUARTER + 1)
    table = _inverse_distances()
    before = table.take(place, mode="clip")
    place += 1
    inverse = table.take(place, mode="clip")
    inverse -= before
    inverse *= turn
    inverse += before
    inverse *= length
    np.maximum(inverse, np.float32(1), out=inverse)
    return np.divide(np.float32(1), inverse, out=inverse)


GAMUT_PIECE = 1 << 13  # colours whose place on the boundary is sought together: as many as a core's own cache holds


def in_gamut_scale(lightness: ArrayLike, a: ArrayLike, b: ArrayLike) -> Floats:
    """The largest factor t in 0..1 for which (L, t a, t b) is an sRGB colour: chroma falls, L and hue angle stay.

    Args: L 0..100, a and b in Lab units, shapes that broadcast. Returns t in the broadcast shape; 1 where the colour is
    in gamut already (to 2e-6 of linear light in float32, 1e-12 in float64), 0 where no chroma at all fits (L <= 0,
    L >= 100). t lies on the gamut boundary to the same tolerance.

    Beside pure yellow (L over 92, hue 98-103 degrees) the gamut is not star-shaped about the neutral axis: there a ray
    may meet the boundary three times, and t is one of these points.
    """
    planes = np.broadcast_arrays(_as_float(lightness), _as_float(a), _as_float(b))
    dtype = np.result_type(*planes)
    L, a_, b_ = (np.ravel(v).astype(dtype) for v in planes)
    neutral = (a_ == 0) & (b_ == 0)
    has_room = (L > 0) & (L < 100)
    t = np.where(neutral | has_room, 1.0, 0.0).astype(dtype)
    todo = np.flatnonzero(has_room & ~neutral)
    for start in range(0, len(todo), GAMUT_PIECE):
        piece = todo[start : start + GAMUT_PIECE]
        t[piece] = _gamut_boundary((L[piece] + 16) / 116, np.stack((a_[piece] / 500, b_[piece] / -200)))
    return t.reshape(planes[0].shape)


def _gamut_boundary(fy: Floats, away: Floats) -> Floats:
    """The factor t of `in_gamut_scale` for colours f(Y) (n,), f(X) and f(Z) less f(Y) (2, n).

    Newton on each channel, of which the nearest step counts, from the outside, kept inside the bracket [low in gamut,
    high out of it]; where a step leaves that, it is halved. The channels are nearly linear in t, so four steps settle
    almost every colour. No `np.where`: a plane's minimum or maximum takes a tenth of its time.
    """
    dtype = fy.dtype
    tolerance = dtype.type(2e-6 if dtype.itemsize <= 4 else 1e-12)
    half, tangent = dtype.type(0.5), dtype.type(3 * DELTA**2)
    nothing = np.finfo(dtype).eps
    from_y, from_xz = (NORMED_XYZ_TO_RGB[:, columns].astype(dtype) for columns in ([1], [0, 2]))
    gray = from_y * _lab_f_inverse(fy) - half  # (3, n), its part in linear R, G, B, from their middle
    low, high, at = np.zeros_like(fy), np.ones_like(fy), np.ones_like(fy)
    result = np.zeros_like(fy)
    where: NDArray[np.intp] = np.arange(len(fy))
    floor, flat = np.full_like(away, DELTA), np.full_like(gray, 1e-9)
    for _ in range(60):
        f = at * away
        f += fy
        m = np.maximum(f, floor[:, : len(fy)])
        square = m * m
        f *= tangent
        f += (square - tangent) * m
        channels = from_xz @ f
        channels += gray
        square *= away
        rates = (3 * from_xz) @ square
        rates *= np.sign(channels)
        over = np.abs(channels, out=channels)
        over -= half
        excess = np.maximum(np.maximum(over[0], over[1]), over[2])
        inside = excess <= tolerance
        low = np.maximum(low, at * inside)
        high = np.minimum(high, at + inside)
        left = (np.abs(excess) > tolerance) & ~(inside & (at >= 1)) & (high - low > nothing)
        count = np.count_nonzero(left)
        if count == 0:
            break
        over /= np.maximum(rates, flat[:, : len(fy)], out=rates)
        step = at - np.maximum(np.maximum(over[0], over[1]), over[2])
        step = np.minimum(step, high)
        astray = np.flatnonzero(left & ((step <= low) | (step >= high)))
        step[astray] = (low[astray] + high[astray]) / 2
        at = step
        if 2 * count < len(left):  # the others are settled
            result[where] = low
            where, away, gray = where[left], away[:, left], gray[:, left]
            fy, low, high, at = fy[left], low[left], high[left], at[left]
    result[where] = low
    return result
