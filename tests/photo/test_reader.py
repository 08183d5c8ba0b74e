"""reader: decoders that crash, hang, lie or fill the memory cost one photo; all others come through as they are."""

import io
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pictures
import pytest
from command import is_running, waits
from PIL import Image

from colorizegan.batch.ledger import Ledger
from colorizegan.batch.plan import make_plan
from colorizegan.batch.run import run_jobs
from colorizegan.colorize_file import FileOptions
from colorizegan.colorizer import Colorizer
from colorizegan.errors import ColorizeGANError, DecodeError, InputError, TooLargeError
from colorizegan.machine import Cancelled
from colorizegan.photo import reader as reader_module
from colorizegan.photo.photo import Limits, Photo
from colorizegan.photo.read import read_photo
from colorizegan.photo.reader import Reader
from colorizegan.photo.reader_process import as_frame, receive, send, take_photo
from colorizegan.photo.scan.scan import look_at

# Stands in for faults in the libraries of decoders: what a process does with a photo is decided by its name.
FAULTS = """
import ctypes, os, time
from pathlib import Path
from colorizegan.photo import reader_process as p
real, p.CPU_SECONDS = p.read_photo, 1
def read_photo(source, **options):
    name = source.name if isinstance(source, Path) else ""
    if "segv" in name: ctypes.string_at(0)
    if "abort" in name: os.abort()
    if "quit" in name: os._exit(0)
    if "spin" in name:
        while True: pass
    if "wait" in name: time.sleep(1000)
    if "late-crash" in name:
        real(source, **options); ctypes.string_at(0)
    if "eat" in name:
        options["admit"](1000); hoard = [bytearray(1 << 26) for _ in range(1000)]
    if "bug" in name: raise RuntimeError("two\\nlines")
    if "poison" in name:
        result = real(source, **options)
        p.poisoned = True
        return result
    if getattr(p, "poisoned", False): ctypes.string_at(0)
    return real(source, **options)
p.read_photo = read_photo
"""


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Decoder processes load FAULTS first."""
    (tmp_path / "faults").mkdir()
    (tmp_path / "faults" / "faults.py").write_text(FAULTS)
    real: Any = subprocess.Popen

    def popen(args: list[str], **options: Any) -> subprocess.Popen[bytes]:
        code = args[-1].replace("main()", f"sys.path.insert(0, {str(tmp_path / 'faults')!r}); import faults; main()")
        return real([*args[:-1], code], **options)

    monkeypatch.setattr(reader_module.subprocess, "Popen", popen)


@pytest.fixture
def reader() -> Iterator[Reader]:
    with Reader() as one:
        yield one


def put(folder: Path, name: str, seed: int = 0) -> Path:
    return pictures.put(folder / name, pictures.waves(60, 80, seed))


def test_photos_come_through_as_they_are(tmp_path: Path, reader: Reader) -> None:
    """All that a Photo holds, for arrays, metadata and remarks alike."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Zeiss", 6
    rng = np.random.default_rng(0)
    deep = rng.integers(0, 65535, (30, 40), np.uint16)
    rgba = rng.integers(0, 255, (30, 40, 4), np.uint8)
    Image.fromarray(deep).save(tmp_path / "deep.tif", dpi=(300, 300), exif=exif)
    Image.fromarray(rgba).save(tmp_path / "rgba.png", exif=exif)
    Image.fromarray(rgba[..., 0]).save(tmp_path / "gray.jpg", comment="Größe", exif=exif, icc_profile=b"damaged" * 40)
    for path in sorted(tmp_path.iterdir()):
        for source in (path, path.read_bytes()):
            here, there = read_photo(path, page=0, colors_too=True), reader.read(source, colors_too=True)
            for name in ("gray", "alpha", "rgb"):
                one, other = getattr(here, name), getattr(there, name)
                assert (one is None) == (other is None)
                if one is not None:
                    assert one.dtype == other.dtype
                    assert np.array_equal(one, other)
            assert vars(here.metadata) == vars(there.metadata)
            for name in ("is_color", "format", "pages", "remarks"):
                assert getattr(here, name) == getattr(there, name)
    assert reader.read(tmp_path / "gray.jpg").remarks == (
        "its ICC profile is damaged or does not fit it: taken as sRGB",
    )


