"""The HTTP service as its clients meet it: every route, every error, every limit; hostile files and hostile clients."""

import asyncio
import base64
import contextlib
import dataclasses
import json
import re
import signal
import socket
import tarfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from command import call, command, start, waits
from http_client import Client, running
from pictures import blots, encoded, heic, pixels, waves
from PIL import Image

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from colorizegan import errors
from colorizegan.colorize_file import FileOptions, provenance
from colorizegan.colorizer import Colorizer
from colorizegan.photo.read import read_photo
from colorizegan.photo.write import encode_photo
from colorizegan.serve import problems
from colorizegan.serve.limits import ServiceLimits
from colorizegan.serve.middleware import BodyRateLimit
from colorizegan.serve.options import best_format, read_options
from colorizegan.serve.problems import problem_of
from colorizegan.steer.hints import Hint
from colorizegan.steer.look import Look

TIGHT = ServiceLimits(pixels=1_000_000, bytes=300_000, queue=3, seconds=4, silence=1, options=5_000, size=256)


def picture(format: str = "JPEG", size: tuple[int, int] = (96, 64), seed: int = 0) -> bytes:
    """A gray photo; every seed another one."""
    return encoded(waves(size[1], size[0], seed), format)


IN_COLOUR = encoded(blots(0, 96, 64))


@pytest.fixture(scope="module")
def tight(tiny_bundle: Path) -> Iterator[Client]:
    """A server with limits that a test can reach."""
    with running(tiny_bundle, TIGHT) as found:
        yield found


def is_at_rest(client: Client) -> bool:
    """Whether nothing of any request is left: no file, no place in the queue, no memory."""
    queue = client.queue

    def is_empty() -> bool:
        return not (queue.waiting or queue.working or queue.spooled or queue.budget.taken or any(queue.path.iterdir()))

    return waits(is_empty)


def expected(raw: bytes, bundle: Path, settings: FileOptions | None = None, format: str | None = None) -> bytes:
    """What the library makes of a photo."""
    settings = settings or FileOptions()
    colorizer = Colorizer(bundle)
    photo = read_photo(raw)
    rgb = colorizer.colorize(photo, settings.look)
    note = provenance(colorizer, settings)
    return encode_photo(rgb, photo, format=format, quality=settings.quality, strip=settings.strip, note=note)


# Photos in and out


@pytest.mark.parametrize(
    ("format", "kind"), [("JPEG", "jpeg"), ("PNG", "png"), ("TIFF", "tiff"), ("WEBP", "webp"), ("PPM", "x-portable")]
)
def test_a_photo_comes_back_in_its_own_format_as_the_library_makes_it(
    client: Client, tiny_bundle: Path, format: str, kind: str
):
    raw = picture(format)
    reply = client.colorize(raw)
    assert reply.status == 200
    assert reply.headers["content-type"].startswith(f"image/{kind}")
    assert reply.body == expected(raw, tiny_bundle)


def test_options_come_in_the_query_in_a_form_or_as_json(client: Client, tiny_bundle: Path):
    raw = picture()
    wanted = expected(raw, tiny_bundle, FileOptions(Look(saturation=1.5, size=64), quality=80, strip=True))
    query = "?saturation=1.5&quality=80&size=64&strip=true"
    assert client.colorize(raw, query).body == wanted
    fields = [("saturation", None, b"1.5"), ("quality", None, b"80"), ("size", None, b"64"), ("strip", None, b"1")]
    assert client.form([("photo", "x.jpg", raw), *fields]).body == wanted
    options = json.dumps({"saturation": 1.5, "quality": 80, "size": 64, "strip": True}).encode()
    assert client.form([("options", None, options), ("photo", "x.jpg", raw)]).body == wanted
    assert client.form([("file", "x.jpg", raw), ("options", None, options)], "/v1/colorize?quality=3").body == wanted


def test_the_client_chooses_the_format(client: Client, tiny_bundle: Path):
    raw = picture()
    assert client.colorize(raw, Accept="image/png").body == expected(raw, tiny_bundle, format="png")
    assert client.colorize(raw, "?format=tiff").headers["content-type"] == "image/tiff"
    assert "image/jpeg" in client.colorize(raw, Accept="text/html").problem(406, "E_USAGE")


@pytest.mark.parametrize(
    ("accept", "format"),
    [
        ("*/*", "jpeg"),
        ("", "jpeg"),
        ("image/*", "jpeg"),
        ("image/webp, image/png;q=0.9", "webp"),
        ("image/png;q=0.5, */*;q=0.1", "png"),
        ("image/jpeg;q=0, image/*", "png"),
        ("image/avif,image/webp,image/*,*/*;q=0.8", "jpeg"),
    ],
)
def test_accept(accept: str, format: str):
    assert best_format(accept, "jpeg") == format


