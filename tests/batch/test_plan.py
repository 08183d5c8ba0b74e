"""From inputs to jobs: what is found, what is left out, how results are named."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colorizegan.batch.plan import make_plan
from colorizegan.errors import UsageError


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small tree of (empty) files, and the working folder above it."""
    monkeypatch.chdir(tmp_path)
    inside = "a.jpg b.PNG notes.txt ._a.jpg a.colorized.jpg 1950/a.jpg 1950/summer/c.tif .thumbs/t.jpg"
    for name in (*(f"album/{one}" for one in inside.split()), "other/a.jpg", "empty/readme.md"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def pairs(*args: str, **options: Any) -> list[tuple[str, str]]:
    plan = make_plan(args, options.pop("output", None), **options)
    return [(str(job.source), str(job.target)) for job in plan.jobs]


@pytest.mark.usefixtures("album")
class TestNames:
    def test_beside_the_source(self) -> None:
        assert pairs("album/a.jpg") == [("album/a.jpg", "album/a.colorized.jpg")]
        assert pairs("album/b.PNG") == [("album/b.PNG", "album/b.colorized.PNG")]
        assert pairs("album/a.jpg", suffix="-x") == [("album/a.jpg", "album/a-x.jpg")]
        assert pairs("album/a.jpg", format="png") == [("album/a.jpg", "album/a.colorized.png")]

    def test_what_is_not_written_gets_the_name_of_what_is(self) -> None:
        for name in ("e.gif", "e.HEIC", "e.pgm"):
            Path("other", name).touch()
        assert pairs("other", output="out") == [
            ("other/a.jpg", "out/a.jpg"),
            ("other/e.HEIC", "out/e.jpg"),
            ("other/e.gif", "out/e.png"),
            ("other/e.pgm", "out/e.ppm"),
        ]
        with pytest.raises(UsageError, match=r"not written; end it with \.png"):
            pairs("other/a.jpg", output="x.gif")

    def test_folder_is_searched_in_order_and_earlier_results_are_no_inputs(self) -> None:
        assert pairs("album") == [
            ("album/a.jpg", "album/a.colorized.jpg"),
            ("album/b.PNG", "album/b.colorized.PNG"),
            ("album/1950/a.jpg", "album/1950/a.colorized.jpg"),
            ("album/1950/summer/c.tif", "album/1950/summer/c.colorized.tif"),
        ]

    def test_results_with_an_own_suffix_are_no_inputs_either(self) -> None:
        Path("album/a-x.jpg").touch()
        sources = [source for source, _ in pairs("album", suffix="-x")]
        assert "album/a-x.jpg" not in sources

    def test_tree_is_mirrored(self) -> None:
        assert pairs("album", output="out") == [
            ("album/a.jpg", "out/a.jpg"),
            ("album/b.PNG", "out/b.PNG"),
            ("album/1950/a.jpg", "out/1950/a.jpg"),
            ("album/1950/summer/c.tif", "out/1950/summer/c.tif"),
        ]

    def test_two_folders_keep_their_names(self) -> None:
        targets = [target for _, target in pairs("album", "other", output="out")]
        assert {"out/album/a.jpg", "out/album/1950/a.jpg", "out/other/a.jpg"} < set(targets)

    def test_files_of_one_name_in_two_folders(self) -> None:
        assert pairs("album/a.jpg", "other/a.jpg", output="out") == [
            ("album/a.jpg", "out/album/a.jpg"),
            ("other/a.jpg", "out/other/a.jpg"),
        ]

    def test_a_photo_named_twice_is_done_once(self) -> None:
        Path("link").symlink_to("album")
        assert len(pairs("album", "album/a.jpg", "./album/../album/a.jpg", "link")) == 4

    def test_output_inside_the_searched_folder(self) -> None:
        before = pairs("album", output="album/colour")
        for _, target in before:
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            Path(target).touch()
        assert pairs("album", output="album/colour") == before
        assert pairs("album/1950", output="album") == [
            ("album/1950/a.jpg", "album/a.jpg"),
            ("album/1950/summer/c.tif", "album/summer/c.tif"),
        ]

    def test_new_format_never_makes_two_results_one(self) -> None:
        for name in ("x.jpg", "x.png", "x.tif", "x.png.jpg"):
            Path("empty", name).touch()
        targets = [target for _, target in pairs("empty", output="out", format="jpeg")]
        assert len(set(targets)) == 4
        assert {"out/x.jpg", "out/x.png.jpg"} < set(targets)

    @pytest.mark.parametrize(
        ("output", "target"),
        [
            ("new.png", "new.png"),
            ("new/", "new/a.jpg"),
            ("new", "new/a.jpg"),
            ("other", "other/a.jpg"),
            ("album/b.PNG", "album/b.PNG"),
            ("no/such/deep.tif", "no/such/deep.tif"),
        ],
    )
    def test_file_or_folder_as_output(self, output: str, target: str) -> None:
        assert pairs("album/a.jpg", output=output) == [("album/a.jpg", target)]

    def test_file_as_output_of_several(self) -> None:
        for inputs in (["album/a.jpg", "other/a.jpg"], ["other"]):
            with pytest.raises(UsageError, match="is one file"):
                make_plan(inputs, "new.jpg")

    def test_contradicting_format(self) -> None:
        with pytest.raises(UsageError, match="does not end like"):
            make_plan(["album/a.jpg"], "new.jpg", format="png")
        assert pairs("album/a.jpg", output="new.JPEG", format="jpeg") == [("album/a.jpg", "new.JPEG")]

    @pytest.mark.parametrize(("inputs", "output"), [(["s3://a/b"], None), (["album"], "s3://a/b")])
    def test_urls_are_not_taken_for_folders(self, inputs: list[str], output: str | None) -> None:
        with pytest.raises(UsageError, match="'s3://a/b' is a URL"):
            make_plan(inputs, output)

    @pytest.mark.parametrize("suffix", ["/x", "../../x", "a\0"])
    def test_suffix_that_leads_elsewhere(self, suffix: str) -> None:
        with pytest.raises(UsageError, match="suffix"):
            make_plan(["album/a.jpg"], suffix=suffix)

    @pytest.mark.parametrize("given", [{"suffix": "s" * 230}, {"output": "o" * 300}, {"output": "long/" * 1000}])
    def test_names_that_no_system_takes(self, given: dict[str, Any]) -> None:
        with pytest.raises(UsageError, match="too long; give a shorter one"):
            make_plan(["album/a.jpg"], **given)


@pytest.mark.usefixtures("album")
class TestInputs:
    def test_patterns(self) -> None:
        assert [s for s, _ in pairs("album/*.jpg")] == ["album/a.jpg"]
        assert [s for s, _ in pairs("album/**/*.jpg")] == ["album/1950/a.jpg", "album/a.jpg"]
        every = ["album/1950/a.jpg", "album/1950/summer/c.tif", "album/a.jpg", "album/b.PNG"]
        assert [s for s, _ in pairs("album/**")] == every
        assert [s for s, _ in pairs("*/195?")] == ["album/1950/a.jpg", "album/1950/summer/c.tif"]

    def test_pattern_mirrors_from_its_fixed_part(self) -> None:
        assert pairs("album/19*/*.jpg", output="out") == [("album/1950/a.jpg", "out/1950/a.jpg")]

    def test_absolute_pattern(self, album: Path) -> None:
        assert pairs(f"{album}/other/*", output="out") == [(f"{album}/other/a.jpg", "out/a.jpg")]

    def test_file_whose_name_looks_like_a_pattern(self) -> None:
        Path("other/[1].jpg").touch()
        assert [s for s, _ in pairs("other/[1].jpg")] == ["other/[1].jpg"]

    def test_listed_names_are_taken_literally(self) -> None:
        plan = make_plan([], None, listed=["album/*.jpg", "other"])
        assert [str(job.source) for job in plan.jobs] == ["album/*.jpg", "other/a.jpg"]

    def test_missing_file_is_a_job_that_will_fail_by_its_name(self) -> None:
        assert pairs("missing.jpg") == [("missing.jpg", "missing.colorized.jpg")]

    def test_nothing_found(self) -> None:
        plan = make_plan(["empty", "none/*.jpg"])
        assert not list(plan.jobs)
        assert plan.empty == ["empty", "none/*.jpg"]
        assert make_plan(["empty", "other"]).empty == ["empty"]

    def test_file_named_outright_is_tried_whatever_its_name(self) -> None:
        assert len(pairs("album/notes.txt", "album/._a.jpg", "album/a.colorized.jpg")) == 3

    def test_links_to_folders_inside_are_not_followed(self) -> None:
        Path("other/loop").symlink_to(Path.cwd())
        Path("other/up.jpg").symlink_to("../album/a.jpg")
        assert [s for s, _ in pairs("other")] == ["other/a.jpg", "other/up.jpg"]

    def test_folder_that_may_not_be_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        scandir = os.scandir

        def refuse(path: str) -> Iterator[os.DirEntry[str]]:
            if Path(path).name == "other":
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return scandir(path)

        monkeypatch.setattr(os, "scandir", refuse)
        plan = make_plan(["album", "other"])
        assert len(plan.jobs) == 4
        (problem,) = plan.problems
        assert str(problem) == "other: cannot be searched (Permission denied) [E_INPUT]"
        assert plan.empty == []


def searches(name: str) -> bool:
    """Whether a name has a whole tree searched, which for `/` is all that the machine holds."""
    return Path(name).is_dir() or "**" in name


NAMES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=20)


@settings(max_examples=200, deadline=None)
@given(st.lists(NAMES.filter(lambda name: not searches(name)), max_size=5), st.sampled_from([None, "out", "out/"]))
def test_results_stay_inside_the_output(names: list[str], output: str | None) -> None:
    """Whatever the names, `../` and absolute ones included, nothing is written outside OUT, and no two to one place."""
    plan = make_plan([], output, listed=names)
    targets = [Path(os.path.normpath(job.target)) for job in plan.jobs]
    assert len(set(targets)) == len(targets)
    if output is not None:
        assert all(target.parts[0] == "out" for target in targets)
