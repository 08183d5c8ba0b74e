"""The picture of the page, as HTML: before and after under one slider, hints as dots; and the table of hints."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from colorizegan.color.lab import to_8_bit
from colorizegan.steer.hints import Hint

if TYPE_CHECKING:
    from numpy.typing import NDArray

EMPTY = '<p class="empty">Drop photos above, or take an example: their colours appear here.</p>'
KEYS = "Picture: arrow keys move a cross, with Shift in large steps; Enter gives the colour to its place"
LONGEST = 1280  # px of a preview
QUALITY = 90

STAGE_CSS = """
.empty { box-sizing: border-box; border: 2px dashed var(--border-color-primary); border-radius: 8px; padding: 3rem 1rem;
  text-align: center; color: var(--body-text-color-subdued); }
.frame { position: relative; margin: 0 auto; overflow: hidden; border-radius: 6px; cursor: crosshair;
  touch-action: pan-y; user-select: none; }
.frame img { display: block; width: 100%; height: 100%; margin: 0; pointer-events: none; }
.frame .before { position: absolute; inset: 0; clip-path: inset(0 calc(100% - var(--cut, 50%)) 0 0); }
.divider { position: absolute; top: 0; bottom: 0; left: var(--cut, 50%); width: 2px; margin-left: -1px;
  background: #fff; box-shadow: 0 0 2px #000; pointer-events: none; }
.dot { position: absolute; width: 18px; height: 18px; margin: -9px 0 0 -9px; border: 2px solid #fff; border-radius: 50%;
  box-shadow: 0 0 0 1px #000; pointer-events: none; }
.cross { position: absolute; display: none; left: var(--x, 50%); top: var(--y, 50%); width: 31px; height: 31px;
  margin: -15px 0 0 -15px; pointer-events: none; filter: drop-shadow(0 0 1px #000) drop-shadow(0 0 1px #000);
  background: linear-gradient(#fff, #fff) 50% / 3px 100% no-repeat,
    linear-gradient(#fff, #fff) 50% / 100% 3px no-repeat; }
.frame:focus-visible .cross { display: block; }
.compare { display: flex; align-items: center; gap: .6rem; margin: .5rem auto 0; }
.compare input { flex: 1; min-width: 0; height: 44px; accent-color: var(--color-accent); }
"""

# The divider follows the range below the picture, or a finger or mouse that drags over it; a click places a hint, and
# so does Enter where arrow keys have moved a cross. The divider goes out of the way of a hint, so that it can be seen.
STAGE_JS = """
const cut = () => element.style.getPropertyValue('--cut') || '50%';
const move = share => {
  element.style.setProperty('--cut', share + '%');
  const range = element.querySelector('input[type=range]');
  if (range) range.value = share;
};
const place = (event, frame) => {
  const box = frame.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
};
const hint = (frame, x, y) => {
  const inside = (share, size) => Math.min(size - 1, Math.max(0, Math.floor(share * size)));
  if (100 * x < parseFloat(cut())) move(Math.max(0, Math.round(100 * x) - 20));
  trigger('click', { x: inside(x, +frame.dataset.width), y: inside(y, +frame.dataset.height) });
};
let start = null, dragged = false;
element.addEventListener('input', event => { if (event.target.type === 'range') move(event.target.value); });
element.addEventListener('pointerdown', event => { start = event.clientX; dragged = false; });
element.addEventListener('pointermove', event => {
  const frame = event.target.closest('.frame');
  if (!frame || start === null || !event.buttons) return;
  if (Math.abs(event.clientX - start) > 6) dragged = true;
  if (dragged) move(Math.round(100 * Math.min(1, Math.max(0, place(event, frame)[0]))));
});
element.addEventListener('click', event => {
  const frame = event.target.closest('.frame');
  start = null;
  if (!frame || dragged) return;
  hint(frame, ...place(event, frame));
});
const ARROWS = { ArrowLeft: ['--x', -1], ArrowRight: ['--x', 1], ArrowUp: ['--y', -1], ArrowDown: ['--y', 1] };
const at = axis => parseFloat(element.style.getPropertyValue(axis) || 50);
let focus = false;
element.addEventListener('keydown', event => {
  const frame = event.target;
  if (!frame.matches('.frame')) return;
  const [axis, sign] = ARROWS[event.key] || [];
  const step = event.shiftKey ? 10 : 1;
  if (axis) element.style.setProperty(axis, Math.min(100, Math.max(0, at(axis) + sign * step)) + '%');
  else if (event.key === 'Enter' || event.key === ' ') { focus = true; hint(frame, at('--x') / 100, at('--y') / 100); }
  else return;
  event.preventDefault();
});
new MutationObserver(() => {  // a new picture keeps the place of the divider, and the keyboard
  const range = element.querySelector('input[type=range]');
  if (range && range.value !== parseFloat(cut()).toString()) range.value = parseFloat(cut());
  if (focus && element.querySelector('.frame')) { focus = false; element.querySelector('.frame').focus(); }
}).observe(element, { childList: true, subtree: true });
"""

TABLE_CSS = """
table { width: 100%; border-collapse: collapse; }
caption { text-align: left; }
th, td { padding: .2rem .4rem; text-align: left; border-bottom: 1px solid var(--border-color-primary); }
.swatch { display: inline-block; width: 1em; height: 1em; border: 1px solid #0008; vertical-align: -.15em; }
button { min-height: 36px; padding: 0 .8rem; border: 1px solid var(--border-color-primary); border-radius: 6px;
  background: var(--button-secondary-background-fill); color: var(--button-secondary-text-color); }
"""

TABLE_JS = """
element.addEventListener('click', event => {
  const button = event.target.closest('button');
  if (button) trigger('delete', { index: button.dataset.index });
});
"""


def preview(rgb: NDArray[Any]) -> NDArray[np.uint8]:
    """A picture (H, W, 3) or (H, W), uint8 or uint16, made small enough for a screen: (h, w, 3) uint8."""
    image = Image.fromarray(to_8_bit(rgb)).convert("RGB")
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return np.asarray(image)


def stage(
    name: str, before: NDArray[np.uint8], after: NDArray[np.uint8], size: tuple[int, int], hints: Sequence[Hint]
) -> str:
    """The picture: `before` lies over `after` up to the divider.

    Args:
        name: of the photo.
        before, after: previews (h, w, 3) uint8.
        size: width and height of the photo, px, which hints refer to.
        hints: shown as dots.
    """
    width, height = size
    dots = "".join(
        f'<span class="dot" style="left:{(hint.x + 0.5) / width:.3%};top:{(hint.y + 0.5) / height:.3%};'
        f'background:{hint.color}"></span>'
        for hint in hints
    )
    wide = f"max-width:min(100%,calc(70vh * {width / height:.4f}))"
    who = escape(name)
    return (
        f'<div class="frame" tabindex="0" role="application" aria-label="{KEYS}" '
        f'data-width="{width}" data-height="{height}" '
        f'style="aspect-ratio:{before.shape[1]}/{before.shape[0]};{wide}">'
        f'<img class="after" alt="{who} in colour" src="{as_url(after)}">'
        f'<img class="before" alt="{who} as it came, without colour" src="{as_url(before)}">'
        f'<span class="divider"></span>{dots}<span class="cross"></span></div>'
        f'<label class="compare" style="{wide}"><span>Before</span>'
        '<input type="range" min="0" max="100" value="50" step="1" aria-label="How much of the photo is shown '
        'without colour, from the left"><span>After</span></label>'
    )


def table(hints: Sequence[Hint]) -> str:
    """The hints, a row each, with a button that removes it."""
    if not hints:
        return "<p>No hints yet.</p>"
    rows = "".join(
        f'<tr><td>{number + 1}</td><td>{hint.x}</td><td>{hint.y}</td><td><span class="swatch" '
        f'style="background:{hint.color}"></span> {hint.color}</td><td><button type="button" data-index="{number}" '
        f'aria-label="Remove hint {number + 1} at {hint.x}, {hint.y}">Remove</button></td></tr>'
        for number, hint in enumerate(hints)
    )
    every = '<button type="button" data-index="-1">Remove all</button>' if len(hints) > 1 else ""
    head = "".join(f'<th scope="col">{title}</th>' for title in ("No.", "x", "y", "Colour"))
    return f"<table><caption>Hints, in pixels of the photo</caption><tr>{head}<td>{every}</td></tr>{rows}</table>"


def as_url(rgb: NDArray[np.uint8]) -> str:
    """A picture in the page itself: nothing of it lies on the server's disk."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "jpeg", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
