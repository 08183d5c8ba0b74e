"""Steering from the command line: hints kept and found again, proposals shown and picked, pictures of doubt."""

import json
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import command
import numpy as np
import onnxruntime
import pytest
import pyvips
from command import the_error
from pictures import pixels, put, waves
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from typer.testing import Result

from colorizegan.batch.job import OTHER_SETTINGS
from colorizegan.color.lab import rgb_to_lab
from colorizegan.colorizer import Colorizer
from colorizegan.model.network import NetworkInput, Prediction
from colorizegan.model.predictor import Predictor
from colorizegan.model.session import PROVIDERS
from colorizegan.photo.metadata.seal import is_as_written
from colorizegan.photo.reader import Decoder
from colorizegan.steer.hints import read_hints


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    y, x = np.mgrid[0:120, 0:160]
    return put(tmp_path / "album" / "a.png", (128 + 60 * np.sin(x / 25) * np.cos(y / 20)).astype(np.uint8))


def call(tiny_bundle: Path, *args: object) -> Result:
    return command.call("colorize", "--model", tiny_bundle, *args)


def chroma_at(path: Path, x: int, y: int) -> np.ndarray:
    rgb = pixels(path)[y - 2 : y + 3, x - 2 : x + 3]
    return rgb_to_lab(rgb / 255.0).reshape(-1, 3).mean(0)[1:]


def test_hints_are_kept_and_found_again(tiny_bundle: Path, photo: Path) -> None:
    assert call(tiny_bundle, photo, "--hint", "80,60,#c02020").exit_code == 0
    kept = Path(f"{photo}.hints.json")
    assert [str(hint) for hint in read_hints(kept)] == ["80,60,#c02020"]
    first = photo.with_name("a.colorized.png").read_bytes()
    assert b"<colorizegan:hints>80,60,#c02020</colorizegan:hints>" in first
    assert call(tiny_bundle, photo, "--overwrite").exit_code == 0
    assert photo.with_name("a.colorized.png").read_bytes() == first
    assert call(tiny_bundle, photo, "--no-hints", "-o", photo.with_name("plain.png")).exit_code == 0
    hinted, plain = (chroma_at(photo.with_name(name), 80, 60) for name in ("a.colorized.png", "plain.png"))
    assert hinted[0] > plain[0] + 10  # red


def test_hints_that_cannot_be_kept_are_told(tiny_bundle: Path, photo: Path) -> None:
    place = photo.with_name("a.png.hints.json")
    place.symlink_to("elsewhere")
    done = call(tiny_bundle, photo, "--hint", "80,60,#dc143c")
    why = "the hints are not kept in a.png.hints.json (is a link, which is not replaced); the result holds them"
    assert (done.exit_code, why in done.stderr) == (0, True), done.stderr
    assert place.is_symlink()


def test_hints_of_each_photo_of_a_folder(tiny_bundle: Path, photo: Path, tmp_path: Path) -> None:
    other = photo.with_name("b.png")
    other.write_bytes(photo.read_bytes())
    Path(f"{other}.hints.json").write_text(json.dumps([{"x": 80, "y": 60, "color": "#2040c0"}]))
    out = tmp_path / "out"
    assert call(tiny_bundle, photo.parent, "-o", out).exit_code == 0
    assert chroma_at(out / "b.png", 80, 60)[1] < chroma_at(out / "a.png", 80, 60)[1] - 10  # blue
    # New hints: the result is known to be of others.
    Path(f"{other}.hints.json").write_text(json.dumps([{"x": 80, "y": 60, "color": "#20c040"}]))
    again = call(tiny_bundle, photo.parent, "-o", out)
    assert "with other settings" in again.stderr
    assert again.exit_code == 0


