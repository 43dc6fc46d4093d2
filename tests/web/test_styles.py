"""Tabler's stylesheet is served without the rules that no page uses; those that a page uses must be there."""

import gzip
import re
from pathlib import Path

import pytest

from tests.sites import ROOT

TABLER = ROOT / "static" / "vendor" / "tabler" / "tabler.min.css"
WHOLE = gzip.decompress((Path(__file__).parent / "tabler-classes.txt.gz").read_bytes()).decode().split()
"""The class names of the whole stylesheet, which VENDORED.md says how to get."""
CLASS_ATTRIBUTE = re.compile(r'\bclass="([^"]*)"')
WORD = re.compile(r"-?[_a-zA-Z][\w-]*")


def classes_in(text: str) -> set[str]:
    return {word for words in CLASS_ATTRIBUTE.findall(text) for word in WORD.findall(words)}


@pytest.mark.parametrize("template", sorted(ROOT.glob("templates/**/*.html")), ids=lambda path: path.name)
def test_the_served_part_of_tabler_has_every_class_of_a_template(template: Path) -> None:
    served = set(re.findall(r"\.(-?[_a-zA-Z][\w-]*)", TABLER.read_text()))
    assert (classes_in(template.read_text()) & set(WHOLE)) <= served
