"""The web page: photos in, colours steered, results out. A thin shell over `colorizegan.serve.album`.

Everything stays on the machine that serves it: the page loads nothing from elsewhere. What a visitor uploads lies in a
folder of theirs, which goes when their session does.
"""

from __future__ import annotations

import asyncio
import html
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from colorizegan.colorizer import Colorizer
from colorizegan.errors import ColorizeGANError, UsageError
from colorizegan.serve.album import LIMITS, Album, Desk, hex_color
from colorizegan.serve.stage import EMPTY, STAGE_CSS, STAGE_JS, TABLE_CSS, TABLE_JS, table
from colorizegan.steer.film import Emulsion

if TYPE_CHECKING:
    from fastapi import FastAPI

CACHE = (600, 3600)  # every so many seconds, files that Gradio keeps for downloads and that are older go
EXAMPLES = (Path(__file__).parents[1] / "examples", Path(__file__).parents[2] / "examples" / "photos" / "gray")
HELP = (
    "Choose a colour, then click or tap the picture where it belongs; it spreads over what it is on. "
    "With the keyboard: arrow keys and Enter in the picture, or type the place."
)
# In the head: what Gradio is given as css it scopes, and rules for small screens then match nothing.
HEAD = """<style>
.gradio-container { max-width: 1200px !important; margin: 0 auto !important; }
footer { display: none !important; }
button, input[type="text"], input[type="number"] { min-height: 40px; }
#saturation input[type="number"], #saturation button { min-height: 0; }
#add, #hints button { border: 1px solid var(--border-color-primary) !important;
  background: var(--background-fill-primary) !important; }
#add { margin: 8px; width: auto; }
#proposals .grid-wrap, #examples .grid-wrap { min-height: 0; max-height: none; height: auto; }
:focus-visible, .gradio-container .app input:focus-visible, .gradio-container .app textarea:focus-visible {
  outline: 3px solid var(--color-accent) !important; outline-offset: 1px; }
:is(#which, #film):not(:focus-within) [role="listbox"] { display: none; } /* or it stays when Tab leaves it */
#proposals .grid-wrap, #examples .grid-wrap { padding-top: 2rem; overflow: hidden; } /* below the label */
@media (max-width: 640px) { .gradio-container .app { padding: 8px !important; } }
</style>"""
# Fonts of the visitor's system: Gradio's themes fetch theirs from elsewhere.
THEME = gr.themes.Default(
    primary_hue="blue", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
).set(  # light gray on white is hard to read
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_300",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_dark="*primary_700",
    button_primary_text_color="white",
)
FILMS = [
    ("any", "auto"),
    ("panchromatic: all colours", "panchromatic"),
    ("orthochromatic: blind to red", "orthochromatic"),
    ("old plates: blue only", "blue"),
]
NO_PHOTO = UsageError("there is no photo yet", remedy="drop one above, or take an example")