def test_a_damaged_file_of_hints_costs_its_photo_only(tiny_bundle: Path, photo: Path, tmp_path: Path) -> None:
    other = photo.with_name("b.png")
    other.write_bytes(photo.read_bytes())
    Path(f"{photo}.hints.json").write_text("{")
    result = call(tiny_bundle, photo.parent, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "a.png.hints.json: is no JSON" in result.stderr
    assert [path.name for path in (tmp_path / "out").glob("*.png")] == ["b.png"]


def test_proposals_are_shown_and_picked(tiny_bundle: Path, photo: Path) -> None:
    shown = call(tiny_bundle, photo, "--proposals", 4, "--json")
    assert shown.exit_code == 0
    listing = json.loads(shown.stdout.splitlines()[0])
    assert Path(listing["sheet"]) == photo.with_name("a.colorized.png.proposals.png")
    assert len(listing["proposals"]) >= 2
    assert not photo.with_name("a.colorized.png").exists()
    sheet = pixels(Path(listing["sheet"]))
    assert sheet.shape[2] == 3
    assert np.ptp(sheet, axis=2).max() > 20
    picked = []
    for number in (1, 2):
        out = photo.with_name(f"p{number}.png")
        assert call(tiny_bundle, photo, "--proposals", 4, "--pick", number, "-o", out).exit_code == 0
        picked.append(out.read_bytes())
        assert f"<colorizegan:pick>{number}</colorizegan:pick>".encode() in picked[-1]
    assert call(tiny_bundle, photo, "--proposals", 4, "--pick", 2, "-o", photo.with_name("q.png")).exit_code == 0
    assert photo.with_name("q.png").read_bytes() == picked[1] != picked[0]
    # A sheet that is there is left, as results are.
    before = Path(listing["sheet"]).stat().st_mtime_ns
    assert call(tiny_bundle, photo, "--proposals", 4).exit_code == 0
    assert Path(listing["sheet"]).stat().st_mtime_ns == before


def test_confidence_writes_two_pictures(tiny_bundle: Path, photo: Path) -> None:
    assert call(tiny_bundle, photo, "--confidence").exit_code == 0
    assert pixels(photo.with_name("a.colorized.png.confidence.png")).shape == (120, 160)
    assert pixels(photo.with_name("a.colorized.png.unsure.png")).shape == (120, 160, 3)


def test_photos_of_one_stem_have_sheets_and_pictures_of_their_own(tiny_bundle: Path, photo: Path) -> None:
    put(photo.with_suffix(".tif"), waves(120, 160, seed=5))
    folder = photo.parent
    assert call(tiny_bundle, folder, "--proposals", 2).exit_code == 0
    assert call(tiny_bundle, folder, "--confidence").exit_code == 0
    for what in ("proposals", "confidence", "unsure"):
        one, other = (folder / f"a.colorized.{ending}.{what}.png" for ending in ("png", "tif"))
        assert one.read_bytes() != other.read_bytes()
    assert "2 done" in call(tiny_bundle, folder, "--overwrite").stderr  # none of them is a photo


def test_what_is_there_already_is_no_place_for_confidence(tiny_bundle: Path, photo: Path) -> None:
    own = photo.with_name("a.colorized.png.confidence.png")
    own.write_bytes(b"the user's own")
    done = call(tiny_bundle, photo, "--confidence")
    assert "a.colorized.png.confidence.png is there already and left as it is" in done.output
    assert own.read_bytes() == b"the user's own"
    assert call(tiny_bundle, photo, "--confidence", "--overwrite").exit_code == 0
    assert pixels(own).shape == (120, 160)


@pytest.mark.parametrize(("options", "most"), [(["--confidence"], 1), (["--proposals", "5", "--pick", "1"], 13)])
def test_neither_confidence_nor_a_choice_costs_a_second_way_through(
    tiny_bundle: Path, photo: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], most: int
) -> None:
    counts = {"network": 0, "decode": 0, "paint": 0}

    def count(owner: type, method: str, what: str) -> None:
        real = getattr(owner, method)

        def counted(*args: Any, **given: Any) -> Any:
            counts[what] += 1
            return real(*args, **given)

        monkeypatch.setattr(owner, method, counted)

    count(Predictor, "predict_batch", "network")
    count(Decoder, "finish", "decode")
    count(Colorizer, "paint", "paint")
    assert call(tiny_bundle, photo, *options).exit_code == 0
    assert counts["network"] <= most
    assert (counts["decode"], counts["paint"]) == (1, 1)


