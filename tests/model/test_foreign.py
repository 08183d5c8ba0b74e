"""Colorizers of other projects: their layouts, sizes and names; what they cannot do; mistakes in one line."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from foreign_models import ddcolor, deoldify, write_colorizer, zhang
from onnx import TensorProto
from pictures import Array
from PIL import Image

from colorizegan import ColorizeGANError, Colorizer, Hint, InputError, Look, ModelError, UsageError
from colorizegan.color.lab import gray_to_lightness, lightness_to_gray, rgb_to_lab
from colorizegan.model.facts import LAYOUTS
from colorizegan.model.network_input import working_lightness
from colorizegan.model.spec import open_network


def scene(height: int = 96, width: int = 144) -> Array:
    y, x = np.mgrid[0:height, 0:width]
    return np.clip(110 + 70 * np.sin(x / 17) * np.cos(y / 23) + x / 3, 0, 255).astype(np.uint8)


def plane(network_file: str, height: int, width: int, value: float = 53.585) -> Array:
    """What a network says of a plain gray, the ab in its middle."""
    ab = open_network(network_file, threads=1).predict(np.full((height, width), value, np.float32)).ab
    assert ab.shape == (2, -(-height // 2), -(-width // 2))
    return ab[:, ab.shape[1] // 2, ab.shape[2] // 2]


LINEAR: dict[str, dict[str, Any]] = {  # layout -> what makes its output from x alone
    "lab": {"inputs": 1, "outputs": 2},
    "lab-unit": {"inputs": 1, "outputs": 2},
    "rgb-ab": {"inputs": 3, "outputs": 2},
    "rgb": {"inputs": 3, "outputs": 3},
    "rgb-unit": {"inputs": 3, "outputs": 3},
    "rgb-255": {"inputs": 3, "outputs": 3},
}


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_what_goes_in_and_comes_out_is_in_the_units_of_the_layout(tmp_path: Path, layout: str) -> None:
    channels = LINEAR[layout]
    path = write_colorizer(tmp_path / "x.onnx", **channels, size="s", squash=False, gain=0.02)
    gray = float(lightness_to_gray(np.array(53.585)))
    # The value that the layout gives to L 53.585, by its definition and not by the code under test.
    values = {"lab": 53.585, "lab-unit": 53.585 / 50 - 1, "rgb-ab": gray, "rgb": gray}
    values |= {"rgb-unit": 2 * gray - 1, "rgb-255": 255 * gray}
    rng = np.random.default_rng(0)  # the weights of the file
    w1 = (rng.standard_normal((8, channels["inputs"], 3, 3)) * 0.6).astype(np.float32)
    w2 = (rng.standard_normal((channels["outputs"], 8, 1, 1)) * 0.5).astype(np.float32)
    out = w2[:, :, 0, 0] @ (w1.sum(axis=(1, 2, 3)) * values[layout]) * 0.02
    if layout in ("lab", "rgb-ab"):
        wanted = out
    elif layout == "lab-unit":
        wanted = 110 * out
    else:
        rgb = {"rgb": out, "rgb-unit": (out + 1) / 2, "rgb-255": out / 255}[layout]
        wanted = rgb_to_lab(np.clip(rgb, 0, 1))[1:]
    assert plane(f"{path}?layout={layout}&size=32", 32, 32) == pytest.approx(wanted, abs=0.02)


PUBLISHED = [
    (ddcolor, {"size": 512}, "rgb-ab", 512, "Apache-2.0"),
    (ddcolor, {"size": 192}, "rgb-ab", 192, "Apache-2.0"),
    (deoldify, {}, "rgb-255", 256, "MIT"),
    (zhang, {}, "lab", 256, "BSD-2-Clause"),
    (zhang, {"name": "siggraph17.onnx", "size": "side"}, "lab", 256, "BSD-2-Clause"),
]


@pytest.mark.parametrize(("make", "shape", "layout", "size", "licence"), PUBLISHED)
def test_published_shapes_run_by_name(
    tmp_path: Path, make: Any, shape: dict[str, Any], layout: str, size: int, licence: str
) -> None:
    path = make(tmp_path, **shape)
    colorizer = Colorizer(str(path), threads=1)
    card = colorizer.network.card
    assert (card.working_size, card.licence, card.has_distribution) == (size, licence, False)
    assert card.network.generator == f"ONNX, layout {layout}"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert colorizer.network.digest == f"{digest}?layout={layout}&size={size}&fit=squash"
    gray = scene(300, 431)
    rgb = colorizer.colorize(gray)
    assert rgb.shape == (300, 431, 3)
    lab = rgb_to_lab(rgb / np.float32(255))
    assert np.hypot(lab[..., 1], lab[..., 2]).mean() > 2
    assert np.abs(lab[..., 0] - gray_to_lightness(gray / 255)).mean() < 0.5


def test_16_bit_stays_16_bit(tmp_path: Path) -> None:
    gray = (scene().astype(np.uint16) << 8) + 37
    rgb = Colorizer(ddcolor(tmp_path, 64), threads=1).colorize(gray)
    assert rgb.dtype == np.uint16
    assert len(np.unique(rgb[..., 1] & 255)) > 100


def test_colours_stay_on_what_they_belong_to_whatever_the_aspect(tmp_path: Path) -> None:
    """A network whose colour is its brightness gives the same colours squashed, padded and at its own aspect."""
    gray = np.repeat(np.repeat(np.array([[40, 200, 90], [160, 60, 230]], np.uint8), 60, 0), 90, 1)  # (120, 270)
    path = write_colorizer(tmp_path / "x.onnx", inputs=1, outputs=2, size="s", squash=False, gain=0.03)
    fixed = write_colorizer(tmp_path / "y.onnx", inputs=1, outputs=2, size=128, squash=False, gain=0.03)
    middles = (slice(30, None, 60), slice(45, None, 90))
    found = []
    for model in (path, fixed):
        for fit in ("squash", "pad"):
            rgb = Colorizer(f"{model}?layout=lab&fit={fit}", threads=1).colorize(gray)
            found.append(rgb[middles].astype(int))
    for other in found[1:]:
        assert np.abs(found[0] - other).max() <= 6
    assert np.ptp(found[0], axis=(0, 1)).max() > 20


def test_half_precision_and_weights_in_a_file_beside(tmp_path: Path) -> None:
    half = ddcolor(tmp_path, 64, kind=TensorProto.FLOAT16).rename(tmp_path / "half-ddcolor.onnx")
    plain = ddcolor(tmp_path, 64)
    (tmp_path / "outside").mkdir()
    outside = ddcolor(tmp_path / "outside", 64, outside=True)
    assert (tmp_path / "outside" / "ddcolor.onnx.data").is_file()
    L = np.linspace(10, 90, 64 * 80, dtype=np.float32).reshape(64, 80)
    wanted = open_network(plain, threads=1).predict(L).ab
    assert open_network(half, threads=1).predict(L).ab == pytest.approx(wanted, abs=0.3)
    network = open_network(outside, threads=1)
    assert np.array_equal(network.predict(L).ab, wanted)
    assert set(network.card.files) == {"ddcolor.onnx", "ddcolor.onnx.data"}
    data = tmp_path / "outside" / "ddcolor.onnx.data"
    data.write_bytes(data.read_bytes()[:-1] + b"\x3f")  # other weights are another model
    assert open_network(outside, threads=1).digest != network.digest


def test_weights_outside_the_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    path = ddcolor(tmp_path, 64, outside=True)
    moved = tmp_path / "sub" / "x.onnx"
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        tensor.external_data[0].value = "../ddcolor.onnx.data"
    moved.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="outside its folder"):
        open_network(moved)


def test_a_toml_beside_the_file_tells_and_options_win(tmp_path: Path) -> None:
    path = write_colorizer(tmp_path / "mine.onnx", inputs=1, outputs=2, size="s", gain=0.3)
    (tmp_path / "mine.onnx.toml").write_text(
        'layout = "lab-unit"\nsize = 96\nmultiple = 8\nlicence = "CC0-1.0"\nname = "my own"\nfit = "pad"\n'
    )
    card = open_network(path).card
    assert (card.name, card.working_size, card.licence) == ("my own", 96, "CC0-1.0")
    assert card.network.generator == "ONNX, layout lab-unit"
    assert open_network(f"{path}?layout=lab&size=64").digest.endswith("?layout=lab&size=64&fit=pad")
    (tmp_path / "mine.onnx.toml").write_text("size = 3")
    with pytest.raises(ModelError, match=r"mine.onnx.toml: size=3 of mine.onnx.toml is not a number in 16..4096"):
        open_network(path)
    (tmp_path / "mine.onnx.toml").write_text("= 3")
    with pytest.raises(ModelError, match="cannot be read as TOML"):
        open_network(path)


def test_hints_spread_by_lightness(tmp_path: Path) -> None:
    gray = np.full((128, 160), 180, np.uint8)
    y, x = np.mgrid[0:128, 0:160]
    disc = (y - 64) ** 2 + (x - 60) ** 2 < 40**2
    gray[disc] = 80
    colorizer = Colorizer(str(ddcolor(tmp_path, 128)), threads=1)
    plain = rgb_to_lab(colorizer.colorize(gray) / np.float32(255))
    hinted = rgb_to_lab(colorizer.colorize(gray, Look(hints=[Hint(60, 64, "#b03020")])) / np.float32(255))
    wanted = np.array(Hint(60, 64, "#b03020").ab)
    near, far = (slice(40, 88), slice(36, 84)), (slice(0, 128), slice(125, 160))
    before, after = (np.hypot(*(lab[near][..., 1:] - wanted).T).mean() for lab in (plain, hinted))
    assert after < 0.5 * before
    moved = np.abs(hinted - plain)[..., 1:]
    assert moved[near].mean() > 4 * moved[far].mean()


CANNOT: list[tuple[str, Any]] = [
    ("be more or less vivid by a temperature", lambda c: c.colorize(scene(), Look(temperature=0.5))),
    ("tone down what is unsure", lambda c: c.colorize(scene(), Look(tone_down_unsure=True))),
    ("propose several colourings", lambda c: c.propose(scene(), count=3)),
    ("take colours over from another photo", lambda c: c.palette(np.dstack([scene(), scene() // 2, scene() // 3]))),
]


@pytest.mark.parametrize(("what", "ask"), CANNOT)
def test_what_it_cannot_do_is_one_line(tmp_path: Path, what: str, ask: Any) -> None:
    colorizer = Colorizer(str(ddcolor(tmp_path, 64)), threads=1)
    with pytest.raises(UsageError) as error:
        ask(colorizer)
    assert str(error.value).startswith(f"the model ddcolor cannot {what}: it gives colours alone")
    assert "\n" not in str(error.value)


def test_saturation(tmp_path: Path) -> None:
    colorizer = Colorizer(str(ddcolor(tmp_path, 64)), threads=1)
    lab = [rgb_to_lab(colorizer.colorize(scene(), Look(saturation=s)) / np.float32(255)) for s in (0.0, 0.5, 1.0)]
    chroma = [float(np.hypot(one[..., 1], one[..., 2]).mean()) for one in lab]
    assert chroma[0] < 0.5 < chroma[1] < 0.7 * chroma[2]


Mistake = tuple[str, dict[str, Any], str, type[ColorizeGANError], str]
MISTAKES: list[Mistake] = [
    ("x", {"inputs": 1, "outputs": 2}, "", UsageError, "do not tell its layout (input [1, 1, 64, 64] -> output"),
    ("x", {"inputs": 3, "outputs": 3}, "", UsageError, "one of rgb, rgb-unit, rgb-255: x.onnx?layout=..., or --layout"),
    ("x", {"inputs": 3, "outputs": 2}, "?layout=lab", ModelError, "layout lab is (N, 1, H, W) -> (N, 2, h, w), the"),
    ("x", {"inputs": 1, "outputs": 3}, "?layout=lab", ModelError, "-> output [1, 3, 64, 64]; export it again with one"),
    ("x", {"inputs": 1, "outputs": 2, "more_inputs": 2}, "?layout=lab", ModelError, "input [1, 1, 64, 64], more0 [1,"),
    ("x", {"inputs": 3, "outputs": 2, "batch": 4}, "", ModelError, "fits no layout, which all take one picture"),
    ("x", {"inputs": 3, "outputs": 3}, "?layout=lab", ModelError, "give another layout: rgb, rgb-unit, rgb-255"),
    # Where no layout can help none is offered.
    ("x", {"inputs": 3, "outputs": 2, "more_inputs": 2}, "", ModelError, "64]; export it again with one picture in"),
    ("x", {"inputs": 1, "outputs": 2, "more_inputs": 1}, "", ModelError, "64]; export it again with one picture in"),
    ("x", {"inputs": 4, "outputs": 2}, "", ModelError, "64]; export it again with one picture in"),
    ("x", {"inputs": 1, "outputs": 313}, "?layout=lab", ModelError, "64]; export it again with one picture in"),
    ("a", {"inputs": 1, "outputs": 2, "names": ("L", "ab"), "size": "s"}, "", UsageError, "lab, lab-unit: a.onnx?"),
    ("x", {"inputs": 3, "outputs": 2, "gain": np.nan}, "", ModelError, "values that are not finite at 64 x 64 px"),
    ("x", {"inputs": 3, "outputs": 2, "gain": 9e5}, "", ModelError, "which are no colours in layout rgb-ab; give"),
    ("deoldify", {"inputs": 3, "outputs": 3, "gain": 9e5}, "?layout=rgb", ModelError, "no colours in layout rgb; give"),
    ("x", {"inputs": 3, "outputs": 2}, "?size=512", UsageError, "size=512 is not the size that x.onnx is made for"),
    ("x", {"inputs": 3, "outputs": 2}, "?size=tiny", UsageError, "size=tiny of x.onnx is not a number in 16..4096"),
    ("x", {"inputs": 3, "outputs": 2}, "?layout=hsv", UsageError, "unknown layout 'hsv' of x.onnx; known: lab, "),
    ("x", {"inputs": 3, "outputs": 2}, "?fit=crop", UsageError, "unknown fit 'crop' of x.onnx; known: squash, pad"),
    ("x", {"inputs": 3, "outputs": 2}, "?colour=1", UsageError, "unknown option 'colour' of x.onnx; known for it: lay"),
]


@pytest.mark.parametrize(("name", "file", "options", "kind", "text"), MISTAKES)
def test_mistakes_are_one_line(
    tmp_path: Path, name: str, file: dict[str, Any], options: str, kind: type[ColorizeGANError], text: str
) -> None:
    path = write_colorizer(tmp_path / f"{name}.onnx", **file)
    with pytest.raises(kind) as error:
        Colorizer(f"{path}{options}", threads=1).colorize(scene())
    assert text in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("raw", [b"", b"no network", b"\x80\x02}q\x00.", b"\x08\x08"])
def test_no_onnx_at_all(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "x.onnx").write_bytes(raw)
    with pytest.raises(ModelError, match="not an ONNX model, or a damaged one"):
        open_network(tmp_path / "x.onnx")
    with pytest.raises(InputError, match="no such ONNX file"):
        open_network("nowhere/x.onnx?layout=lab")


def test_two_models_together(tmp_path: Path, tiny_bundle: Path) -> None:
    first, second = tiny_bundle, ddcolor(tmp_path, 64)
    L = np.linspace(5, 95, 64 * 96, dtype=np.float32).reshape(64, 96)
    one, two = (open_network(str(model), threads=1).predict(L) for model in (first, second))
    both = open_network(f"{first}+{second}", threads=1)
    assert both.predict(L).ab == pytest.approx((one.ab + two.ab) / 2, abs=1e-4)
    assert np.array_equal(both.predict(L).logits, one.logits)
    assert both.card.has_distribution
    weighted = open_network(f"{second}:1+{first}:3", threads=1)
    assert weighted.predict(L).ab == pytest.approx(0.75 * one.ab + 0.25 * two.ab, abs=1e-4)
    assert both.digest != weighted.digest
    assert weighted.card.name == "ddcolor:1 + tiny:3"
    for wrong in ("+", f"{first}+"):
        with pytest.raises(UsageError, match="does not name models to join"):
            open_network(wrong)


def test_models_of_different_sizes_see_the_photo_each_at_its_own(tmp_path: Path, tiny_bundle: Path) -> None:
    small, large = tiny_bundle, ddcolor(tmp_path, 128)  # 64 and 128 px
    gray = scene(256, 384)
    both = Colorizer(f"{small}+{large}", threads=1)
    assert both.network.card.working_size == 128
    alone = [Colorizer(str(model), threads=1) for model in (small, large)]
    ab = [one.network.predict(working_lightness(gray, one.network.card.working_size)).ab for one in alone]
    found = both.network.predict(working_lightness(gray, both.network.card.working_size)).ab
    assert found.shape == ab[1].shape
    up = [np.asarray(Image.fromarray(p).resize(found.shape[:0:-1], Image.Resampling.BILINEAR)) for p in ab[0]]
    assert np.abs(found - (np.stack(up) + ab[1]) / 2).mean() < 0.5
    hinted = both.colorize(gray, Look(hints=[Hint(200, 100, "#208040")]))
    assert rgb_to_lab(hinted[100, 200] / 255)[1] < rgb_to_lab(both.colorize(gray)[100, 200] / 255)[1]


@pytest.mark.parametrize("weight", ["x", "0", "0.0", "-1", "nan", "inf", "1e3", "1,5", "9" * 400, ""])
def test_a_weight_that_is_none_is_named(weight: str) -> None:
    for text in (f"default:{weight}+default", f"default+default:{weight}"):
        with pytest.raises(UsageError, match="is no number above 0; write it as default") as error:
            open_network(text)
        assert f"the weight {weight!r} of default" in str(error.value)


def test_colons_that_are_no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ddcolor(tmp_path, 64).rename(tmp_path / "a:b.onnx")
    assert open_network("a:b.onnx+a:b.onnx").card.name == "a:b:1 + a:b:1"
    with pytest.raises(UsageError, match="hf:someone/model is not here yet"):
        open_network("default+hf:someone/model")


@pytest.mark.parametrize("text", ["hf:bad", "hf:", "hf:a/b/", "hf:/x", "hf:a b/c", "hf:x@v1"])
def test_what_is_no_address_is_not_offered_to_be_fetched(text: str) -> None:
    with pytest.raises(UsageError, match="is no address of a model; write it as hf:OWNER/NAME"):
        open_network(text)


def test_bundles_take_no_options(tiny_bundle: Path) -> None:
    with pytest.raises(UsageError, match="takes no options"):
        open_network(f"{tiny_bundle}?layout=lab")
