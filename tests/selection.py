"""Which tests run: heavy ones with `--full` only, and in CI none is skipped unless it says beforehand that it may be.

A test that can't run everywhere carries `@pytest.mark.may_skip(reason=...)`; where `CI` is set, any other skip is an error.
"""

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
IN_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")


WAITING = ("tests/live/", "tests/faults/")
"""Tests that wait for processes most of the time."""
LONG = (
    "tests/faults/test_up_",
    "tests/theory/",
    "tests/unit/commands/test_every_workload.py",
    "tests/unit/commands/test_bench.py",
    "tests/web/test_access.py",
    "tests/web/test_bundle.py",
    "tests/property/",
)
"""Few tests that take long: begun last, one of them would keep a single process busy."""
IN_A_BROWSER = "tests/e2e/"
"""Last in their process: the browser keeps its thread's event loop for good."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run every seed, soak and generated input, too")
    parser.addoption("--fast", action="store_true", help="run the quick unit tests only")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "may_skip(reason): where it may be skipped even in CI, and why")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("may_skip"):
            if not mark.kwargs.get("reason"):
                raise pytest.UsageError(f"{item.nodeid}: may_skip needs a reason")
    chosen = [item for item in items if is_chosen(item, config.getoption("--full"), config.getoption("--fast"))]
    if len(chosen) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
        items[:] = chosen


def is_chosen(item: pytest.Item, full: bool, fast: bool) -> bool:
    if item.get_closest_marker("full") and not full:
        return False
    return not (fast and item.get_closest_marker("slow"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With --fast, nothing but units is read."""
    is_other = collection_path.parent == HERE and collection_path.is_dir() and collection_path.name != "unit"
    return True if is_other and config.getoption("--fast") else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    expected = item.get_closest_marker("may_skip") or hasattr(report, "wasxfail")
    if IN_CI and report.skipped and not expected:
        _refuse(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if IN_CI and report.skipped:
        _refuse(report)
    return report


def _refuse(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"Skipped in CI, where only tests marked may_skip may be: {reason}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """The order of files in several processes. xdist is there, since it asks; without it, nothing needs it."""
    from xdist.scheduler import LoadScopeScheduling

    class Files(LoadScopeScheduling):
        """Gives a process one file after the other. The first process waits while the others compute, so that no core is idle."""

        def _split_scope(self, nodeid: str) -> str:
            return nodeid.partition("::")[0]

        def _assign_work_unit(self, node: Any) -> None:
            waits = node.gateway.id == "gw0"
            self.workqueue.move_to_end(min(self.workqueue, key=lambda file: rank(file, waits)), last=False)
            super()._assign_work_unit(node)

    return Files(config, log)


def rank(file: str, waits: bool) -> tuple[bool, bool, bool]:
    """Files of a lower rank are run first by a process that runs those that wait, or those that compute, first."""
    return file.startswith(IN_A_BROWSER), file.startswith(WAITING) != waits, not file.startswith(LONG)
