"""Jobs by the million: kept small, in their order, no name lost."""

import tracemalloc
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from colorizegan.batch.jobs import FolderNames, Job, Jobs, NameSets
from colorizegan.batch.plan import make_plan

PLACES = st.lists(st.tuples(st.integers(0, 3), st.text(st.characters(exclude_characters="/"), min_size=1, max_size=4)))


@given(PLACES)
def test_names_come_back_in_their_order(places: list[tuple[int, str]]) -> None:
    names = FolderNames[int]()
    for folder, name in places:
        names.add(folder, [name])
    assert list(names) == places
    assert len(names) == len(places)


@given(PLACES)
def test_a_packed_set_is_the_same_set(places: list[tuple[int, str]]) -> None:
    sets, plain = NameSets[int](), {folder: set[str]() for folder, _ in places}
    for folder, name in places:
        assert (name in sets.of(folder)) == (name in plain[folder])
        sets.of(folder).add(name)
        plain[folder].add(name)


def test_a_result_of_another_name() -> None:
    jobs = Jobs()
    jobs.add((Path("a"), Path("out")), "x.gif", "x.png")
    jobs.add((Path("a"), Path("out")), "y.jpg", "y.jpg")
    assert list(jobs) == [Job(Path("a/x.gif"), Path("out/x.png")), Job(Path("a/y.jpg"), Path("out/y.jpg"))]
    assert Job(Path("a/y.jpg"), Path("out/y.jpg")) in jobs


def test_names_in_two_folders_by_turns_and_twice() -> None:
    names = ["/a/1.jpg", "/b/1.jpg", "/a/2.png", "/b/1.jpg", "/a/1.jpg", "/a/2.jpg", "/a/2.tif"]
    plan = make_plan([], "out", listed=iter(names), format="jpeg")
    targets = ["out/a/1.jpg", "out/b/1.jpg", "out/a/2.jpg", "out/a/2.jpg.jpg", "out/a/2.tif.jpg"]
    assert [str(job.source) for job in plan.jobs] == ["/a/1.jpg", "/b/1.jpg", "/a/2.png", "/a/2.jpg", "/a/2.tif"]
    assert [job.target.as_posix() for job in plan.jobs] == targets


def test_a_plan_takes_a_few_bytes_more_than_its_names() -> None:
    count = 40_000
    names = (f"/no/such/box-{i // 1000:03}/scan-{i:08}.tif" for i in range(count))
    tracemalloc.start()
    plan = make_plan([], "out", listed=names, format="jpeg")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(plan.jobs) == count
    assert peak / count < 400  # as objects they took 1,400