def build(desk: Desk) -> gr.Blocks:
    """The page. Serve it with `mount` or `launch`, which set what Gradio takes only there."""
    samples = next((sorted(folder.glob("*.jpg")) for folder in EXAMPLES if folder.is_dir()), [])
    with gr.Blocks(title="ColorizeGAN", analytics_enabled=False, delete_cache=CACHE) as page:
        album = gr.State(None, delete_callback=lambda state: state and shutil.rmtree(state.folder, ignore_errors=True))
        gr.Markdown("# ColorizeGAN\nColour for black-and-white photos. The colours are a guess: correct them below.")
        with gr.Row():
            with gr.Column(scale=3, min_width=300):
                files = gr.File(label="Photos", file_count="multiple", height=140, elem_id="files")
                picture = gr.HTML(
                    EMPTY, css_template=STAGE_CSS, apply_default_css=False, js_on_load=STAGE_JS, elem_id="stage"
                )
                status = gr.HTML(status_line(""), elem_id="status")
                download = gr.DownloadButton("Download", variant="primary", interactive=False, elem_id="download")
                examples = gr.Gallery(
                    [(str(path), path.stem.capitalize()) for path in samples], label="Examples", columns=3,
                    height="auto", allow_preview=False, buttons=[], interactive=False, visible=bool(samples),
                    elem_id="examples",
                )  # fmt: skip
            with gr.Column(scale=2, min_width=300):
                which = gr.Dropdown([], label="Photo shown", interactive=True, elem_id="which")
                saturation = gr.Slider(0, 4, 1.0, step=0.05, label="Saturation", info="0 is gray", elem_id="saturation")
                unsure = gr.Checkbox(label="Mark where the colours are a guess", elem_id="unsure")
                calm = gr.Checkbox(label="Less colour there", elem_id="calm")
                film = gr.Dropdown(FILMS, value="auto", label="Film", interactive=True, elem_id="film")
                with gr.Group():
                    gr.Markdown(HELP, padding=True)
                    with gr.Row():
                        picker = gr.ColorPicker("#3a6ea5", label="Pick a colour", min_width=110, elem_id="picker")
                        color = gr.Textbox("#3a6ea5", label="Colour", max_lines=1, min_width=110, elem_id="color")
                    with gr.Row():
                        x = gr.Number(0, label="x, from the left", precision=0, min_width=90, elem_id="x")
                        y = gr.Number(0, label="y, from the top", precision=0, min_width=90, elem_id="y")
                    add = gr.Button("Add hint", elem_id="add")
                    hints = gr.HTML(
                        table(()),
                        css_template=TABLE_CSS,
                        apply_default_css=False,
                        js_on_load=TABLE_JS,
                        padding=True,
                        elem_id="hints",
                    )
                ask = gr.Button("Propose colourings", elem_id="propose")
                gallery = gr.Gallery(
                    label="Proposals: choose one", columns=3, height="auto", allow_preview=False, buttons=[],
                    interactive=False, format="jpeg", visible=False, elem_id="proposals",
                )  # fmt: skip

        def draw(album: Album, unsure: bool, problems: Sequence[str] = ()) -> dict[Any, Any]:
            """Everything that follows from the album."""
            if not album.shots:
                return {status: status_line("; ".join(problems), wrong=True)}
            shot = album.shot
            scene, said = desk.show(shot, unsure)
            return {
                picture: scene,
                status: status_line("; ".join([*problems, said])),
                hints: table(shot.hints),
                which: gr.Dropdown([one.name for one in album.shots], value=shot.name),
                saturation: shot.saturation,
                calm: shot.tone_down,
                film: shot.emulsion,
                download: gr.DownloadButton("Preparing the file", value=None, interactive=False),
            }

        def failed(problems: Sequence[str]) -> dict[Any, Any]:
            """What is wrong, as a message and in the status line; all else stays."""
            for problem in problems:
                gr.Warning(html.escape(problem), duration=5)
            return {status: status_line("; ".join(problems), wrong=True)}

        def one_line(event: Callable[..., dict[Any, Any]]) -> Callable[..., dict[Any, Any]]:
            """An event whose errors are shown."""

            @wraps(event)
            def guarded(*args: Any) -> dict[Any, Any]:
                try:
                    return event(*args)
                except ColorizeGANError as error:
                    return failed([str(error)])

            return guarded

        def take(album: Album | None, paths: Sequence[str | Path], unsure: bool) -> dict[Any, Any]:
            """Add photos and show the first of them."""
            album, problems = desk.add(album, paths)
            for problem in problems:
                gr.Warning(html.escape(problem), duration=5)
            return cleared(album) | draw(album, unsure, problems)

        def cleared(state: Album) -> dict[Any, Any]:
            return {album: state, gallery: gr.Gallery([], visible=False)}

        def open_(album: Album | None) -> Album:
            if album is None or not album.shots:
                raise NO_PHOTO
            return album

        @one_line
        def uploaded(state: Album | None, paths: list[str] | None, unsure: bool) -> dict[Any, Any]:
            return take(state, paths or [], unsure) | {files: None}

        @one_line
        def example(state: Album | None, unsure: bool, choice: gr.SelectData) -> dict[Any, Any]:
            return take(state, [samples[choice.index]], unsure)

        @one_line
        def chosen(state: Album | None, name: str, unsure: bool) -> dict[Any, Any]:
            state = open_(state)
            names = [shot.name for shot in state.shots]
            state = replace(state, current=names.index(name))
            return cleared(state) | draw(state, unsure)

        @one_line
        def saturated(state: Album | None, value: float, unsure: bool) -> dict[Any, Any]:
            state = open_(state).changed(saturation=float(value))
            shown = draw(state, unsure) | {album: state}
            del shown[saturation]  # it may have been moved on in the meantime
            return shown

        @one_line
        def wished(state: Album | None, calm: bool, film: Emulsion, unsure: bool) -> dict[Any, Any]:
            state = open_(state).changed(tone_down=calm, emulsion=film)
            return draw(state, unsure) | {album: state}

        @one_line
        def marked(state: Album | None, unsure: bool) -> dict[Any, Any]:
            return draw(open_(state), unsure)

        def hinted(state: Album | None, x: float | None, y: float | None, color: str, unsure: bool) -> dict[Any, Any]:
            state = open_(state)
            state = state.changed(hints=desk.hint(state.shot, int(x or 0), int(y or 0), color))
            return draw(state, unsure) | {album: state}

        @one_line
        def clicked(state: Album | None, color: str, unsure: bool, event: gr.EventData) -> dict[Any, Any]:
            return hinted(state, event.x, event.y, color, unsure)

        @one_line
        def removed(state: Album | None, unsure: bool, event: gr.EventData) -> dict[Any, Any]:
            number = int(event.index)
            state = open_(state)
            old = state.shot.hints
            state = state.changed(hints=() if number < 0 else (*old[:number], *old[number + 1 :]))
            return draw(state, unsure) | {album: state}

        @one_line
        def proposed(state: Album | None) -> dict[Any, Any]:
            state = open_(state)
            found, pictures = desk.propose(state.shot)
            said = f"{len(found)} proposals, the likeliest first: choose one"
            state = state.changed(proposals=found)
            return {album: state, gallery: gr.Gallery(pictures, visible=True), status: status_line(said)}

        @one_line
        def picked(state: Album | None, unsure: bool, choice: gr.SelectData) -> dict[Any, Any]:
            state = open_(state)
            state = state.changed(hints=state.shot.proposals[choice.index].hints)
            return draw(state, unsure) | {album: state}

        @one_line
        def written(state: Album | None) -> dict[Any, Any]:
            if state is None or not state.shots:
                return {status: gr.skip()}
            path = desk.result(state)
            return {download: gr.DownloadButton(f"Download {path.name}", value=path, interactive=True)}

        shown = [album, picture, status, hints, which, saturation, calm, film, download, gallery, files]
        events = [
            files.upload(uploaded, [album, files, unsure], shown, **SERIAL),
            examples.select(example, [album, unsure], shown, **SERIAL),
            which.input(chosen, [album, which, unsure], shown, **SERIAL),
            saturation.input(saturated, [album, saturation, unsure], shown, trigger_mode="always_last", **SERIAL),
            calm.input(wished, [album, calm, film, unsure], shown, **SERIAL),
            film.input(wished, [album, calm, film, unsure], shown, **SERIAL),
            unsure.input(marked, [album, unsure], shown, trigger_mode="always_last", **SERIAL),
            picture.click(clicked, [album, color, unsure], shown, **SERIAL),
            add.click(one_line(hinted), [album, x, y, color, unsure], shown, **SERIAL),
            hints.delete(removed, [album, unsure], shown, **SERIAL),
            gallery.select(picked, [album, unsure], shown, **SERIAL),
        ]
        for event in events:
            event.then(written, [album], [download, status], concurrency_id="files", **QUIET)
        ask.click(proposed, [album], shown, **SERIAL)
        picker.input(hex_color, picker, color, queue=False, **QUIET)
    return page


QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
# The network uses every core: one photo at a time, and the events of a visitor in their order.
SERIAL: dict[str, Any] = {"concurrency_id": "colorize", "show_progress": "minimal", "api_visibility": "private"}


def mount(app: FastAPI, colorizer: Colorizer, path: str = "/") -> Callable[[], None]:
    """Put the page into an application. Analytics are off, and uploads over the limit are refused as they come.

    Args:
        app: with all its own routes, if `path` is above them.
        colorizer: the model; it may be used elsewhere at the same time.
        path: where the page is.

    Returns:
        What to call in the end: it deletes what visitors brought.
    """
    desk = Desk(colorizer)

    async def put() -> None:  # where no loop runs, Gradio makes some that it never closes
        gr.mount_gradio_app(
            app, build(desk), path, theme=THEME, head=HEAD, footer_links=[], run_history=False,
            ssr_mode=False, show_error=False, max_file_size=LIMITS.bytes,
        )  # fmt: skip

    asyncio.run(put())
    return desk.close


def launch(colorizer: Colorizer, *, port: int | None = None, wait: bool = True) -> gr.Blocks:
    """Serve the page alone, at 127.0.0.1 unless GRADIO_SERVER_NAME says otherwise.

    Args:
        port: default GRADIO_SERVER_PORT, else the first free one from 7860 on.
        wait: until it is ended; otherwise `close()` the page that is returned.
    """

    async def start() -> gr.Blocks:  # as for mount
        page = build(Desk(colorizer))
        page.launch(
            server_port=port, prevent_thread_lock=True, theme=THEME, head=HEAD, footer_links=[], run_history=False,
            ssr_mode=False, show_error=False, max_file_size=LIMITS.bytes, quiet=True, share=False,
        )  # fmt: skip
        return page

    page = asyncio.run(start())
    if wait:
        page.block_thread()
    return page


def status_line(text: str, *, wrong: bool = False) -> str:
    """Read out by screen readers as it changes."""
    mark = "<strong>Not done:</strong> " if wrong else ""
    return f'<p role="status" aria-live="polite">{mark}{html.escape(text)}</p>'
