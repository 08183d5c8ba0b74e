"""A whole test under a protocol: baselines, entrants of every kind, errors in one line, the same digits twice."""

import io
import json
import tarfile
from pathlib import Path

import pytest
from foreign_models import write_colorizer
from pictures import blots, encoded
from PIL import Image
from tiny_bundle import make_tiny_bundle

from colorizegan.bench.entrants import BASELINES, parse_entrants
from colorizegan.bench.evaluate import evaluate, write_inputs
from colorizegan.bench.protocols import PROTOCOLS, find_protocol, open_photos, prepare
from colorizegan.data.decode import decode
from colorizegan.data.layouts import SUFFIXES, list_photos
from colorizegan.data.photoset import PhotoSet
from colorizegan.errors import ColorizeGANError, ConfigError, DataError, InputError, ModelError, UsageError


def photo(seed: int, width: int = 90, height: int = 70) -> Image.Image:
    return blots(seed, width, height)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five photos in two folders, and things beside them that are no photos."""
    root = tmp_path_factory.mktemp("photos")
    (root / "sub").mkdir()
    for index in range(5):
        photo(index).save(root / ("sub" if index % 2 else ".") / f"p{index}.png")
    (root / "notes.txt").write_text("no photo")
    (root / ".hidden.png").write_text("no photo")
    return root


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def test_baselines_are_in_every_table_and_behave(folder: Path):
    report = evaluate("folder-256", folder, {}, resamples=50)
    assert list(report.scores) == list(BASELINES)
    truth, gray = report.scores["truth"], report.scores["gray"]
    assert truth["auc_raw"].value == truth["auc_rebalanced"].value == 100
    assert truth["ciede2000"].value == truth["delta_cf_photos"].value == 0
    assert gray["cf"].value == pytest.approx(0, abs=0.01)
    assert gray["l_error"].value < 0.3
    assert report.scores["another photo"]["auc_raw"].value < 100
    assert report.scores["mean colour"]["ciede2000"].value > 0
    assert gray["share"].value == pytest.approx(0, abs=0.1)
    assert truth["share"].value == 100
    mean = report.scores["mean colour"]
    way = (mean["auc_rebalanced"].value - gray["auc_rebalanced"].value) / (100 - gray["auc_rebalanced"].value)
    assert mean["share"].value == pytest.approx(100 * way, abs=0.1)
    assert mean["share"].low < mean["share"].value < mean["share"].high
    assert gray["cast"].value > truth["cast"].value == 0
    assert gray["neutral"].value == 100 > truth["neutral"].value
    assert gray["warm"].value == 0 < truth["warm"].value
    assert report.scores["another photo"]["cf"].value > report.scores["mean colour"]["cf"].value > 0


def test_entrants_of_every_kind(folder: Path, tmp_path: Path):
    truths = tmp_path / "truths"
    for key in PhotoSet(folder).keys:  # a perfect entrant, in a flat folder and another format
        truths.mkdir(exist_ok=True)
        image = Image.fromarray(prepare(PhotoSet(folder).read(key), PROTOCOLS["folder-256"]))
        image.save(truths / f"{Path(key).name}.tiff")
    bundle = make_tiny_bundle(tmp_path / "bundle")
    grays = write_colorizer(tmp_path / "gray.onnx", inputs=1, outputs=2, size="s", gain=0.0)
    entrants = {
        "perfect": str(truths),
        "bundle": str(bundle),
        "vivid": f"{bundle}?saturation=1.5&size=64",
        "onnx gray": f"{grays}?layout=lab&size=64",
    }
    out = tmp_path / "out"
    report = evaluate("folder-256", folder, entrants, out, resamples=50, stable=2, command="the command")
    assert report.scores["perfect"] == report.scores["truth"]
    for metric, score in report.scores["gray"].items():
        assert score.value == pytest.approx(report.scores["onnx gray"][metric].value, abs=2e-3)
    stable = {"size_ab", "jpeg_ab", "grain_ab"}  # of hue there is none
    assert report.scores["onnx gray"].keys() - report.scores["gray"].keys() == stable
    assert all(report.scores["onnx gray"][metric].value < 0.01 for metric in stable)
    assert report.scores["vivid"]["cf"].value > report.scores["bundle"]["cf"].value > 0
    pairs = {(d.first, d.second) for d in report.differences}
    assert ("bundle", "gray") in pairs
    assert ("bundle", "vivid") in pairs
    assert not any("truth" in pair for pair in pairs)
    document = json.loads((out / "report.json").read_text())
    assert document["entrants"]["vivid"]["facts"]["saturation"] == 1.5
    assert document["entrants"]["truth"]["within_raw"][0] == 1
    assert document["command"] == "the command"
    assert "the command" in (out / "report.md").read_text()
    assert len((out / "photos.csv").read_text().splitlines()) == 1 + 5 * 8


@pytest.mark.slow
def test_a_tar_gives_the_same_bytes_as_the_folder_and_twice_the_same(folder: Path, tmp_path: Path):
    archive = tmp_path / "photos.tar"
    with tarfile.open(archive, "w") as tar:
        for path in sorted(folder.rglob("p*.png"), reverse=True):
            add(tar, path.name, path.read_bytes())
    entrants = {"bundle": str(make_tiny_bundle(tmp_path / "bundle"))}
    texts = []
    for run, (source, workers) in enumerate([(folder, 1), (folder, 3), (archive, 2)]):
        evaluate("folder-256", source, entrants, tmp_path / str(run), resamples=50, stable=2, workers=workers)
        texts.append((tmp_path / str(run) / "report.json").read_bytes())
    assert texts[0] == texts[1] == texts[2]


def test_the_first_photos_only_is_said(folder: Path, tmp_path: Path):
    report = evaluate("folder-256", folder, {}, tmp_path, count=3, resamples=20)
    assert report.keys == ["p0", "sub/p1", "p2"]
    assert "first 3 photos only" in (tmp_path / "report.md").read_text()


def test_photos_of_different_sizes_at_full_size(tmp_path: Path):
    for index, size in enumerate([(60, 40), (31, 50), (44, 44)]):
        photo(index, *size).save(tmp_path / f"{index}.png")
    report = evaluate("folder-full", tmp_path, {}, resamples=20)
    assert report.columns["truth"]["pixels"].tolist() == [2400, 1550, 1936]


def test_written_inputs_come_back_as_an_entrant(folder: Path, tmp_path: Path):
    assert write_inputs("folder-256", folder, tmp_path) == 5
    with Image.open(tmp_path / "sub" / "p1.png") as image:
        assert image.mode == "L"
    report = evaluate("folder-256", folder, {"as is": str(tmp_path)}, resamples=20)
    assert report.scores["as is"] == report.scores["gray"]


@pytest.mark.parametrize(
    ("fit", "expected"), [("cover", (256, 256)), ("crop", (256, 256)), ("squash", (256, 256)), ("none", (90, 70))]
)
def test_every_fit(fit: str, expected: tuple[int, int]):
    protocol = next(p for p in PROTOCOLS.values() if p.fit == fit)
    assert prepare(photo(0), protocol).shape == (expected[1], expected[0], 3)


def test_cover_keeps_the_centre_and_the_aspect():
    image = Image.new("RGB", (300, 100), "red")
    image.paste("blue", (100, 0, 200, 100))
    truth = prepare(image, find_protocol("folder-256"))
    assert (truth[20:-20, 20:-20] == (0, 0, 255)).all()


ONE_LINE = [
    ("folder-999", {}, UsageError, "unknown protocol 'folder-999'; give a .json file of one, or folder-256, "),
    ("own.json", {}, DataError, "own is made of 24 photos, 5 are here"),
    ("none.json", {}, ConfigError, "none.json: the protocol cannot be read"),
    ("text.onnx.json", {}, ConfigError, "text.onnx.json: is no protocol; write an object with"),
    ("field.json", {}, ConfigError, "field.json: unknown field 'sise'; known: data, count, total, fit, size"),
    ("size.json", {}, ConfigError, 'size.json: size is "256"; give a side in px, 16 or more'),
    ("fit.json", {}, ConfigError, 'fit.json: fit is "stretch"; give cover or crop or squash or none'),
    ("mean.json", {}, ConfigError, "mean.json: mean_ab is [1]; give [a, b] in Lab units"),
    ("table.json", {}, DataError, "none.tsv: the table of regions cannot be read"),
    ("ctest10k-256-squash", {}, UsageError, "needs its list of photos; give it with --list"),
    ("folder-256", {"x": "nowhere/at/all"}, InputError, "no such entrant"),
    ("folder-256", {"x": "empty"}, DataError, "no photos found"),
    ("folder-256", {"x": "one"}, DataError, "4 of 5 results are missing, the first is sub/p1"),
    ("folder-256", {"x": "large"}, DataError, "result p0 is 90x70 px, the test photo 256x256"),
    ("folder-256", {"x": "text.onnx"}, ModelError, "not an ONNX model, or a damaged one"),
    ("folder-256", {"x": "net.onnx?layout=oops"}, UsageError, "unknown layout 'oops' of net.onnx; known: lab, "),
    ("folder-256", {"x": "one?size=3"}, UsageError, "unknown option 'size' of entrant one; known for it: suffix"),
    ("folder-256", {"x": "one?size"}, UsageError, "are not name=value"),
    ("folder-256", {"truth": "one"}, UsageError, "entrant name 'truth' is a baseline's"),
]


@pytest.mark.parametrize(("protocol", "entrants", "kind", "text"), ONE_LINE, ids=[f"{n}" for n in range(len(ONE_LINE))])
def test_mistakes_are_one_clear_line(
    protocol: str,
    entrants: dict[str, str],
    kind: type[ColorizeGANError],
    text: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "one", "large"):
        Path(name).mkdir()
    photo(0, 256, 256).save("one/p0.png")
    for index in range(5):
        photo(index).save(f"large/p{index}.png")
    Path("text.onnx").write_text("no network")
    Path("text.onnx.json").write_text("[]")
    for name, entry in (
        ("own", {"total": 24}),
        ("field", {"sise": 256}),
        ("size", {"size": "256"}),
        ("fit", {"fit": "stretch"}),
        ("mean", {"mean_ab": [1]}),
        ("table", {"regions": "none.tsv"}),
    ):
        Path(f"{name}.json").write_text(json.dumps({"data": "photos", **entry}))
    write_colorizer(Path("net.onnx"), inputs=1, outputs=2, size="s")
    with pytest.raises(kind) as error:
        evaluate(protocol, folder, entrants, resamples=10)
    assert text in str(error.value)
    assert "\n" not in str(error.value)


def test_a_wrong_data_folder_and_a_broken_photo(tmp_path: Path):
    with pytest.raises(DataError, match="no such folder or tar"):
        evaluate("folder-256", tmp_path / "nowhere", {})
    (tmp_path / "broken.png").write_bytes(b"\x89PNG broken")
    with pytest.raises(DataError, match="photo broken cannot be read"):
        evaluate("folder-256", tmp_path, {})
    (tmp_path / "no.tar").write_text("no tar")
    with pytest.raises(DataError, match="not an uncompressed tar"):
        evaluate("folder-256", tmp_path / "no.tar", {})


def test_a_list_selects_by_name(folder: Path, tmp_path: Path):
    names = tmp_path / "list.txt"
    names.write_text("p3.png\nsub/p1.png\n\np0\n")
    photos = open_photos(PROTOCOLS["folder-256"], folder, names=names)
    assert photos.keys == ["sub/p3", "sub/p1", "p0"]
    names.write_text("p3\nmissing_one\n")
    with pytest.raises(DataError, match="1 of 2 listed photos are missing, the first is missing_one"):
        open_photos(PROTOCOLS["folder-256"], folder, names=names)


def test_entrants_are_named_or_name_themselves():
    parsed = parse_entrants(["A=x/y.onnx?layout=rgb", "models/b.zip?size=192", "c"])
    assert parsed == {"A": "x/y.onnx?layout=rgb", "b": "models/b.zip?size=192", "c": "c"}
    with pytest.raises(UsageError, match="'A' is taken"):
        parse_entrants(["A=x", "A=y"])
    with pytest.raises(UsageError, match="'gray' is taken"):
        parse_entrants(["gray=x"])


@pytest.mark.parametrize("ending", ["avif", "webp", "ppm"])
def test_every_ending_of_training_photos_is_a_test_photo_too(ending: str, tmp_path: Path):
    assert f".{ending}" in SUFFIXES
    archive = tmp_path / "photos.tar"
    with tarfile.open(archive, "w") as tar:
        for index in range(2):
            add(tar, f"{index}.{ending}", encoded(photo(index), ending))
    photos = PhotoSet(archive)
    assert photos.keys == ["0", "1"]
    assert photos.read("1").size == (90, 70)
    listed = list_photos((str(archive),))
    shapes = [found.shape for found in (decode(one, 64) for one in listed) if found is not None]
    assert shapes == [(64, 82, 3)] * 2


@pytest.mark.parametrize("name", ["photos-val", "photos-unseen", "photos-coco", "kodak", "mcmaster"])
def test_protocols_of_this_projects_photos_open_by_their_files(name: str, shared_data: Path, repository: Path):
    protocol = find_protocol(str(repository / "benchmarks" / "protocols" / f"{name}-256.json"))
    photos = open_photos(protocol, shared_data)
    assert len(photos.keys) == protocol.count
    assert prepare(photos.read(photos.keys[0]), protocol).shape == (256, 256, 3)


def test_a_protocol_that_somebody_wrote(folder: Path, tmp_path: Path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"data": "my photos", "fit": "squash", "size": 32, "mean_ab": [3, -4]}))
    report = evaluate(str(path), folder, {}, resamples=10)
    assert report.title == "mine (5 photos)"
    assert report.mean_ab == (3, -4)
    assert report.columns["truth"]["pixels"].tolist() == [32 * 32] * 5
    assert "my photos; squashed to 32x32" in report.protocol.text
