"""Reading YAML and JSON: every way to do harm or to be misread is refused, with its line."""

import pytest

from advisor.advice.answers import answers_from
from advisor.advice.scenario import scenario_from
from advisor.advice.yaml_json import document_kind, read_mapping
from core.errors import InvalidInput, Problem


def refused(data: bytes | str, name: str = "answers.yaml") -> Problem:
    with pytest.raises(InvalidInput) as caught:
        read_mapping(data if isinstance(data, bytes) else data.encode(), name)
    return caught.value.problems[0]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: 1\nb: !!python/object:os.system x", 2, "tags"),
        ("a: &x 1", 1, "anchors"),
        ("a: 1\nb: *x", 2, "aliases"),
        ("a:\n  - " + "[" * 5000, 2, "deeper than 20"),
        ("a: " + "{a: " * 5000, 1, "deeper than 20"),
        ("a: 1\nb: 2\na: 3", 3, "given twice"),
        ("a: 1\nb: 1e999", 2, "too large"),
        ("a: -1e999", 1, "too large"),
        ("a: .nan", 1, "finite"),
        ("a: -.inf", 1, "finite"),
        ("a: 9223372036854775808", 1, "too large"),
        ("a: " + "9" * 10_000, 1, "too large"),
        ("a: 1\n\nb: \x00", 3, "control"),
        ('a: "\\0"', 1, "control"),
        ('a: "\\ud800"', 1, "control"),
        ("a: [1,", 1, "not YAML"),
        ("a: 1\n---\nb: 2", 2, "more than one document"),
        ("? [1]\n: 2", 1, "name must be text"),
        ("- 1", 1, "named fields"),
    ],
)
def test_yaml_that_could_do_harm_is_refused_with_its_line(text: str, line: int, reason: str) -> None:
    problem = refused(text)
    assert reason in problem.reason
    assert problem.line == line


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('{"a": NaN}', 1, "finite"),
        ('{"a": 1,\n "b": Infinity}', 2, "finite"),
        ('{"a": 1e999}', 1, "too large"),
        ('{"a": 1,\n "a": 2}', 2, "given twice"),
        ('{"a": 9223372036854775808}', 1, "too large"),
        ('{"a": ' + "9" * 10_000 + "}", 1, "too large"),
        ('{"a":' * 5000, 1, ""),
        ("[" * 100_000, 1, ""),
        ('{"a": "\\ud800"}', 1, "control"),
        ('{"a": 1\n "b": 2}', 2, "not JSON"),
        ("{a: 1}", 1, "not JSON"),
        ("[1]", 1, "named fields"),
    ],
)
def test_json_that_could_do_harm_is_refused_with_its_line(text: str, line: int, reason: str) -> None:
    problem = refused(text, "answers.json")
    assert reason in problem.reason
    assert problem.line == line


def test_twenty_levels_are_read_and_one_more_is_refused() -> None:
    assert read_mapping(("{a: " * 20 + "1" + "}" * 20).encode(), "-")
    assert "deeper than 20" in refused("{a: " * 21 + "1" + "}" * 21).reason


def test_what_is_not_utf_8_or_too_long_is_refused() -> None:
    assert refused(b"a: 1\nb: \xff").line == 2
    assert "UTF-8" in refused("a: 1".encode("utf-16")).reason
    assert "262,144" in refused("a: " + "x" * 300_000).reason


def test_values_are_those_of_yaml_1_2() -> None:
    text = "a: no\nb: 12:30\nc: 010\nd: 1e3\ne: ~\nf: true\ng: '1'\nh: 0x10\ni: -1.5\nj: on\nk:\n"
    assert read_mapping(text.encode(), "-") == {
        "a": "no",
        "b": "12:30",
        "c": 10,
        "d": 1000.0,
        "e": None,
        "f": True,
        "g": "1",
        "h": 16,
        "i": -1.5,
        "j": "on",
        "k": None,
    }


def test_json_from_standard_input_keeps_its_own_rules() -> None:
    given = read_mapping(b'\n{\n\t"a": [1, {"b": "\\ud83d\\ude00 \\/"}]}', "-")
    assert given == {"a": [1, {"b": "😀 /"}]}
    assert read_mapping(b"{a: 1}", "-") == {"a": 1}
    assert read_mapping(b"", "-") == {}


def test_a_wrong_field_is_named_with_its_line() -> None:
    text = b"template: email_triage\nprocessing:\n  p50_s: 9\n  p95_s: 4\ncaller: {kind: no}\nsynchronous:\n  hops: [nginx, x]\n"
    with pytest.raises(InvalidInput) as caught:
        answers_from(read_mapping(text, "-"))
    lines = {problem.path: problem.line for problem in caught.value.problems}
    assert lines == {"caller.kind": 5, "processing.p95_s": 4, "synchronous.hops": 7}


def test_a_wrong_field_of_a_scenario_is_named_with_its_line() -> None:
    text = b"arrivals: {process: poisson, rate_per_s: 1}\nservice: {distribution: exponential, mean_s: 1}\nsynchronous:\n  hops:\n  - x\n"
    with pytest.raises(InvalidInput) as caught:
        scenario_from(read_mapping(text, "-"))
    assert [(problem.path, problem.line) for problem in caught.value.problems] == [("synchronous.hops.0", 5)]


def test_arrivals_or_service_make_a_scenario_and_both_kinds_together_are_refused() -> None:
    assert document_kind({"arrivals": {}}) == "scenario"
    assert document_kind({"service": {}}) == "scenario"
    assert document_kind({"provider": {}}) == "answers"
    assert document_kind({}) == "answers"
    with pytest.raises(InvalidInput) as caught:
        document_kind(read_mapping(b"arrivals: {}\ncaller: {}", "-"))
    assert caught.value.problems[0].line == 2