def test_another_photos_colors(tiny_bundle: Path, photo: Path) -> None:
    assert call(tiny_bundle, photo, "--hint", "80,60,#c02020").exit_code == 0
    accepted = photo.with_name("a.colorized.png")
    neighbour = photo.with_name("b.png")
    Image.fromarray(pixels(photo)[:, ::-1]).save(neighbour)
    assert call(tiny_bundle, neighbour, "--like", accepted).exit_code == 0
    assert call(tiny_bundle, neighbour, "-o", photo.with_name("alone.png")).exit_code == 0
    wanted, like, alone = (
        chroma_at(photo.with_name(name), x, 60)
        for name, x in (("a.colorized.png", 80), ("b.colorized.png", 79), ("alone.png", 79))
    )
    assert np.hypot(*(like - wanted)) < 0.5 * np.hypot(*(alone - wanted))
    made = photo.with_name("b.colorized.png").read_bytes()
    assert re.search(rb"<colorizegan:like>a.colorized.png [0-9a-f]{64}<", made)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--hint", "1,2"], "is no hint; write it as x,y,#rrggbb"),
        (["--hint", "999,1,#ffffff"], "lies outside the picture; it has 160 x 120 pixels"),
        (["--hints", "none.json"], "none.json: no such file of hints"),
        (["--hint", "1,1,#ffffff", "--hints", "none.json"], "do not go together"),
        (["--pick", "2"], "--pick 2 is of no sheet"),
        (["--proposals", "2", "--pick", "3"], "--pick 3 needs --proposals 3"),
        (["--like", "none.jpg"], "none.jpg"),
        (["-o", "-", "--confidence"], "standard output carries the photo alone"),
    ],
)
def test_nonsense_is_one_line_and_writes_nothing(tiny_bundle: Path, photo: Path, args: list[str], said: str) -> None:
    before = sorted(photo.parent.iterdir())
    result = call(tiny_bundle, photo, *args)
    assert result.exit_code in (1, 2)
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) <= 2
    assert "Traceback" not in result.stderr
    assert sorted(photo.parent.iterdir()) == before


def test_hints_are_of_one_photo(tiny_bundle: Path, photo: Path) -> None:
    photo.with_name("b.png").write_bytes(photo.read_bytes())
    result = call(tiny_bundle, photo.parent, "--hint", "1,1,#ffffff")
    assert result.exit_code == 2
    assert "hints are of one photo, not of 2" in result.stderr


def test_commands_typed_one_after_the_other_work(tiny_bundle: Path, photo: Path) -> None:
    """As in the README: other options on a photo that is named make its result anew, and nothing is lost by that."""
    result = photo.with_name("a.colorized.png")
    assert "replaced" not in call(tiny_bundle, photo).stderr
    plain = result.read_bytes()
    same = call(tiny_bundle, photo)
    assert "done already" in same.stderr
    assert result.read_bytes() == plain
    for options in (
        ["--saturation", 1.3],
        ["--warmth", 0.5],
        ["--hint", "80,60,crimson"],
        ["--no-hints", "--size", 48],
    ):
        before = result.read_bytes()
        done = call(tiny_bundle, photo, *options)
        assert done.exit_code == 0
        said = "the earlier result was made with other options or another model, and is replaced"
        assert f"{photo}: {said}" in done.stderr
        assert result.read_bytes() != before
        assert "done already" in call(tiny_bundle, photo, *options).stderr
    assert "is replaced" in call(tiny_bundle, photo).stderr  # the hints were kept and are found again
    assert b"<colorizegan:hints>80,60,#dc143c</colorizegan:hints>" in result.read_bytes()
    assert call(tiny_bundle, photo, "--no-hints").exit_code == 0
    assert result.read_bytes() == plain


@pytest.mark.parametrize("ending", [".jpg", ".tif", ".webp", ".png"])
def test_what_is_made_anew_is_known_in_every_format(tiny_bundle: Path, photo: Path, ending: str) -> None:
    result = photo.with_name(f"out{ending}")
    for options, words in (([], ""), ([], "done already"), (["--saturation", 0.5], "is replaced")):
        done = call(tiny_bundle, photo, "-o", result, *options)
        assert done.exit_code == 0
        assert words in done.stderr


