"""TIFF files of several pages: every photo among them comes back in its place, with what it carries."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from pictures import colors, waves
from PIL import Image, TiffImagePlugin

from colorizegan.batch.job import Result
from colorizegan.batch.plan import make_plan
from colorizegan.batch.run import run_jobs
from colorizegan.colorize_file import FileOptions
from colorizegan.colorizer import Colorizer


def save_pages(path: Path, pages: list[np.ndarray[Any, Any]], **options: Any) -> Path:
    first, *rest = [Image.fromarray(page) for page in pages]
    first.save(path, save_all=True, append_images=rest, **options)
    return path


def run(source: Path, out: Path, bundle: Path, **settings: Any) -> Result:
    plan = make_plan([str(source)], str(out))
    (result,) = run_jobs(plan.jobs, Colorizer(bundle), FileOptions(**settings))
    return result


def pages_of(path: Path) -> list[np.ndarray[Any, Any]]:
    with Image.open(path) as image:
        count = getattr(image, "n_frames", 1)
    found = [pyvips.Image.tiffload(str(path), page=page) for page in range(count)]
    return [np.asarray(page.numpy()) for page in found]


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
def test_each_page_keeps_its_size_and_light(tmp_path: Path, tiny_bundle: Path, compression: str) -> None:
    sizes = [(40, 60), (70, 50), (40, 60)]
    pages = [waves(*size, seed) for seed, size in enumerate(sizes)]
    source = save_pages(tmp_path / "album.tif", pages, compression=compression)
    before = source.read_bytes()
    result = run(source, tmp_path / "out", tiny_bundle)
    assert result.status == "done", result.reason
    found = pages_of(tmp_path / "out" / "album.tif")
    assert [page.shape for page in found] == [(*size, 3) for size in sizes]
    for gray, page in zip(pages, found, strict=True):
        light = page @ np.array([0.2126, 0.7152, 0.0722])
        assert np.corrcoef(light.ravel(), gray.ravel())[0, 1] > 0.98, "each page is its own picture"
        assert np.ptp(page.astype(int), axis=2).max() > 2, "and in colour"
    assert source.read_bytes() == before


def test_pages_in_colour_stay_as_they_are_among_others(tmp_path: Path, tiny_bundle: Path) -> None:
    rgb = colors(40, 60)
    source = save_pages(tmp_path / "mixed.tif", [np.dstack([waves(40, 60, 1)] * 3), rgb])
    result = run(source, tmp_path / "out", tiny_bundle)
    assert result.status == "done"
    assert any("page 2" in remark for remark in result.remarks)
    found = pages_of(tmp_path / "out" / "mixed.tif")
    assert np.array_equal(found[1], rgb)


def test_a_file_of_pages_all_in_colour_is_left_alone(tmp_path: Path, tiny_bundle: Path) -> None:
    source = save_pages(tmp_path / "colour.tif", [colors(40, 60), colors(50, 50)])
    result = run(source, tmp_path / "out", tiny_bundle)
    assert result.status == "skipped"
    assert "in colour already" in result.reason
    assert [path for path in (tmp_path / "out").glob("*") if path.suffix == ".tif"] == []


def test_smaller_copies_and_masks_are_left_out(tmp_path: Path, tiny_bundle: Path) -> None:
    full, small = Image.fromarray(waves(80, 120, 0)), Image.fromarray(waves(20, 30, 0))
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[254] = 1  # NewSubfileType: a smaller copy of another page
    small.encoderinfo = {"tiffinfo": tags}
    path = tmp_path / "thumb.tif"
    full.save(path, save_all=True, append_images=[small])
    result = run(path, tmp_path / "out", tiny_bundle)
    assert result.status == "done"
    assert [page.shape for page in pages_of(tmp_path / "out" / "thumb.tif")] == [(80, 120, 3)]


def test_another_format_gets_the_first_page_with_a_remark(tmp_path: Path, tiny_bundle: Path) -> None:
    source = save_pages(tmp_path / "two.tif", [waves(40, 60, 0), waves(30, 30, 1)])
    plan = make_plan([str(source)], str(tmp_path / "out"), format="png")
    (result,) = run_jobs(plan.jobs, Colorizer(tiny_bundle), FileOptions(format="png"))
    assert result.status == "done"
    assert any("page" in remark for remark in result.remarks)
    with Image.open(tmp_path / "out" / "two.png") as image:
        assert image.size == (60, 40)


def test_sixteen_bits_tiles_and_bigtiff_stay(tmp_path: Path, tiny_bundle: Path) -> None:
    gray = waves(150, 200, top=65535)
    image: Any = pyvips.Image.new_from_memory(gray.tobytes(), 200, 150, 1, "ushort")
    source = tmp_path / "scan.tif"
    image.copy(interpretation="grey16").tiffsave(
        str(source), tile=True, tile_width=64, tile_height=64, bigtiff=True, compression="deflate", xres=11.811
    )
    assert run(source, tmp_path / "out", tiny_bundle).status == "done"
    target = tmp_path / "out" / "scan.tif"
    assert target.read_bytes()[2:4] == b"\x2b\x00", "BigTIFF's number is 43"
    made: Any = pyvips.Image.tiffload(str(target))
    assert (made.format, made.bands, made.width, made.height) == ("ushort", 3, 200, 150)
    assert made.get("tile-width") == 64
    assert made.xres == pytest.approx(11.811, rel=1e-3)


def test_page_names_and_tags_of_each_page(tmp_path: Path, tiny_bundle: Path, exiftool: str) -> None:
    pages: list[Image.Image] = []
    for seed, name in enumerate(["front", "back"]):
        page = Image.fromarray(waves(40, 60, seed))
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[285], tags[270] = name, f"picture of the {name}"
        page.encoderinfo = {"tiffinfo": tags}
        pages.append(page)
    source = tmp_path / "named.tif"
    pages[0].save(source, save_all=True, append_images=pages[1:], tiffinfo=pages[0].encoderinfo["tiffinfo"])
    assert run(source, tmp_path / "out", tiny_bundle).status == "done"

    def names(path: Path) -> list[str]:
        args = [exiftool, "-j", "-a", "-G1", "-PageName", "-ImageDescription", str(path)]
        found = json.loads(subprocess.run(args, capture_output=True, text=True, check=True).stdout)[0]
        return [f"{key}={value}" for key, value in sorted(found.items()) if key.startswith("IFD")]

    assert names(source) == names(tmp_path / "out" / "named.tif")
    assert len(names(source)) == 4
