"""The suite's own rules: which tests run, and which may be skipped."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

SUITE = """
import pytest

def test_light(): pass

@pytest.mark.full
def test_heavy(): pass

def test_skipped(): pytest.skip("no browser here")

@pytest.mark.may_skip(reason="needs a browser")
def test_that_may_skip(): pytest.skip("no browser here")

@pytest.mark.xfail(reason="not yet", strict=True)
def test_expected_to_fail(): assert False
"""


def outcomes(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str, *options: str) -> dict[str, int]:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    pytester.makeini("[pytest]\nmarkers = full: heavy")
    pytester.makepyfile(SUITE)
    run = pytester.runpytest_subprocess("-p", "tests.selection", "-p", "no:django", "-p", "no:cacheprovider", *options)
    return run.parseoutcomes()


def test_heavy_tests_are_left_out_and_nothing_is_called_skipped_for_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert outcomes(pytester, monkeypatch, "") == {"passed": 1, "skipped": 2, "deselected": 1, "xfailed": 1}


def test_full_runs_them(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcomes(pytester, monkeypatch, "", "--full") == {"passed": 2, "skipped": 2, "xfailed": 1}


def test_in_ci_an_unannounced_skip_is_an_error(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcomes(pytester, monkeypatch, "true") == {
        "passed": 1,
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