def test_a_photo_in_colour_comes_back_as_it_is(client: Client):
    raw = IN_COLOUR
    reply = client.colorize(raw)
    assert reply.body == raw
    assert "in colour already" in json.loads(reply.headers["x-colorizegan-remarks"])[0]
    assert client.colorize(raw, "?force=true").body != raw
    assert client.colorize(raw, Accept="image/*;q=0.5, image/webp").body == raw
    for refused in (client.colorize(raw, Accept="image/webp"), client.colorize(raw, "?format=tiff")):
        assert "force" in refused.problem(406, "E_USAGE")


def test_damaged_files_are_refused_unless_asked_for(client: Client):
    raw = picture(size=(400, 300))
    cut = raw[: len(raw) * 2 // 3]
    assert "allow_truncated" in client.colorize(cut).problem(422, "E_DECODE")
    reply = client.colorize(cut, "?allow_truncated=true")
    assert reply.status == 200
    assert "damaged" in reply.headers["x-colorizegan-remarks"]


def test_prediction(client: Client, tiny_bundle: Path):
    raw = picture(size=(96, 64))
    found = client.send("POST", "/v1/predict", raw).json
    confidence = Colorizer(tiny_bundle).predict(raw).confidence()
    assert (found["width"], found["height"], found["is_color"]) == (96, 64, False)
    assert (found["confidence"]["height"], found["confidence"]["width"]) == confidence.shape
    assert found["confidence"]["mean"] == pytest.approx(confidence.mean(), abs=1e-4)
    png = pixels(base64.b64decode(found["confidence"]["png"]))
    assert np.abs(png / 255 - confidence).max() < 0.003


def test_names_that_people_type_are_understood(client: Client):
    raw = picture("PNG")
    red = client.colorize(raw, "?hints=40,30,%23ff0000").body
    for hints in ("40,30,red", "40,30,%23f00", quote('[{"x": 40, "y": 30, "color": "red"}]')):
        assert client.colorize(raw, f"?hints={hints}").body == red
    wrong = client.colorize(raw, "?hints=" + quote('[{"x": 40, "y": 30, "color": "reddish"}]'))
    assert wrong.status == 400
    assert b"the hint's colour 'reddish' is none" in wrong.body
    for name, kind in (
        ("jpg", "jpeg"), ("jpeg", "jpeg"), ("tif", "tiff"), ("tiff", "tiff"), ("JPEG", "jpeg"), (".jpg", "jpeg"),
        (".TIF", "tiff"), ("PNG", "png"),
    ):  # fmt: skip
        assert client.colorize(raw, f"?format={name}").headers["content-type"] == f"image/{kind}"
    assert client.colorize(raw, "?emulsion=BLUE").body == client.colorize(raw, "?emulsion=blue").body


def test_hints_and_proposals(client: Client, tiny_bundle: Path):
    raw = picture("PNG")
    hint = {"x": 40, "y": 30, "color": "#c02020"}
    wanted = expected(raw, tiny_bundle, FileOptions(Look(hints=(Hint(**hint),))))
    assert client.colorize(raw).body != wanted
    named = hint | {"color": "#C02020"}
    for query in ("hints=40,30,%23c02020", *("hints=" + quote(json.dumps([one])) for one in (hint, named))):
        assert client.colorize(raw, f"?{query}").body == wanted
    answer = json.loads(client.send("POST", "/v1/predict?proposals=3&seed=1", raw).body)
    found = Colorizer(tiny_bundle).propose(read_photo(raw).gray, count=3, seed=1)
    assert [one["likelihood"] for one in answer["proposals"]] == [round(one.likelihood, 4) for one in found]
    last = answer["proposals"][-1]["hints"]
    assert [Hint(**one) for one in last] == list(found[-1].hints)
    # A proposal is what its hints make, and what picking it makes; only the note in the file differs.
    again = client.colorize(raw, "?hints=" + quote(json.dumps(last)))
    picked = client.colorize(raw, f"?proposals=3&seed=1&pick={len(found)}")
    assert np.array_equal(pixels(again.body), pixels(picked.body))


def test_the_colours_of_another_photo(client: Client, tiny_bundle: Path, tmp_path: Path):
    raw, like = picture("PNG"), IN_COLOUR
    (tmp_path / "like.png").write_bytes(like)
    rgb = read_photo(like, colors_too=True).rgb
    assert rgb is not None
    palette = Colorizer(tiny_bundle).palette(rgb)
    wanted = expected(raw, tiny_bundle, FileOptions(Look(like=palette)))
    reply = client.form([("like", "l", like), ("photo", "p", raw)])
    assert reply.body == wanted
    assert not np.array_equal(pixels(wanted), pixels(client.colorize(raw).body))
    assert b"like" in reply.body  # the note says so
    assert "no colours" in client.form([("photo", "p", raw), ("like", "l", raw)]).problem(400, "E_USAGE")
    client.form([("photo", "p", raw), ("like", "l", b"text")]).problem(422, "E_DECODE")
    assert is_at_rest(client)


def test_warmth(client: Client, tiny_bundle: Path):
    raw = picture("PNG")
    warm, plain, cool = (pixels(client.colorize(raw, f"?warmth={w}").body).astype(int) for w in (1, 0, -1))
    assert (warm - plain)[..., 0].mean() > 3 < (plain - cool)[..., 0].mean()
    assert (warm - plain)[..., 2].mean() < -3 > (plain - cool)[..., 2].mean()
    gray = pixels(client.colorize(raw, "?warmth=1&saturation=0").body)
    assert np.ptp(gray, axis=2).max() == 0
    assert client.colorize(raw, "?warmth=0.5").body == expected(raw, tiny_bundle, FileOptions(Look(warmth=0.5)))


def test_a_prediction_is_all_that_painting_needs(client: Client, tiny_bundle: Path):
    raw = picture("TIFF", (960, 640))
    found = client.send("POST", "/v1/predict?preview=240&saturation=2&warmth=1&proposals=3", raw).json
    colorizer, gray = Colorizer(tiny_bundle), read_photo(raw).gray
    ab = colorizer.predict(gray, Look()).ab  # saturation and warmth are left to whoever paints
    sent = np.frombuffer(base64.b64decode(found["ab"]["data"]), "<i2").reshape(2, found["ab"]["height"], -1) / 100
    assert sent.shape == ab.shape
    assert np.abs(sent - ab).max() <= 0.0051
    assert found["format"] == "tiff"
    assert [len(one["hints"]) > 0 for one in found["proposals"]].count(False) == 1
    assert all(one["ab"]["width"] == found["ab"]["width"] for one in found["proposals"])
    small = pixels(base64.b64decode(found["preview"]["jpeg"]))
    assert small.shape[1::-1] == (240, 160) == (found["preview"]["width"], found["preview"]["height"])
    small = small.reshape(160, 240, -1)[..., 0].astype(float)
    assert np.abs(small - gray.reshape(160, 4, 240, 4).mean((1, 3))).mean() < 2
    # Of 16 bit, smaller than asked for, and in colour already.
    deep = encoded(np.linspace(0, 65535, 96 * 64).reshape(64, 96).astype(np.uint16), "TIFF")
    found = client.send("POST", "/v1/predict?preview=4000", deep).json
    small = pixels(base64.b64decode(found["preview"]["jpeg"]))
    assert small.shape == (64, 96)
    assert np.abs(small[:, 0] - np.linspace(0, 252, 64)).max() < 6
    for query, colourful in (("", True), ("&force=true", False)):
        found = client.send("POST", f"/v1/predict?preview=96{query}", IN_COLOUR).json
        assert (pixels(base64.b64decode(found["preview"]["jpeg"])).ndim == 3) == colourful
    assert client.send("POST", "/v1/predict", raw).json["preview"] is None
    client.send("POST", "/v1/predict?preview=5000", raw).problem(400, "E_USAGE")


def test_the_model_is_told(client: Client, tiny_bundle: Path):
    (model,) = client.get("/v1/models").json["models"]
    assert (model["name"], model["version"], model["licence"]) == ("tiny", "0", "MIT")
    assert client.send("POST", "/v1/predict", picture()).json["model"] == f"tiny {model['digest']}"


def test_openapi_describes_everything_in_itself(client: Client):
    text = client.get("/openapi.json").body.decode()
    api = json.loads(text)

    def follow(reference: str) -> None:
        place: Any = api
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]

    for reference in re.findall(r'"\$ref":\s*"([^"]+)"', text):
        follow(reference)  # KeyError where it leads nowhere
    hints = next(one for one in api["paths"]["/v1/colorize"]["post"]["parameters"] if one["name"] == "hints")
    assert set(hints["schema"]["items"]["properties"]) == {"x", "y", "color"}


