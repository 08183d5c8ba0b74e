"""What no result may replace: the photos of a run, and what is no file."""

import stat
import threading
from collections.abc import Collection

from colorizegan.batch.jobs import Job
from colorizegan.errors import OutputError
from colorizegan.files import file_identity, is_dangling


class Originals:
    """Which files are photos of a run. That is found out once a result is to be replaced, as each is looked at for it.

    jobs: of the run; () where somebody else sees to it that no result replaces a photo.
    """

    def __init__(self, jobs: Collection[Job]) -> None:
        self.jobs = jobs
        self.known: set[tuple[int, int]] | None = None
        self.lock = threading.Lock()

    def __contains__(self, identity: tuple[int, int]) -> bool:
        with self.lock:
            if self.known is None:
                self.known = {found for job in self.jobs if (found := file_identity(job.source)) is not None}
            return identity in self.known


def may_write(job: Job, overwrite: bool, originals: Originals) -> bool:
    """False where the result is there already; OutputError where an original, a device or a link is in its place."""
    other = "name another output, or a --suffix"
    if is_dangling(job.target):
        what = "is a link that leads nowhere, which is not replaced"
        raise OutputError(what, path=job.target, remedy=f"remove the link, or {other}")
    target = file_identity(job.target)
    if target is None:
        return True
    if target == file_identity(job.source):
        raise OutputError("is the original itself, which is never touched", path=job.target, remedy=other)
    if not stat.S_ISREG(job.target.stat().st_mode):
        raise OutputError("is there already and is no file", path=job.target, remedy=other)
    if not overwrite:
        return False
    if target in originals:
        raise OutputError("is another input's original, which is never touched", path=job.target, remedy=other)
    return True