def retouched(result: Path, way: str) -> None:
    """What other programs do to a result: they keep its XMP."""
    raw = result.read_bytes()
    if way == "pixels":
        with Image.open(result) as image:
            brighter = image.point([min(255, code + 40) for code in range(256)] * len(image.getbands()))
            xmp = image.info.get("xmp") or image.info["XML:com.adobe.xmp"].encode()
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp.decode())
        more: dict[str, Any] = {".png": {"pnginfo": info}, ".tif": {"tiffinfo": {700: xmp}}}
        brighter.save(result, **more.get(result.suffix, {"xmp": xmp}))
    elif way == "a byte":
        result.write_bytes(raw[:-30] + bytes([raw[-30] ^ 1]) + raw[-29:])
    else:
        result.write_bytes(raw + b"more")
    assert b"<colorizegan:tool>" in result.read_bytes()


@pytest.mark.parametrize("way", ["pixels", "a byte", "at the end"])
@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".tif", ".avif"])
def test_a_result_that_was_retouched_is_not_replaced(tiny_bundle: Path, photo: Path, ending: str, way: str) -> None:
    result = photo.with_name(f"out{ending}")
    assert call(tiny_bundle, photo, "-o", result).exit_code == 0
    retouched(result, way)
    before = result.read_bytes()
    assert "done already" in call(tiny_bundle, photo, "-o", result).stderr  # the same options: nothing is asked of it
    done = call(tiny_bundle, photo, "-o", result, "--saturation", 0.5)
    assert done.exit_code == 1
    assert "somebody has changed it since; --overwrite replaces it; or name another output [E_OUTPUT]" in done.stderr
    assert result.read_bytes() == before
    assert call(tiny_bundle, photo, "-o", result, "--saturation", 0.5, "--overwrite").exit_code == 0
    assert "is replaced" in call(tiny_bundle, photo, "-o", result).stderr  # that one is the program's own again


@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif", ".webp", ".avif"])
def test_a_result_of_a_photo_with_long_xmp_is_known_again(tiny_bundle: Path, tmp_path: Path, ending: str) -> None:
    """A JPEG has no room for all of it, and keeps the note alone."""
    caption = "x" * 65_000
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:dc="urn:x" dc:x="{caption}"/></rdf:RDF></x:xmpmeta>'
    )
    for source in (tmp_path / "a.jpg", tmp_path / "a.tif"):
        more: dict[str, Any] = {"xmp": xmp.encode()} if source.suffix == ".jpg" else {"tiffinfo": {700: xmp.encode()}}
        Image.fromarray(waves(120, 160)).save(source, **more)
        result = tmp_path / f"of{source.suffix[1:]}{ending}"
        first = call(tiny_bundle, source, "-o", result)
        assert ("is too long for JPEG and left out" in first.stderr) == (ending == ".jpg")
        assert (caption.encode() in result.read_bytes()) == (ending != ".jpg")
        assert is_as_written(result)
        again = call(tiny_bundle, source, "-o", result)
        assert (again.exit_code, "done already" in again.stderr) == (0, True), again.stderr
        assert "is replaced" in call(tiny_bundle, source, "-o", result, "--saturation", 0.5).stderr


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".tif"])
def test_a_note_that_was_made_attributes_is_known(tiny_bundle: Path, photo: Path, ending: str) -> None:
    """As ExifTool's Compact=Shorthand writes it."""
    result = photo.with_name(f"out{ending}")
    assert call(tiny_bundle, photo, "-o", result, "--hint", "80,60,#dc143c").exit_code == 0
    with Image.open(result) as image:
        xmp: str = image.info["xmp"].decode()
    pairs = re.findall(r"<(colorizegan:\w+)>([^<]*)</", xmp)
    short = "".join(f"\n  {name}='{value}'" for name, value in pairs)
    xmp = re.sub(r"\s*<(colorizegan:\w+)>[^<]*</colorizegan:\w+>", "", xmp)
    xmp = xmp.replace(" xmlns:colorizegan=", f"{short} xmlns:colorizegan=")
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp)
    more: dict[str, Any] = {".png": {"pnginfo": info}, ".tif": {"tiffinfo": {700: xmp.encode()}}}
    Image.fromarray(pixels(result)).save(result, **more.get(ending, {"xmp": xmp.encode()}))
    before = result.read_bytes()
    assert b"<colorizegan:" not in before
    done = call(tiny_bundle, photo, "-o", result)
    assert (done.exit_code, "done already" in done.stderr) == (0, True), done.stderr
    done = call(tiny_bundle, photo, "-o", result, "--saturation", 0.5)
    assert (done.exit_code, result.read_bytes()) == (1, before)
    assert "somebody has changed it since" in done.stderr
    anew = photo.with_name("anew.jpg")
    assert call(tiny_bundle, result, "-o", anew, "--force", "--saturation", 0.5).exit_code == 0
    assert b"colorizegan:saturation='" not in anew.read_bytes()


