"""Films over HTTP: sent, previewed by their shots, made, fetched, deleted; their limits, and what others may see."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command import waits
from films import FFmpeg
from http_client import Client, Reply, running

pytest.importorskip("av")

from colorizegan.colorizer import Colorizer
from colorizegan.serve.films import Films
from colorizegan.serve.limits import FilmLimits
from colorizegan.steer.look import Look
from colorizegan.video.colorize_video import colorize_video
from colorizegan.video.options import FilmOptions

TIGHT = FilmLimits(bytes=200_000, pixels=20_000, frames=100, films=2, pause=1, silence=20, forgotten=4)


@pytest.fixture(scope="module")
def client(tiny_bundle: Path) -> Iterator[Client]:
    with running(tiny_bundle, films=Films(tiny_bundle)) as found:
        yield found


@pytest.fixture(scope="module")
def tight(tiny_bundle: Path) -> Iterator[Client]:
    with running(tiny_bundle, films=Films(tiny_bundle, TIGHT)) as found:
        yield found


def post(client: Client, path: str, body: Any = b"") -> Reply:
    return client.send("POST", path, body)


def state(client: Client, id: str) -> dict[str, Any]:
    reply = client.get(f"/v1/films/{id}")
    assert reply.status == 200, reply.body
    return reply.json


def ended(client: Client, id: str) -> dict[str, Any]:
    """What is said of a film once nothing is done with it."""
    waits(lambda: state(client, id)["state"] not in ("waiting", "working"))
    return state(client, id)


def is_empty(client: Client) -> bool:
    """Whether nothing of any film is left."""
    return not client.films.films and not list(Path(client.films.home.name).iterdir())


def test_a_film_is_sent_previewed_made_and_deleted(
    client: Client, film: Path, ffmpeg: FFmpeg, tiny_bundle: Path, tmp_path: Path
):
    reply = post(client, "/v1/films", film.read_bytes())
    assert (reply.status, reply.json["state"]) == (201, "new")
    id = reply.json["id"]
    assert len(id) >= 24
    client.get(f"/v1/films/{id}/result").problem(422, "E_INPUT")

    assert post(client, f"/v1/films/{id}/preview?saturation=1.2").status == 202
    found = ended(client, id)
    assert (found["state"], found["doing"], found["width"], found["height"]) == ("done", "preview", 128, 96)
    assert found["shots"] == [0.0, 1.0]
    for number in (1, 2):
        shot = client.get(f"/v1/films/{id}/shots/{number}")
        assert (shot.status, shot.headers["content-type"]) == (200, "image/jpeg")
    client.get(f"/v1/films/{id}/shots/3").problem(422, "E_INPUT")

    assert post(client, f"/v1/films/{id}/colorize?saturation=1.2&warmth=0.5&quality=90").status == 202
    found = ended(client, id)
    assert (found["state"], found["doing"], found["frames"], found["result"]) == ("done", "colorize", 24, "mp4")
    assert found["shots"] == [0.0, 1.0]
    reply = client.get(f"/v1/films/{id}/result")
    assert (reply.status, reply.headers["content-type"]) == (200, "video/mp4")
    wanted = tmp_path / "wanted.mp4"
    look = Look(saturation=1.2, warmth=0.5)
    colorize_video(film, wanted, colorizer=Colorizer(tiny_bundle), options=FilmOptions(look=look, quality=90))
    assert reply.body == wanted.read_bytes()  # what the command makes
    some = client.get(f"/v1/films/{id}/result", Range="bytes=100-199")
    assert (some.status, some.body) == (206, reply.body[100:200])
    # Once more with other wishes.
    assert post(client, f"/v1/films/{id}/colorize?saturation=0").status == 202
    assert ended(client, id)["result"] == "mp4"
    assert client.get(f"/v1/films/{id}/result").body != reply.body
    assert post(client, f"/v1/films/{id}/colorize?format=mkv").status == 202
    assert ended(client, id)["result"] == "mkv"
    (tmp_path / "out.mkv").write_bytes(client.get(f"/v1/films/{id}/result").body)
    streams = ffmpeg.ask(tmp_path / "out.mkv", "-show_entries", "stream=codec_name")["streams"]
    assert [one["codec_name"] for one in streams] == ["h264", "aac"]

    assert client.send("DELETE", f"/v1/films/{id}").status == 204
    client.get(f"/v1/films/{id}").problem(404, "E_INPUT")
    client.get(f"/v1/films/{id}/result").problem(404, "E_INPUT")
    assert is_empty(client)


@pytest.mark.slow
def test_what_is_done_can_be_stopped_and_begun_again(client: Client, ffmpeg: FFmpeg, tmp_path: Path):
    long = ffmpeg.make(
        tmp_path / "long.mp4", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=24:d=40", "-vf",
        "format=gray,format=yuv420p", "-c:v", "libx264", "-preset", "ultrafast",
    )  # fmt: skip
    id = post(client, "/v1/films", long.read_bytes()).json["id"]
    try:
        post(client, f"/v1/films/{id}/colorize")
        assert waits(lambda: state(client, id)["frames"])
        found = state(client, id)
        assert found["state"] == "working"
        assert 0 < found["frames"] < found["total"] == 960
        process = client.films.films[id].process
        reply = post(client, f"/v1/films/{id}/stop")
        assert (reply.status, reply.json["state"], reply.json["result"]) == (200, "new", None)
        assert process.poll() is not None
        # Other wishes take the place of what is being done.
        post(client, f"/v1/films/{id}/colorize")
        assert waits(lambda: state(client, id)["frames"])
        post(client, f"/v1/films/{id}/preview")
        assert waits(lambda: state(client, id)["frames"])
        assert state(client, id)["doing"] == "preview"
    finally:
        client.send("DELETE", f"/v1/films/{id}")
    assert is_empty(client)


def test_a_film_that_is_none_or_in_colour_is_said_in_words(client: Client, ffmpeg: FFmpeg, tmp_path: Path):
    colour = ffmpeg.make(tmp_path / "c.mp4", "-f", "lavfi", "-i", "testsrc2=s=128x96:r=12:d=1", "-pix_fmt", "yuv420p")
    for raw in (b"no film at all" * 100, b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", colour.read_bytes()):
        id = post(client, "/v1/films", raw).json["id"]
        post(client, f"/v1/films/{id}/colorize")
        found = ended(client, id)
        if found["problem"] is None:
            assert "in colour already" in found["skipped"]
            assert "--" not in found["skipped"]
        else:
            assert found["problem"]["code"] == "E_DECODE"
            assert "/" not in found["problem"]["detail"]  # no path of the disk
        assert found["result"] is None
        client.send("DELETE", f"/v1/films/{id}")
    post(client, "/v1/films").problem(400, "E_USAGE")
    assert waits(lambda: is_empty(client))


@pytest.mark.slow
def test_limits(tight: Client, film: Path, ffmpeg: FFmpeg, tmp_path: Path):
    limits = tight.get("/v1/limits").json
    assert limits["film"] == {"bytes": 200_000, "pixels": 20_000, "frames": 100}
    post(tight, "/v1/films", b"x" * 200_001).problem(413, "E_TOO_LARGE")
    post(tight, "/v1/films", iter([b"x" * 50_000] * 5)).problem(413, "E_TOO_LARGE")  # of no announced length
    assert waits(lambda: is_empty(tight))
    large = ("-f", "lavfi", "-i", "color=gray:s=320x240:r=24:d=0.2")
    long = ("-f", "lavfi", "-i", "color=gray:s=64x48:r=24:d=9")
    for name, source, said in (("large.mp4", large, "320 x 240"), ("long.mp4", long, "100 frames")):
        raw = ffmpeg.make(tmp_path / name, *source, "-pix_fmt", "yuv420p").read_bytes()
        id = post(tight, "/v1/films", raw).json["id"]
        post(tight, f"/v1/films/{id}/preview")
        found = ended(tight, id)
        assert found["problem"]["code"] == "E_TOO_LARGE"
        assert said in found["problem"]["detail"]
        tight.send("DELETE", f"/v1/films/{id}")
    # One at a time from an address; and nobody asks for it any more.
    id = post(tight, "/v1/films", film.read_bytes()).json["id"]
    post(tight, "/v1/films", film.read_bytes()).problem(503, "E_BUSY")
    assert waits(lambda: is_empty(tight))
    tight.get(f"/v1/films/{id}").problem(404, "E_INPUT")


def test_who_goes_away_or_is_silent_leaves_nothing(tight: Client):
    head = b"POST /v1/films HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nxx"
    with tight.socket() as connection:
        connection.sendall(head)
        assert waits(lambda: tight.films.films)
    assert waits(lambda: is_empty(tight))
    with tight.socket() as connection:
        connection.sendall(head)
        connection.settimeout(20)
        assert b"408" in connection.recv(100)
    assert waits(lambda: is_empty(tight))


class Faulty(Films):
    """Films on which another program is set to work."""

    code, ends_first = "", False

    def start_process(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", self.code]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.ends_first:  # before its task comes
            process.wait()
        return process


def test_a_process_that_dies_or_stalls_costs_that_film_alone(tiny_bundle: Path, film: Path):
    films = Faulty(tiny_bundle, FilmLimits(silence=1, films=2))
    with running(tiny_bundle, films=films) as client:
        for films.code, films.ends_first, said in (
            ("import time; time.sleep(60)", False, "too long"),
            ("raise SystemExit(1)", False, "too early"),
            ("raise SystemExit(1)", True, "too early"),
            ("print('[]' * 9)", False, "too early"),
            ("print('[]')", False, "too early"),
        ):
            id = post(client, "/v1/films", film.read_bytes()).json["id"]
            post(client, f"/v1/films/{id}/preview")
            found = ended(client, id)
            assert (found["state"], found["problem"]["code"]) == ("failed", "E_DECODE")
            assert said in found["problem"]["detail"]
            client.send("DELETE", f"/v1/films/{id}")
        assert is_empty(client)


def test_nobody_sees_the_film_of_another(client: Client, film: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO", "colorizegan")
    id = post(client, "/v1/films", film.read_bytes()).json["id"]
    try:
        for path in ("/v1/films", "/v1/limits", "/v1/models", "/ready", "/metrics", "/openapi.json"):
            assert id not in client.get(path).body.decode()
        state(client, id)
        assert waits(lambda: "/v1/films/{id}" in caplog.text)  # it is said after the answer
        assert id not in caplog.text
        for other in (id[:-1], id + "x", id.swapcase(), "..", "%2e%2e", "film", "*"):
            for path in ("", "/result", "/shots/1"):
                assert client.get(f"/v1/films/{other}{path}").status in (404, 405)
        for wrong in ("saturation=9", "format=exe", "model=x", "codec=ffv1"):
            post(client, f"/v1/films/{id}/colorize?{wrong}").problem(400, "E_USAGE")
        reply = client.send("PUT", f"/v1/films/{id}")
        reply.problem(405, "E_USAGE")
        assert reply.headers["allow"] == "DELETE, GET"
        client.send("DELETE", f"/v1/films/{id}", Origin="https://elsewhere.example").problem(403, "E_REFUSED")
    finally:
        assert client.send("DELETE", f"/v1/films/{id}").status == 204


def test_without_films_there_are_no_routes(tiny_bundle: Path):
    with running(tiny_bundle) as client:
        assert client.get("/v1/limits").json["film"] is None
        post(client, "/v1/films", b"x").problem(404, "E_USAGE")
        assert "/v1/films" not in client.get("/openapi.json").json["paths"]


def test_the_end_of_the_service_ends_the_work(tiny_bundle: Path, film: Path):
    films = Films(tiny_bundle)
    with running(tiny_bundle, films=films) as client:
        id = post(client, "/v1/films", film.read_bytes()).json["id"]
        post(client, f"/v1/films/{id}/colorize")
        home = Path(films.home.name)
        assert waits(lambda: films.films[id].process)
        process = films.films[id].process
    assert not home.exists()
    assert process is not None
    assert process.poll() is not None