def test_state(client: Client):
    assert client.get("/health").json["status"] == "ok"
    assert client.get("/ready").json["status"] == "ready"
    before = client.figure('colorizegan_requests_total{route="/v1/colorize",status="200"}')
    client.colorize(picture())
    assert client.figure('colorizegan_requests_total{route="/v1/colorize",status="200"}') == before + 1
    assert client.figure("process_open_fds") > 5
    text = client.get("/metrics").body.decode()
    assert "# TYPE colorizegan_request_seconds histogram" in text
    paths = client.get("/openapi.json").json["paths"]
    assert {"/v1/colorize", "/v1/predict", "/health", "/ready", "/metrics"} <= set(paths)
    names = {parameter["name"] for parameter in paths["/v1/colorize"]["post"]["parameters"]}
    assert {"saturation", "size", "quality", "strip"} <= names


# Who may ask, and what an answer carries


def test_request_ids(client: Client):
    assert client.get("/health", X_Request_ID="mine-17").headers["x-request-id"] == "mine-17"
    made = {client.get("/health", X_Request_ID=odd).headers["x-request-id"] for odd in ("", "a b", "x" * 65, "é")}
    assert len(made) == 4
    assert all(name.isalnum() for name in made)


def test_hosts_and_origins(client: Client):
    host = f"127.0.0.1:{client.port}"
    raw = picture()
    for name in (host, f"localhost:{client.port}", "LOCALHOST"):
        assert client.get("/health", Host=name).status == 200
    for name in ("evil.example", "127.0.0.1.evil.example", "", f"evil.example:{client.port}"):
        client.colorize(raw, Host=name).problem(421, "E_REFUSED")
    assert client.colorize(raw, Origin=f"http://{host}").status == 200
    for origin in ("http://evil.example", "null", f"http://{host}.evil.example", f"http://localhost:{client.port}"):
        client.colorize(raw, Origin=origin).problem(403, "E_REFUSED")
    for origin in ("http://[::1", "http://]", "//[x"):
        client.colorize(raw, Origin=origin).problem(400, "E_USAGE")