def as_of_an_earlier_version(result: Path, *, model: bool = True) -> bytes:
    """The result without a seal, as all before 0.6 wrote it, and of another model."""
    raw = result.read_bytes().replace(b"colorizegan:sha256>", b"colorizegan_sha256>")
    if model:
        raw = re.sub(rb"(<colorizegan:model>[^<]*)[0-9a-f]{8}<", rb"\g<1>00000000<", raw)
    result.write_bytes(raw)
    return raw


@pytest.mark.parametrize("as_json", [False, True])
def test_results_of_an_earlier_version_stay_and_are_told_once(
    tiny_bundle: Path, photo: Path, tmp_path: Path, as_json: bool
) -> None:
    photos = [tmp_path / f"p{i}.png" for i in range(5)]
    for one in photos:
        one.write_bytes(photo.read_bytes())
    assert call(tiny_bundle, *photos).exit_code == 0
    results = [one.with_name(f"{one.stem}.colorized.png") for one in photos]
    before = [as_of_an_earlier_version(result) for result in results]
    done = call(tiny_bundle, *photos, *(["--json"] if as_json else []))
    assert done.exit_code == 0
    assert done.stderr.count("earlier version") == 1
    assert "5 results: done already by an earlier version" in done.stderr
    assert "--overwrite does them again" in done.stderr
    if as_json:
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert [line["status"] for line in lines[:-1]] == ["skipped"] * 5
        assert all("earlier version" in line["message"] for line in lines[:-1])
    assert [result.read_bytes() for result in results] == before
    assert call(tiny_bundle, *photos, "--overwrite").exit_code == 0
    assert all(is_as_written(result) for result in results)


def test_an_earlier_version_s_result_of_other_options_is_not_replaced(tiny_bundle: Path, photo: Path) -> None:
    result = photo.with_name("out.png")
    assert call(tiny_bundle, photo, "-o", result).exit_code == 0
    before = as_of_an_earlier_version(result, model=False)
    assert "done already; --overwrite" in call(tiny_bundle, photo, "-o", result).stderr  # the same options and model
    done = call(tiny_bundle, photo, "-o", result, "--saturation", 0.5)
    assert done.exit_code == 1
    assert "of a version that put no seal on it" in done.stderr
    assert result.read_bytes() == before


def test_results_of_folders_are_sealed_too(tiny_bundle: Path, photo: Path, tmp_path: Path) -> None:
    with Image.open(photo) as image:
        image.save(photo.with_name("pages.tif"), save_all=True, append_images=[image.rotate(180)])
    out = tmp_path / "out"
    assert call(tiny_bundle, photo.parent, "-o", out).exit_code == 0
    for result in (out / "a.png", out / "pages.tif"):
        assert is_as_written(result)
        assert pyvips.Image.new_from_file(str(result), fail_on="warning").avg() > 0  # check sums are right
        result.write_bytes(result.read_bytes().replace(b"<colorizegan:saturation>1", b"<colorizegan:saturation>2"))
        assert not is_as_written(result)


OTHERS = (
    "is there already, and nothing in it says that this program made it, so it stays; --overwrite replaces it; or name"
    " another output [E_OUTPUT]"
)


@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif", ".webp", ".avif", ".bmp", ".ppm"])
def test_files_of_others_in_the_place_of_results_are_told(tiny_bundle: Path, tmp_path: Path, ending: str) -> None:
    """In a folder: two copies of photos, an empty file, and a result; what BMP and PPM hold tells nothing."""
    album, out = tmp_path / "album", tmp_path / "out"
    for number in range(4):
        put(album / f"{number}{ending}")
    shutil.copytree(album, out)
    (out / f"2{ending}").write_bytes(b"")
    (out / f"3{ending}").unlink()
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    told = 0 if ending in (".bmp", ".ppm") else 3
    planned = call(tiny_bundle, album, "-o", out, "--dry-run")
    assert (planned.exit_code, planned.stderr.count(OTHERS)) == (bool(told), told)
    assert planned.stdout.count("done already") == 3 - told
    for _ in range(2):
        done = call(tiny_bundle, album, "-o", out)
        assert (done.exit_code, done.stderr.count(OTHERS)) == (bool(told), told)
        assert {name: (out / name).read_bytes() for name in before} == before
    (out / "colorizegan.jsonl").unlink()  # the note is enough
    assert f"3{ending}: done already" in call(tiny_bundle, album, "-o", out).stderr
    assert call(tiny_bundle, album, "-o", out, "--overwrite").exit_code == 0
    done = call(tiny_bundle, album, "-o", out)
    assert (done.exit_code, done.stderr.count("done already")) == (0, 4)


