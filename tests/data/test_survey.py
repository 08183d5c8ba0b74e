"""`colorizegan data`: the counts that it prints are those of the photos, and its shards are read back."""

import json
from pathlib import Path

import numpy as np
import pytest
from command import call
from pictures import blots, put
from PIL import Image

from colorizegan.contact_sheet import CAPTION
from colorizegan.data.layouts import list_photos


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Five scenes in colour, one of them twice, one in CMYK; a gray photo, a broken one, one too small."""
    root = tmp_path / "album"
    for seed in range(5):
        put(root / f"{seed}.jpg", blots(seed, 120, 90).convert("CMYK" if seed == 4 else "RGB"), quality=95)
    with Image.open(root / "0.jpg") as image:
        image.resize((100, 75)).save(root / "0-again.png")
        image.convert("L").save(root / "gray.jpg")
        image.resize((20, 15)).save(root / "icon.png")
    (root / "broken.jpg").write_bytes((root / "1.jpg").read_bytes()[:300])
    return root


def test_inspect_counts_and_draws(album: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    result = call("data", "inspect", album, "--json", "--sheet", sheet)
    assert (result.exit_code, result.stderr) == (0, "")
    facts = json.loads(result.stdout)
    assert {name: facts[name] for name in ("photos", "usable", "gray", "broken", "near_duplicates")} == {
        "photos": 9, "usable": 6, "gray": 1, "broken": 2, "near_duplicates": 1,
    }  # fmt: skip
    assert facts["kinds"] == {"JPEG RGB": 4, "unknown": 2, "PNG RGB": 1, "JPEG CMYK": 1, "JPEG L": 1}
    assert (facts["shorter_side_px"][0], facts["shorter_side_px"][-1]) == (75, 90)
    assert facts["cache_bytes"] == 3 * (5 * 120 * 90 + 100 * 75)
    assert facts["bytes"] == sum(path.stat().st_size for path in album.iterdir())
    with Image.open(sheet) as drawn:
        assert drawn.size == (7 * 128, 128 + CAPTION)  # the usable photos, then the gray one
        chroma = np.ptp(np.asarray(drawn), axis=2)[:128]
        usable, gray = chroma[:, :768].max(), chroma[:, 768:].max()
        assert usable > 100 > 6 > gray


def test_inspect_names_what_training_would_leave_out(album: Path) -> None:
    result = call("data", "inspect", album)
    lines = result.stdout.splitlines()
    assert "usable: 6" in lines
    assert {"  gray: gray.jpg", "  broken: broken.jpg", "  broken: icon.png"} <= set(lines)


def test_pack_writes_shards_that_train_reads(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "shards"
    result = call("data", "pack", album, "-o", out, "--per-shard", 4)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"7 photos in 2 shards -> {out}; 2 broken\n"
    assert len(list_photos((f"shards:{out}",))) == 7


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    for arguments, words in (
        (("inspect", tmp_path / "none"), "no such folder or shard"),
        (("pack", tmp_path, "-o", tmp_path / "out"), "holds no photos"),
    ):
        result = call("data", *arguments)
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
        assert words in result.stderr
