"""The suite's own rules: which tests run, and which may be skipped."""

from pathlib import Path

import pytest

from advisor.server.management.commands.test import processes
from tests.selection import rank

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.slow

SUITE = """
import pytest

def test_light(): pass

@pytest.mark.full
def test_heavy(): pass

@pytest.mark.slow
def test_slow(): pass

def test_skipped(): pytest.skip("no browser here")

@pytest.mark.may_skip(reason="needs a browser")
def test_that_may_skip(): pytest.skip("no browser here")

@pytest.mark.xfail(reason="not yet", strict=True)
def test_expected_to_fail(): assert False
"""


def outcomes(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str, *options: str) -> dict[str, int]:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini("[pytest]\nmarkers =\n  full: heavy\n  slow: slow")
    pytester.makepyfile(SUITE)
    run = pytester.runpytest_subprocess("-p", "tests.selection", "-p", "no:cacheprovider", *options)
    return run.parseoutcomes()


def test_heavy_tests_are_left_out_and_nothing_is_called_skipped_for_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert outcomes(pytester, monkeypatch, "") == {"passed": 2, "skipped": 2, "deselected": 1, "xfailed": 1}


def test_full_runs_them(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcomes(pytester, monkeypatch, "", "--full") == {"passed": 3, "skipped": 2, "xfailed": 1}


def test_fast_leaves_out_slow_ones_too(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcomes(pytester, monkeypatch, "", "--fast") == {"passed": 1, "skipped": 2, "deselected": 2, "xfailed": 1}


def test_in_ci_an_unannounced_skip_is_an_error(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcomes(pytester, monkeypatch, "true") == {
        "passed": 2,
        "failed": 1,
        "skipped": 1,
        "deselected": 1,
        "xfailed": 1,
    }


def test_in_ci_a_whole_file_that_is_skipped_is_an_error(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(test_absent='import pytest\npytest.importorskip("no_such_package")\n')
    assert outcomes(pytester, monkeypatch, "true", "--continue-on-collection-errors")["errors"] == 1


def test_a_mark_without_a_reason_is_refused(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile(test_silent="import pytest\n@pytest.mark.may_skip\ndef test_x(): pass\n")
    assert outcomes(pytester, monkeypatch, "") == {}


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ([], ("-n", "3")),
        (["tests/unit/advice"], ("-n", "3")),
        (["tests/unit/test_selection.py::test_full_runs_them"], ()),
        (["tests/web", "-n0"], ()),
        (["--pdb"], ()),
    ],
)
def test_processes_share_the_files_unless_one_is_asked_for(options: list[str], wanted: tuple[str, ...]) -> None:
    assert processes(options) == wanted


def test_a_process_that_waits_and_one_that_computes_each_begin_with_their_own_long_files_and_end_in_the_browser() -> (
    None
):
    files = [
        "tests/e2e/test_site.py",
        "tests/live/test_engine.py",
        "tests/unit/core/test_numbers.py",
        "tests/theory/test_peers.py",
    ]
    assert sorted(files, key=lambda file: rank(file, waits=True)) == [files[place] for place in (1, 3, 2, 0)]
    assert sorted(files, key=lambda file: rank(file, waits=False)) == [files[place] for place in (3, 2, 1, 0)]