def test_a_sheet_is_listed_by_its_name_and_others_in_its_place_stay(tiny_bundle: Path, photo: Path) -> None:
    sheet = photo.with_name("a.colorized.png.proposals.png")
    assert call(tiny_bundle, photo, "--proposals", 2, "-n").stdout == f"{photo} -> {sheet}\n"
    assert call(tiny_bundle, photo, "--proposals", 2).exit_code == 0
    assert call(tiny_bundle, photo, "--proposals", 2, "-n").stdout == f"{photo} -> {sheet}  (done already)\n"
    other = ["--proposals", 3, "--seed", 4]  # another draw: made anew
    assert call(tiny_bundle, photo, *other, "-n").stdout == f"{photo} -> {sheet}\n"
    assert "done already" not in call(tiny_bundle, photo, *other).stderr
    assert "done already" in call(tiny_bundle, photo, *other).stderr
    assert call(tiny_bundle, photo, "--pick", 3).exit_code == 0
    sheet.write_bytes(photo.read_bytes())
    for more in ([], ["-n"]):
        assert the_error(call(tiny_bundle, photo, "--proposals", 2, *more)) == f"error: {sheet}: {OTHERS}"


@pytest.mark.parametrize(
    "options",
    [
        ["--hints", "missing.json"],
        ["--hints", "broken.json"],
        ["--hint", "1,2,nocolour"],
        ["--hint", "1,2,red", "--hints", "good.json"],
        ["--like", "missing.jpg"],
        ["--like", "broken.json"],
        ["--pick", "2"],
        ["--pick", "3", "--proposals", "2"],
        ["--model", "no/such/model"],
        ["--model", "broken.json"],
    ],
    ids=" ".join,
)
def test_a_dry_run_refuses_what_the_run_refuses(
    tiny_bundle: Path, photo: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.chdir(photo.parent)
    Path("broken.json").write_text("{")
    Path("good.json").write_text("[]")
    model = [] if "--model" in options else ["--model", tiny_bundle]
    dry, run = (command.call("colorize", photo, *model, *options, *more) for more in (["--dry-run"], []))
    assert (dry.exit_code, the_error(dry)) == (run.exit_code, the_error(run))
    assert dry.stdout == ""


def test_a_dry_run_tells_of_a_link_that_leads_nowhere(tiny_bundle: Path, photo: Path) -> None:
    photo.with_name("a.colorized.png").symlink_to("nowhere")
    dry, run = (call(tiny_bundle, photo, *more) for more in (["--dry-run"], []))
    assert (dry.exit_code, the_error(dry)) == (run.exit_code, the_error(run))
    assert "is a link that leads nowhere" in the_error(dry)


def test_a_dry_run_goes_by_the_ledger_and_reads_no_result_that_it_knows(tiny_bundle: Path, tmp_path: Path) -> None:
    album, out = tmp_path / "album", tmp_path / "out"
    for name in ("a.png", "b.png"):
        put(album / name)
    assert call(tiny_bundle, album, "-o", out).exit_code == 0
    Image.new("RGB", (8, 8)).save(out / "a.png")  # another program has left the note out
    ledger = out / "colorizegan.jsonl"
    lines = ledger.read_text().splitlines(keepends=True)  # of b the run was killed before its last line
    ledger.write_text("".join(line for line in lines if '"output": "b.png", "status": "done"' not in line))
    before = ledger.read_bytes()
    dry = call(tiny_bundle, album, "-o", out, "-n")
    assert (dry.exit_code, dry.stderr, dry.stdout.count("(done already)")) == (0, "", 2)
    assert ledger.read_bytes() == before
    run = call(tiny_bundle, album, "-o", out)
    assert (run.exit_code, run.stderr.count("done already")) == (0, 2)
    other = call(tiny_bundle, album, "-o", out, "--saturation", 2, "-n", "--json")
    assert [line.get("message", "")[:33] for line in command.json_lines(other.stdout)[:2]] == [OTHER_SETTINGS[:33]] * 2


def test_a_dry_run_of_a_named_photo_goes_by_its_options(tiny_bundle: Path, photo: Path) -> None:
    target = photo.with_name("a.colorized.png")
    assert call(tiny_bundle, photo).exit_code == 0
    assert call(tiny_bundle, photo, "-n").stdout == f"{photo} -> {target}  (done already)\n"
    assert call(tiny_bundle, photo, "--saturation", 2, "-n").stdout == f"{photo} -> {target}\n"
    target.write_bytes(target.read_bytes().replace(b"<colorizegan:saturation>1", b"<colorizegan:saturation>3"))
    dry, run = (call(tiny_bundle, photo, "--saturation", 2, *more) for more in (["-n"], []))
    assert (dry.exit_code, the_error(dry)) == (run.exit_code, the_error(run))
    assert "somebody has changed it since" in the_error(dry)


def test_a_dry_run_tells_of_a_photo_that_is_not_there(tiny_bundle: Path, photo: Path) -> None:
    folder = photo.with_name("no")
    for missing in (photo.with_name("b.png"), folder / "b.png", photo / "b.png"):
        dry, run = (call(tiny_bundle, photo, missing, *more) for more in (["-n"], ["--overwrite"]))
        assert (dry.exit_code, the_error(dry)) == (run.exit_code, the_error(run))
        assert dry.stdout.startswith(f"{photo} -> ")
        dry, run = (call(tiny_bundle, missing, "--proposals", 2, *more) for more in (["-n"], []))
        assert (dry.exit_code, the_error(dry)) == (run.exit_code, the_error(run))


@pytest.mark.parametrize("more", [[], ["--proposals", 2]])
def test_a_dry_run_reads_the_hints_beside_photos(tiny_bundle: Path, photo: Path, more: list[object]) -> None:
    photo.with_name("a.png.hints.json").mkdir()
    dry, run = (call(tiny_bundle, photo, *more, *last) for last in (["-n"], []))
    assert (dry.exit_code, the_error(dry)) == (run.exit_code, the_error(run))
    assert "a.png.hints.json" in the_error(dry)


def test_sheets_of_another_draw_are_told_photo_by_photo(tiny_bundle: Path, photo: Path) -> None:
    other = photo.with_name("b.png")
    other.write_bytes(photo.read_bytes())
    first, second = (path.with_name(f"{path.stem}.colorized.png.proposals.png") for path in (photo, other))
    assert call(tiny_bundle, photo, "--proposals", 2).exit_code == 0
    asked = [photo, other, "--proposals", 3]
    assert call(tiny_bundle, *asked, "-n").stdout == f"{photo} -> {first}\n{other} -> {second}\n"
    assert call(tiny_bundle, other, "--proposals", 3).exit_code == 0
    assert call(tiny_bundle, *asked, "-n").stdout == f"{photo} -> {first}\n{other} -> {second}  (done already)\n"
    run = call(tiny_bundle, *asked)
    assert [line.startswith(f"{photo} -> {first}") for line in run.stderr.splitlines()] == [True, False]
    assert run.stderr.count("done already") == 1


def test_files_of_others_are_not_made_anew(tiny_bundle: Path, photo: Path, tmp_path: Path) -> None:
    target = photo.with_name("a.colorized.png")
    others = tmp_path / "others.png"
    Image.new("RGB", (8, 8)).save(others)
    target.write_bytes(others.read_bytes())
    for options in ([], ["--saturation", 2], ["--dry-run"]):
        done = call(tiny_bundle, photo, *options)
        assert done.exit_code == 1
        assert the_error(done) == f"error: {target}: {OTHERS}"
        assert target.read_bytes() == others.read_bytes()
    target.unlink()
    made = tmp_path / "made.png"
    assert call(tiny_bundle, photo, "-o", made).exit_code == 0
    before = made.read_bytes()
    target.symlink_to(made)
    assert "done already" in call(tiny_bundle, photo, "--saturation", 2).stderr
    assert made.read_bytes() == before


def test_a_proposal_is_picked_from_the_sheet_that_was_shown(tiny_bundle: Path, photo: Path) -> None:
    alone = call(tiny_bundle, photo, "--pick", 2)
    assert alone.exit_code == 2
    assert "there is no a.colorized.png.proposals.png; add --proposals 5" in alone.stderr
    strange = put(photo.with_name("a.colorized.png.proposals.png"))
    assert "a.colorized.png.proposals.png is none; add" in call(tiny_bundle, photo, "--pick", 2).stderr
    strange.unlink()
    assert call(tiny_bundle, photo, "--proposals", 4, "--seed", 7).exit_code == 0
    assert call(tiny_bundle, photo, "--pick", 2).exit_code == 0
    picked = photo.with_name("a.colorized.png").read_bytes()
    whole = photo.with_name("whole.png")
    assert call(tiny_bundle, photo, "--proposals", 4, "--seed", 7, "--pick", 2, "-o", whole).exit_code == 0
    assert whole.read_bytes() == picked
    assert call(tiny_bundle, photo, "--pick", 5).exit_code == 2
    assert "is replaced" in call(tiny_bundle, photo, "--pick", 1).stderr


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("jpg", ".jpg"), ("jpeg", ".jpg"), ("tif", ".tif"), ("tiff", ".tif"), ("JPEG", ".jpg"), (".jpg", ".jpg"),
        (".TIF", ".tif"), ("Jfif", ".jpg"),
    ],
)  # fmt: skip
def test_formats_go_by_their_short_names_too(tiny_bundle: Path, photo: Path, name: str, ending: str) -> None:
    assert call(tiny_bundle, photo, "--format", name).exit_code == 0
    with Image.open(photo.with_name(f"a.colorized{ending}")) as image:
        assert image.format == {".jpg": "JPEG", ".tif": "TIFF"}[ending]