@pytest.mark.parametrize("names", [("127.0.0.1", "evil.example"), ("evil.example", "127.0.0.1"), ("127.0.0.1",) * 2])
def test_one_host_is_one(client: Client, names: tuple[str, str]):
    with client.socket() as connection:
        lines = "".join(f"Host: {name}\r\n" for name in names)
        connection.sendall(f"GET /health HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())
        answer = ends(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"E_USAGE" in answer or b"Invalid" in answer


def test_everywhere_is_every_address_and_no_strange_name(tiny_bundle: Path):
    with running(tiny_bundle, host="0.0.0.0") as client:
        for name in ("192.168.1.5:8000", "10.0.0.7", "[fe80::1]:80", "localhost", socket.gethostname()):
            assert client.get("/health", Host=name).status == 200
        for name in ("evil.example", "1.2.3.4.evil.example", "[::1", "192.168.1"):
            client.get("/health", Host=name).problem(421, "E_REFUSED")


def test_more_names_may_be_allowed(tiny_bundle: Path):
    with running(tiny_bundle, hosts=["photos.example"]) as client:
        assert client.get("/health", Host="photos.example:443").status == 200
        client.get("/health", Host="photo.example").problem(421, "E_REFUSED")


def test_what_is_not_there(client: Client):
    reply = client.get("/nothing")
    reply.problem(404, "E_USAGE")
    assert reply.json["title"] == "Not Found"
    assert client.get("/v1/colorize").json["title"] == "Method Not Allowed"
    client.get("/v1/colorize").problem(405, "E_USAGE")
    client.send("DELETE", "/health").problem(405, "E_USAGE")
    assert client.get("/v1/colorize").headers["allow"] == "POST"


def test_head_is_get_without_a_body(client: Client):
    whole, head_only = client.get("/health"), client.send("HEAD", "/health")
    assert head_only.status == 200
    assert head_only.body == b""
    assert head_only.headers["content-length"] == whole.headers["content-length"]
    assert client.send("HEAD", "/v1/colorize").status == 405


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?saturation=5", "option 'saturation' is wrong; use a number from 0 to 4"),
        ("?saturation=nan", "saturation"),
        ("?force=perhaps", "option 'force' is wrong; use true or false"),
        ("?quality=1.5", "option 'quality' is wrong; use a whole number from 1 to 100"),
        ("?pick=0&proposals=2", "option 'pick' is wrong; use a whole number, 1 or more"),
        ("?size=5000", "size is 5000"),
        ("?size=abc", "size"),
        ("?format=gif", "option 'format' is wrong; use one of jpeg, png, tiff"),
        ("?format=.HEIC", "option 'format' is wrong; use one of jpeg, png, tiff"),
        ("?hints=red", "option 'hints': 'red' is no hint; write it as x,y,#rrggbb"),
        ("?url=http://example.com/x.jpg", "no option 'url'"),
        ("?path=/etc/passwd", "no option 'path'"),
    ],
)
def test_wrong_options(client: Client, query: str, said: str):
    assert said in client.colorize(picture(), query).problem(400, "E_USAGE")