def test_where_the_photo_lies_comes_through_as_it_is(tmp_path: Path, reader: Reader) -> None:
    Image.fromarray(pictures.torn_on_white()).save(tmp_path / "torn.png")
    here, there = read_photo(tmp_path / "torn.png").scan, reader.read(tmp_path / "torn.png").scan
    assert here is not None
    assert there is not None
    assert here.has_border
    assert here.tones is not None
    assert here.torn is not None
    assert there.torn is not None
    assert here == there
    assert np.array_equal(here.torn, there.torn)


def test_refusals_come_through_as_they_are(tmp_path: Path) -> None:
    put(tmp_path, "large.png")
    (tmp_path / "text.png").write_text("no photo")
    with Reader(limits=Limits(pixels=1000)) as reader:
        for name, kind in (("large.png", TooLargeError), ("text.png", DecodeError), ("missing.png", InputError)):
            with pytest.raises(kind) as here:
                read_photo(tmp_path / name, limits=Limits(pixels=1000))
            with pytest.raises(kind) as there:
                reader.read(tmp_path / name)
            assert str(here.value) == str(there.value)
        assert len(reader.idle) == 1, "a refusal is no reason for a new process"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("segv.png", r"the decoder crashed on it \(SIGSEGV\)"),
        ("abort.png", r"the decoder crashed on it \(SIGABRT\)"),
        ("quit.png", r"the decoder crashed on it \(status 0\)"),
        ("late-crash.png", r"the decoder crashed on it \(SIGSEGV\)"),
        ("bug.png", r"unexpected RuntimeError: two lines; please report this \[E_INTERNAL\]"),
        ("eat.png", "does not fit in memory|crashed"),
    ],
)
def test_a_crash_is_one_line_and_the_next_photo_is_read(
    tmp_path: Path, faulty: None, reader: Reader, name: str, words: str
) -> None:
    reader.seconds = 1000.0  # the clock is not what ends it, on a busy machine either
    good = put(tmp_path, "good.png")
    bad = put(tmp_path, name)
    with pytest.raises(ColorizeGANError, match=words) as caught:
        reader.read(bad)
    assert str(caught.value).startswith(f"{bad}: ")
    assert "\n" not in str(caught.value)
    assert np.array_equal(reader.read(good).gray, read_photo(good).gray)


def test_a_decoder_that_spins_is_ended_by_its_cpu_time(tmp_path: Path, faulty: None, reader: Reader) -> None:
    used = time.process_time()
    reader.seconds = 1000.0  # the clock is not what ends it
    with pytest.raises(DecodeError, match="takes too long to decode"):
        reader.read(put(tmp_path, "spin.png"))
    assert time.process_time() - used < 5
    assert reader.read(put(tmp_path, "good.png")).gray.shape == (60, 80)


def test_a_decoder_that_waits_for_ever_is_ended_by_the_clock(tmp_path: Path, faulty: None, reader: Reader) -> None:
    reader.seconds = 1.0
    with pytest.raises(DecodeError, match="takes too long to decode"):
        reader.read(put(tmp_path, "wait.png"))


def test_a_photo_does_not_fail_for_what_another_did(tmp_path: Path, faulty: None, reader: Reader) -> None:
    """The process that read `poison` crashes on whatever comes next; that is read by another one."""
    reader.read(put(tmp_path, "poison.png"))
    good = put(tmp_path, "good.png", 3)
    assert np.array_equal(reader.read(good).gray, read_photo(good).gray)


def test_waiting_for_room_is_not_the_decoders_time(tmp_path: Path, reader: Reader) -> None:
    path = put(tmp_path, "good.png")
    reader.read(path)  # the process has started
    reader.seconds = 1.0
    with reader.open(path) as photo:
        time.sleep(1.5)
        assert photo.pixels == 4800
        assert photo.decode().gray.shape == (60, 80)


def test_a_photo_that_nobody_decodes_costs_a_process_and_no_more(tmp_path: Path) -> None:
    path = put(tmp_path, "good.png")
    with Reader(most=1) as reader:
        with reader.open(path):
            pass
        assert reader.read(path).gray.shape == (60, 80)
        stop = threading.Event()
        with reader.open(path):  # who wants the only process now waits, until nobody waits for him
            threading.Timer(0.3, stop.set).start()
            with pytest.raises(Cancelled), reader.open(path, stop=stop):
                pass


