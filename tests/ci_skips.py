"""With CI=true a test may not be skipped because a program, a package or the data is missing: such a skip fails.

Skips with another reason (root may write everywhere, no GPU here) stay skips.
"""

import os
import re
from collections.abc import Generator
from typing import Any

import pytest

_LACKING = re.compile(r"missing|could not import|not installed|not found|no such|absent|unavailable", re.IGNORECASE)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    report = yield
    return _refuse(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    report = yield
    return _refuse(report)


def _refuse(report: Any) -> Any:
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr)
        if _LACKING.search(reason):
            report.outcome = "failed"
            report.longrepr = f"not to be skipped in CI: {reason}"
    return report