def test_forms_that_are_none(client: Client):
    raw = picture()
    photo = ("photo", "x.jpg", raw)
    kind = "multipart/form-data; boundary=XX"
    cases: list[Any] = [
        client.form([("options", None, b"{}")]),
        client.form([photo, photo]),
        client.form([("", "x.jpg", raw)]),
        client.form([photo, ("options", None, b"[1]")]),
        client.form([photo, ("options", None, b"{" * 4000)]),
        client.form([photo, ("saturation", None, b"\xff\xfe")]),
        client.form([photo, ("file2", "y.jpg", b"x")]),
        client.colorize(b"--XX\r\nnonsense", Content_Type=kind),
        client.colorize(b'--XX\r\nContent-Disposition: form-data; name="photo"\r\n\r\nabc', Content_Type=kind),
        client.colorize(raw, Content_Type="multipart/form-data"),
        client.colorize(raw, Content_Encoding="gzip"),
        client.form([("photo", None, raw)]),
        client.form([photo, ("file", "y.jpg", raw)]),
        client.form([("like", "x.jpg", raw)]),
        client.form([photo, ("like", None, b"x.jpg")]),
        client.colorize(b""),
    ]
    for reply in cases:
        reply.problem(400, "E_USAGE")
    assert "the body of the request is empty" in cases[-1].json["detail"]
    for form in ([("photo", "x.jpg", b"")], [photo, ("like", "x.jpg", b"")]):
        assert "the file that was sent is empty; choose another" in client.form(form).problem(422, "E_DECODE")
    assert is_at_rest(client)


def test_every_error_has_its_status():
    own = [kind for kind in problems.STATUS if kind.__module__ == problems.__name__]
    assert len(own) == 7
    titles: dict[str, int] = {}
    common = {getattr(errors, name) for name in errors.__all__} - {errors.MissingExtraError}
    for kind in [*common, *own]:
        error = kind("reason", remedy="use --allow-truncated or --allow-host", path="/x/y")
        status, _, problem = problem_of(error, "i")
        assert 400 <= status < 600
        assert problem["code"] == kind.code
        assert problem["detail"] == "reason; use allow_truncated or --allow-host"  # no path, and options as fields
        assert titles.setdefault(str(problem["title"]), status) == status
    assert problem_of(ValueError("secret"), "i")[2]["detail"] == "unexpected ValueError; please report this"


# Limits


def test_limits_of_a_photo(tight: Client):
    raw = encoded(np.random.default_rng(0).integers(0, 255, (600, 600)).astype(np.uint8))
    assert len(raw) > TIGHT.bytes
    detail = tight.colorize(raw).problem(413, "E_TOO_LARGE")
    assert "300,000 bytes" in detail
    tight.form([("photo", "x.png", raw)]).problem(413, "E_TOO_LARGE")
    tight.colorize(iter([raw[:1000]] * 1000)).problem(413, "E_TOO_LARGE")  # in chunks, of no announced length
    assert "1 Mpx" in tight.colorize(picture("PNG", (2000, 501))).problem(413, "E_TOO_LARGE")
    pages = [Image.fromarray(np.full((8, 8), n, np.uint8)) for n in (1, 2)]
    two = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert "pages" in tight.colorize(two).problem(413, "E_TOO_LARGE")
    frames = encoded(pages[0], "GIF", save_all=True, append_images=pages[1:])
    assert "2 frames, over the limit of 1; split it first" in tight.colorize(frames).problem(413, "E_TOO_LARGE")
    assert is_at_rest(tight)


def test_the_main_picture_of_several_is_taken_as_by_the_command(tight: Client, folder: Path):
    raw = heic(waves(48, 64, 1), waves(48, 64, 2))
    reply = tight.colorize(raw)
    assert reply.status == 200
    remark = "it has 2 pictures, of which jpeg gets the main one"
    assert remark in reply.headers["x-colorizegan-remarks"]
    (folder / "two.heic").write_bytes(raw)
    done = call("colorize", "two.heic", "-o", "out.jpg")
    assert remark in done.stderr
    assert np.array_equal(pixels("out.jpg"), pixels(reply.body))


def test_limits_of_a_form(tight: Client):
    photo = ("photo", "x.jpg", picture())
    tight.form([photo, ("options", None, b" " * 6000)]).problem(413, "E_TOO_LARGE")
    many = [(f"p{n}", None, b"1") for n in range(2000)]
    tight.form([*many, photo]).problem(413, "E_TOO_LARGE")
    assert is_at_rest(tight)