def test_colours_come_where_the_photo_has_some_and_they_are_to_stay(tmp_path: Path, reader: Reader) -> None:
    rgb = pictures.colors(60, 80)
    colour = pictures.put(tmp_path / "colour.png", rgb)
    for path, keeps in ((colour, True), (put(tmp_path, "gray.png"), False)):
        with reader.open(path, keep_color=True) as photo:
            found = photo.decode()
        assert found.is_color == keeps
        assert (found.rgb is not None) == keeps
        assert found.rgb is None or np.array_equal(found.rgb, rgb)


def test_closing_ends_a_read_and_every_process(tmp_path: Path, faulty: None) -> None:
    reader = Reader(ready=2)
    path = put(tmp_path, "wait.png")
    outcome: list[BaseException] = []

    def read() -> None:
        try:
            reader.read(path)
        except Cancelled as error:
            outcome.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    while not reader.busy:
        time.sleep(0.01)
    processes = [one.process for one in (*reader.idle, *reader.busy)]
    time.sleep(0.3)
    reader.close()
    thread.join(10)
    assert not thread.is_alive()
    assert len(outcome) == 1
    assert all(process.poll() is not None for process in processes)
    with pytest.raises(Cancelled):
        reader.read(path)


def test_processes_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    code = "from colorizegan.photo.reader import Reader; r = Reader(ready=2)\n"
    code += "print(*(d.process.pid for d in r.idle), flush=True); import time; time.sleep(100)"
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    children = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(children) == 2
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert waits(lambda: not any(is_running(pid) for pid in children))


def test_a_run_over_faulty_decoders_does_all_the_rest(tmp_path: Path, tiny_bundle: Path, faulty: None) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    album.mkdir()
    names = ["segv.png", "abort.png", "late-crash.png", "quit.png"]
    for i in range(12):
        put(album, f"{i:02}.png", i)
    for i, name in enumerate(names):
        put(album, f"{3 * i:02}-{name}")
    plan = make_plan([str(album)], str(out))
    results = list(run_jobs(plan.jobs, Colorizer(tiny_bundle, threads=1), FileOptions(), ledger=Ledger(out), workers=3))
    failed = {Path(str(r.job.source)).name: r.code for r in results if r.status == "failed"}
    assert failed == {f"{3 * i:02}-{name}": "E_DECODE" for i, name in enumerate(names)}
    assert len(list(out.glob("*.png"))) == 12


def test_what_answers_is_not_trusted(tmp_path: Path) -> None:
    """A decoder that was taken over cannot make this process allocate or believe what was not admitted."""
    header = {"shape": [1 << 20, 1 << 20], "dtype": "uint8", "alpha": False, "rgb": False, "metadata": {}}
    stream = io.BytesIO()
    send(stream, header, [b"", b"", b"", b""])
    stream.seek(0)
    with pytest.raises(ValueError, match="another size"):
        take_photo(receive(stream), stream, pixels=100)
    pixels, beyond = np.zeros((30, 40), np.uint8), [0, 31, 0, 40]
    for name, found in (("window", beyond), ("seen", beyond), ("torn", [1 << 20, 1 << 20])):
        header, blocks = as_frame(Photo(pixels, scan=look_at(pixels)))
        header["scan"][name] = found
        stream = io.BytesIO()
        send(stream, header, blocks)
        stream.seek(0)
        with pytest.raises(ValueError, match=r"outside of itself|small picture of that size"):
            take_photo(receive(stream), stream, pixels=pixels.size)
    with pytest.raises(ValueError, match="length"):
        receive(io.BytesIO(b"\xff\xff\xff\xff"))
    with pytest.raises(EOFError):
        receive(io.BytesIO(b"\x10\0\0\0{"))


def test_a_signal_to_the_group_does_not_end_decoders(tmp_path: Path) -> None:
    """Ctrl-C reaches them too; photos under way are still finished."""
    with Reader(ready=1) as reader:
        path = put(tmp_path, "good.png")
        reader.read(path)
        process = reader.idle[0].process
        for number in (signal.SIGINT, signal.SIGTERM):
            process.send_signal(number)
        time.sleep(0.2)
        assert reader.read(path).gray.shape == (60, 80)
        assert reader.idle[0].process is process
