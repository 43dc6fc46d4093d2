"""A change of rules, warnings or data raises RULES_VERSION: a hash of them is stored with each version."""

import ast
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from advisor import advice
from advisor.advice.rules import RULES_VERSION

FOLDER = Path(advice.__file__).parent
SOURCES = (
    "rules",
    "checks.py",
    "facts.py",
    "queueing.py",
    "evaluation.py",
    "delivery.py",
    "data",
    "contradictions.py",
    "brokers.py",
    "practices.py",
    "few_jobs.py",
)
STORED = Path(__file__).with_name("rules_versions.json")


def contents_of(folder: Path) -> Iterator[tuple[str, Any]]:
    for source in SOURCES:
        place = folder / source
        for path in sorted(place.rglob("*.*")) if place.is_dir() else [place]:
            if path.suffix == ".py":
                yield path.relative_to(folder).as_posix(), structure(ast.parse(path.read_text(encoding="utf-8")))
            elif path.suffix == ".json":
                yield path.relative_to(folder).as_posix(), json.loads(path.read_text(encoding="utf-8"))


def structure(node: Any) -> Any:
    """A syntax tree without places, docstrings and the version itself; alike in all versions of Python, as `ast.dump` is not."""
    if isinstance(node, list):
        return [structure(part) for part in node if not (is_docstring(part) or is_version(part))]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {name: structure(value) for name, value in ast.iter_fields(node) if value not in (None, [])}
    return [type(node).__name__, fields]


def is_docstring(node: Any) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def is_version(node: Any) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "RULES_VERSION"


def fingerprint(folder: Path = FOLDER) -> str:
    return hashlib.sha256(json.dumps(list(contents_of(folder))).encode()).hexdigest()[:16]


def copy_with(tmp_path: Path, name: str, old: str, new: str) -> Path:
    for path in (path for source in SOURCES for path in (FOLDER / source, *(FOLDER / source).rglob("*.*"))):
        if path.is_file():
            text = path.read_text(encoding="utf-8") if path.suffix in (".py", ".json") else ""
            copy = tmp_path / path.relative_to(FOLDER)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if path.relative_to(FOLDER).as_posix() == name:
                assert old in text
                text = text.replace(old, new)
            copy.write_text(text, encoding="utf-8")
    return tmp_path


def test_a_change_of_rules_warnings_or_data_raises_the_version() -> None:
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    entry = f'"{RULES_VERSION}": "{fingerprint()}"'
    assert RULES_VERSION in stored, f"{STORED.name} has no hash for RULES_VERSION {RULES_VERSION}: add {entry}"
    assert stored[RULES_VERSION] == fingerprint(), (
        f"rules, warnings or data have changed since RULES_VERSION {RULES_VERSION}: raise RULES_VERSION in"
        f" advisor/advice/rules/__init__.py (with a line in CHANGELOG.md), and the version in each data file that has changed; this"
        f" test then says what to add to {STORED.name}. Only if no advice can change by it (a new name in the code): replace the entry by {entry}"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("rules/forces.py", "0.", "1."),
        ("checks.py", "Without jitter", "With no jitter"),
        ("evaluation.py", "LEAN, CLEAR = ", "CLEAR, LEAN = "),
        ("data/hops.json", '"limit_s": 60', '"limit_s": 61'),
    ],
)
def test_the_hash_sees_a_change(tmp_path: Path, name: str, old: str, new: str) -> None:
    assert fingerprint(copy_with(tmp_path, name, old, new)) != fingerprint()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("rules/forces.py", "Forces that favour", "These forces favour"),
        ("rules/__init__.py", RULES_VERSION, "2100.1.1"),
        ("checks.py", ",\n", ",  # why\n"),
        ("data/hops.json", "\n", "\n\n"),
    ],
)
def test_the_hash_does_not_see_comments_docstrings_and_formatting(
    tmp_path: Path, name: str, old: str, new: str
) -> None:
    assert fingerprint(copy_with(tmp_path, name, old, new)) == fingerprint()