ODD_NAMES = ["../../../etc/x.jpg", "/etc/x.jpg", "C:\\x.jpg", "\\\\host\\x", "‥/x", "x\0.jpg", "a" * 4096, "-", "CON"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_of_files_are_never_looked_at(client: Client, name: str):
    before = sorted(Path.cwd().iterdir())
    raw = picture()
    assert client.form([("photo", name, raw)]).body == client.colorize(raw).body
    assert sorted(Path.cwd().iterdir()) == before
    assert is_at_rest(client)


@contextlib.contextmanager
def all_threads_busy(client: Client) -> Iterator[None]:
    hold = threading.Event()
    futures = [client.queue.pool.submit(hold.wait, 60) for _ in range(TIGHT.batch)]
    try:
        yield
    finally:
        hold.set()
    assert [future.result() for future in futures]
    assert is_at_rest(client)


def test_a_full_queue_says_when_to_come_again(tight: Client):
    queue, raw = tight.queue, picture()
    with ThreadPoolExecutor(10) as pool, all_threads_busy(tight):
        replies = [pool.submit(tight.colorize, raw) for _ in range(10)]
        assert waits(lambda: sum(reply.done() for reply in replies) == 10 - TIGHT.queue)
        assert queue.waiting == TIGHT.queue
        tight.get("/ready").problem(503, "E_BUSY")
        assert tight.get("/health").status == 200
    done = [reply.result() for reply in replies]
    refused = [reply for reply in done if reply.status == 503]
    assert len(refused) == 10 - TIGHT.queue
    for reply in refused:
        reply.problem(503, "E_BUSY")
        assert 1 <= int(reply.headers["retry-after"]) <= 60
    assert len({reply.body for reply in done if reply.status == 200}) == 1


@pytest.mark.slow
def test_what_takes_too_long_is_given_up(tight: Client):
    with all_threads_busy(tight):
        start = time.monotonic()
        tight.colorize(picture()).problem(504, "E_TIMEOUT")
        assert TIGHT.seconds - 1 < time.monotonic() - start
        assert tight.queue.waiting == 0


# Clients that do not behave


def head(length: int | str) -> bytes:
    return f"POST /v1/colorize HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n".encode()


def ends(connection: socket.socket, seconds: float = 60) -> bytes:
    """What the server says until it closes the connection."""
    connection.settimeout(seconds)
    found = b""
    try:
        while chunk := connection.recv(65536):
            found += chunk
    except ConnectionResetError:
        pass
    return found


def body_of(answer: bytes) -> bytes:
    """What has come of an answer's body."""
    return answer.partition(b"\r\n\r\n")[2]


def size_of(answer: bytes) -> int:
    """What was to come of it."""
    return int(answer.partition(b"content-length: ")[2].split(b"\r\n")[0])


def test_slow_clients_are_cut_off(tight: Client):
    with tight.socket() as nothing, tight.socket() as header, tight.socket() as body, tight.socket() as reader:
        header.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A")
        body.sendall(head(1000) + b"x")
        reader.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")  # keeps its connection, and asks no more
        assert ends(nothing) == b""
        assert ends(header) == b""
        assert b"408 Request Timeout" in ends(body)
        assert b"200 OK" in ends(reader)
    assert is_at_rest(tight)


@pytest.mark.slow
def test_dripping_bodies_and_headers_are_cut_off(tight: Client):
    """A byte now and then keeps nobody waiting for ever."""
    with tight.socket() as header, tight.socket() as body:
        header.sendall(b"GET /health HTTP/1.1\r\n")
        body.sendall(head(1000))
        start = time.monotonic()
        open_ends = {header: b"X", body: b"x"}
        while open_ends and time.monotonic() - start < 15:
            for connection, drip in list(open_ends.items()):
                try:
                    connection.sendall(drip)
                    connection.settimeout(0.1)
                    if not connection.recv(65536):
                        del open_ends[connection]
                except TimeoutError:
                    pass
                except OSError:
                    del open_ends[connection]
            time.sleep(0.2)
        assert not open_ends
    assert is_at_rest(tight)


def test_answers_that_nobody_reads_are_dropped(tiny_bundle: Path):
    with running(tiny_bundle, dataclasses.replace(TIGHT, pixels=50_000_000, bytes=50_000_000, seconds=60)) as client:
        raw = picture("PNG", (3000, 2000))
        with client.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            connection.sendall(head(len(raw)).replace(b"colorize", b"colorize?format=tiff") + raw)
            assert waits(lambda: client.figure('colorizegan_requests_total{route="/v1/colorize",status="200"}'))
            assert is_at_rest(client)
            found = ends(connection)
    assert len(body_of(found)) < size_of(found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format", "rate", "pause"),
    [("tiff", 200_000, 0.3), ("tiff", 35_000, 0.08), ("png", 131_072, 1), ("bmp", 100_000, 0.08)],
    ids=["200 KB/s", "35 KB/s", "a gulp a second", "100 KB/s"],
)
def test_who_reads_slowly_but_steadily_gets_all(tiny_bundle: Path, format: str, rate: int, pause: float):
    limits = dataclasses.replace(TIGHT, pixels=50_000_000, bytes=50_000_000, seconds=60, silence=4)
    raw = picture("PNG", (3000, 2000))
    with running(tiny_bundle, limits) as client, client.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        connection.sendall(head(len(raw)).replace(b"colorize", f"colorize?format={format}".encode()) + raw)
        connection.settimeout(60)
        found = connection.recv(1)
        began = time.monotonic()
        while (elapsed := time.monotonic() - began) < 9:  # over twice the silence that is allowed
            # A busy machine makes the pauses longer; what was missed is read in the next sip, so that the rate is kept.
            found += connection.recv(max(int(rate * (elapsed + pause)) - len(found), 1))
            time.sleep(pause)
        found += ends(connection)
    assert len(body_of(found)) == size_of(found) > 500_000


@pytest.mark.parametrize(
    "flood",
    [
        b"X-A: " + b"a" * 200_000,  # one endless header
        b"X-A: a\r\n" * 20_000,
        b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 100_000,  # chunks of a byte
        b"Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n" + b"X-A: a\r\n" * 100_000,  # trailers
    ],
)
def test_padding_is_not_taken(tight: Client, flood: bytes):
    with tight.socket() as connection:
        with contextlib.suppress(OSError):
            connection.sendall(b"POST /v1/colorize HTTP/1.1\r\nHost: 127.0.0.1\r\n" + flood)
        ends(connection)
    assert tight.get("/health").status == 200
    assert is_at_rest(tight)


@pytest.mark.slow
def test_who_sends_steadily_gets_the_answer_after_the_body(tight: Client):
    """Most libraries read the answer when they have sent all of the body, wanted or not."""
    with tight.socket() as connection:
        block = bytes(500_000)
        connection.sendall(head(20 * len(block)).replace(b"127.0.0.1", b"elsewhere"))
        for _ in range(20):  # 4 s, longer than one who sends nothing is waited for
            connection.sendall(block)
            time.sleep(0.2)
        assert b"421" in ends(connection)[:20]
    assert is_at_rest(tight)


def test_bodies_share_a_speed():
    body_rate = BodyRateLimit(1e6)

    async def pass_all() -> list[float]:
        start = time.monotonic()

        async def one(size: int) -> float:
            await body_rate.wait_for(size)
            return time.monotonic() - start

        return list(await asyncio.gather(one(100_000), one(100_000), one(0), one(100_000)))

    first, second, empty, third = asyncio.run(pass_all())
    assert first < 0.05
    assert 0.1 <= second < third
    assert third >= 0.2
    assert empty < 0.05


def test_endless_chunks_are_answered_with_413(tight: Client):
    with tight.socket() as connection:
        connection.sendall(b"POST /v1/colorize HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.settimeout(0.01)
        sent, answer, end = 0, b"", time.monotonic() + 60
        with contextlib.suppress(OSError):  # until the server has enough
            while b"E_TOO_LARGE" not in answer and time.monotonic() < end:
                with contextlib.suppress(TimeoutError):
                    sent += connection.send(b"4000\r\n" + b"x" * 0x4000 + b"\r\n") if sent % 16392 == 0 else 0
                with contextlib.suppress(TimeoutError):
                    answer += connection.recv(65536)
        assert b"413" in answer[:20]
        assert b"E_TOO_LARGE" in answer
    assert is_at_rest(tight)


def test_clients_that_go_away_leave_the_queue(tight: Client):
    raw = picture()
    with all_threads_busy(tight):
        connections = [tight.socket() for _ in range(TIGHT.queue)]
        for connection in connections:
            connection.sendall(head(len(raw)) + raw)
        assert waits(lambda: tight.queue.waiting == TIGHT.queue)
        for connection in connections:
            connection.close()
        assert waits(lambda: not tight.queue.waiting)
        assert list(tight.queue.path.iterdir()) == []
    with tight.socket() as half:
        half.sendall(head(len(raw)) + raw[:100])
    assert is_at_rest(tight)


def test_the_network_is_not_asked_for_who_has_gone(client: Client, monkeypatch: pytest.MonkeyPatch):
    """Proposals ask it dozens of times; after the client has left, no more."""
    queue, raw, path = client.queue, picture(), "/v1/predict?proposals=8"
    asked: list[int] = []
    predict = queue.network.network.predict_batch

    def slowly(inputs: Any) -> Any:
        asked.append(len(inputs))
        time.sleep(0.1)
        return predict(inputs)

    monkeypatch.setattr(queue.network.network, "predict_batch", slowly)
    assert client.send("POST", path, raw).status == 200
    usual = len(asked)
    asked.clear()
    with client.socket() as connection:
        connection.sendall(head(len(raw)).replace(b"/v1/colorize", path.encode()) + raw)
        assert waits(lambda: len(asked) >= 2)
    assert is_at_rest(client)
    assert 2 <= len(asked) <= 6 < usual


def test_a_further_hint_asks_the_network_once(client: Client, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch):
    raw, queue = picture(seed=77), client.queue
    client.send("POST", "/v1/predict", raw)
    asked: list[int] = []
    predict = queue.network.network.predict_batch
    monkeypatch.setattr(
        queue.network.network, "predict_batch", lambda inputs: (asked.append(len(inputs)), predict(inputs))[1]
    )
    for color in ("%23a03030", "%23304080"):
        reply = client.send("POST", f"/v1/predict?hints=20,20,{color}", raw)
        hints = (Hint(20, 20, color.replace("%23", "#")),)
        wanted = Colorizer(tiny_bundle).predict(raw, Look(hints=hints)).ab
        found = np.frombuffer(base64.b64decode(reply.json["ab"]["data"]), "<i2").reshape(wanted.shape) / 100
        assert np.abs(found - wanted).max() < 0.02
    assert asked == [1, 1]


def test_many_at_once_get_their_own_answers(client: Client, tiny_bundle: Path):
    photos = [picture(seed=n) for n in range(8)]
    wanted = [expected(raw, tiny_bundle) for raw in photos]
    before = client.figure("process_open_fds")

    def ask(n: int) -> None:
        end = time.monotonic() + 60
        while (reply := client.colorize(photos[n % 8])).status == 503 and time.monotonic() < end:
            time.sleep(0.1)
        assert reply.status == 200
        assert reply.body == wanted[n % 8]

    with ThreadPoolExecutor(64) as pool:
        list(pool.map(ask, range(64)))
    assert is_at_rest(client)
    assert client.figure('colorizegan_batch_photos_bucket{le="1.0"}') < client.figure("colorizegan_batch_photos_count")
    assert waits(lambda: client.figure("process_open_fds") <= before)


def test_hostile_files_get_an_answer_each(shared_data: Path, tiny_bundle: Path):
    with (
        running(tiny_bundle) as client,
        tarfile.open(shared_data / "hostile.tar") as tar,
        ThreadPoolExecutor(4) as pool,
    ):
        files = [(m.name, file.read()) for m in tar if m.isfile() and (file := tar.extractfile(m))]
        replies = list(pool.map(lambda pair: client.colorize(pair[1]), files))
        for (name, _), reply in zip(files, replies, strict=True):
            if reply.status != 200:
                assert reply.status in (400, 413, 422), (name, reply.body)
                assert reply.json["code"] in ("E_DECODE", "E_TOO_LARGE", "E_USAGE"), (name, reply.body)
                assert "Traceback" not in reply.json["detail"]
                assert str(client.queue.path) not in reply.body.decode()
        assert sum(reply.status == 200 for reply in replies) > 3
        assert is_at_rest(client)
        assert client.colorize(picture()).status == 200


# The program


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_program_ends_in_order(
    tiny_bundle: Path, tmp_path: Path, number: int, status: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with start("serve", "--port", 0, "--model", tiny_bundle) as process:
        assert process.stderr is not None
        address = process.stderr.readline().split()[1]
        client = Client(None, int(address.rstrip("/").rpartition(":")[2]))
        assert client.colorize(picture()).status == 200
        assert "POST /v1/colorize 200" in process.stderr.readline()
        assert list(tmp_path.glob("colorizegan-*"))
        with client.socket() as idle:
            idle.sendall(b"GET /he")
            process.send_signal(number)
            assert process.wait(60) == status
        assert not list(tmp_path.glob("colorizegan-*"))


def test_a_port_that_is_taken(tiny_bundle: Path, client: Client):
    done = command("serve", "--port", client.port, "--model", tiny_bundle, status=2)
    assert done.stderr.count("\n") == 1
    assert "E_USAGE" in done.stderr


def test_options_are_read_alike_from_text_and_json():
    limits = ServiceLimits()
    text, values = {"saturation": "1.5", "force": "true"}, {"saturation": 1.5, "force": True}
    assert read_options(text, limits) == read_options(values, limits)