def test_words_in_capitals_are_understood(tiny_bundle: Path, photo: Path) -> None:
    plain, capitals = photo.with_name("plain.png"), photo.with_name("capitals.png")
    assert call(tiny_bundle, photo, "--emulsion", "blue", "--device", "cpu", "-o", plain).exit_code == 0
    assert call(tiny_bundle, photo, "--emulsion", "BLUE", "--device", "CPU", "-o", capitals).exit_code == 0
    assert capitals.read_bytes() == plain.read_bytes()


def test_device_and_jobs(tiny_bundle: Path, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (photo.parent / "b.png").write_bytes(photo.read_bytes())
    done = call(tiny_bundle, photo.parent, "-o", tmp_path / "one", "--jobs", 1)
    assert done.exit_code == 0
    assert call(tiny_bundle, photo.parent, "-o", tmp_path / "two", "-j", 2, "--device", "cpu").exit_code == 0
    for name in ("a.png", "b.png"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    refused = call(tiny_bundle, photo, "--device", "cuda")
    assert refused.exit_code != 0
    assert "device 'cuda' is not available here" in refused.stderr


def test_on_a_device_photos_go_together(
    tiny_bundle: Path, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(tiny_bundle, photo, "-o", tmp_path / "alone").exit_code == 0
    for i in range(12):
        (photo.parent / f"{i}.png").write_bytes(photo.read_bytes())
    monkeypatch.setitem(PROVIDERS, "dml", "CPUExecutionProvider")  # the only one that is here, by another name
    predict, sizes = Predictor.predict_batch, list[int]()

    def slow(self: Predictor, inputs: Sequence[NetworkInput]) -> list[Prediction]:
        sizes.append(len(inputs))
        time.sleep(0.2)  # the others come up meanwhile
        return predict(self, inputs)

    monkeypatch.setattr(Predictor, "predict_batch", slow)
    assert call(tiny_bundle, photo.parent, "-o", tmp_path / "together", "-j", 6, "--device", "dml").exit_code == 0
    assert sum(sizes) == 13
    assert 1 < max(sizes) <= 8
    results = {path.read_bytes() for path in (tmp_path / "together").glob("*.png")}
    assert results == {(tmp_path / "alone" / "a.png").read_bytes()}
