"""The table of ASVS requirements names tests that exist, and every requirement once."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = (ROOT / "docs" / "asvs.md").read_text()
ROW = re.compile(
    r"^\| (\d+\.\d+\.\d+(?:, \d+\.\d+\.\d+)*) \| [^|]+ \| (test|not applicable|\*\*open\*\*): (.+) \|$", re.MULTILINE
)
OF_LEVELS_1_AND_2 = {
    1: 27,
    2: 11,
    3: 19,
    4: 10,
    5: 9,
    6: 35,
    7: 18,
    8: 7,
    9: 7,
    10: 29,
    11: 14,
    12: 9,
    13: 13,
    14: 9,
    15: 13,
    16: 16,
    17: 7,
}
"""Requirements by chapter of ASVS 5.0.0."""


def defined_tests() -> set[str]:
    sources = (path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    return {name for source in sources for name in re.findall(r"^(?:async )?def (test_\w+)\(", source, re.MULTILINE)}


def test_every_test_that_it_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", TABLE))
    assert len(named) > 50
    assert named <= defined_tests()
    assert all("`test_" in words for _, kind, words in ROW.findall(TABLE) if kind == "test")


def test_every_requirement_has_one_outcome() -> None:
    numbers = [number for row in ROW.findall(TABLE) for number in row[0].split(", ")]
    assert len(numbers) == len(set(numbers))
    assert Counter(int(number.split(".")[0]) for number in numbers) == OF_LEVELS_1_AND_2


def test_the_counts_are_those_of_the_rows() -> None:
    kinds: Counter[str] = Counter()
    for numbers, kind, _ in ROW.findall(TABLE):
        kinds[kind] += len(numbers.split(", "))
    sentence = (
        f"{kinds['test']} are shown by a test, {kinds['not applicable']} do not apply, {kinds['**open**']} are open."
    )
    assert sentence in TABLE
