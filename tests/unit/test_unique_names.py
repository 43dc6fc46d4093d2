"""A public name at module level is defined once in each top package, so that going to a symbol leads to one place."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("advisor", "core", "simulator")
FOUND_BY_DJANGO = {"Command", "Meta", "app_name", "application", "register", "urlpatterns"}
"""Names that Django looks up in a module. It also reads all of `settings.py`, and names migrations itself."""


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements at module level, those below `if`, `try` and `with` included."""
    for statement in body:
        yield statement
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for part in ("body", "orelse", "finalbody"):
                yield from statements(getattr(statement, part, []))


def defined(statement: ast.stmt) -> set[str]:
    """The names that a statement defines; an import defines none. Each module may have a logger of its own."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Assign(value=ast.Call(func=ast.Attribute(attr="getLogger" | "get_logger"))):
            return set()
        case ast.Assign(targets=targets):
            return {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
    return set()


def is_exempt(path: Path, name: str) -> bool:
    return name.startswith("_") or name in FOUND_BY_DJANGO or path.name == "settings.py" or "migrations" in path.parts


def defined_twice(root: Path, package: str) -> list[str]:
    """A sentence for each public name that several modules of the package define."""
    places: dict[str, dict[Path, int]] = defaultdict(dict)
    for path in sorted((root / package).rglob("*.py")):
        for statement in statements(ast.parse(path.read_text()).body):
            for name in defined(statement):
                if not is_exempt(path, name):
                    places[name].setdefault(path.relative_to(root), statement.lineno)
    return [
        f"`{name}` is defined in {' and in '.join(f'{path}:{line}' for path, line in lines.items())}: "
        "rename one, or import it from the other, or make it private with an underscore."
        for name, lines in sorted(places.items())
        if len(lines) > 1
    ]


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES)
def test_a_public_name_is_defined_in_one_module(package: str) -> None:
    sentences = defined_twice(ROOT, package)
    assert not sentences, "\n".join(sentences)


MODULE = """
from package.one import shared

if True:
    LIMIT: int = 1

{definition}
"""


@pytest.mark.parametrize(
    ("definition", "name"),
    [
        ("def measure() -> None: ...", "measure"),
        ("class Measure: ...", "Measure"),
        ("FIRST, (SECOND, _) = 1, (2, 3)", "SECOND"),
        ("", "LIMIT"),
    ],
)
def test_a_second_definition_is_reported_with_both_places(tmp_path: Path, definition: str, name: str) -> None:
    for module in ("one", "two"):
        (tmp_path / "package" / module).mkdir(parents=True)
        (tmp_path / "package" / module / "rules.py").write_text(MODULE.format(definition=definition))
    (sentence,) = (text for text in defined_twice(tmp_path, "package") if text.startswith(f"`{name}`"))
    assert "package/one/rules.py:" in sentence and "package/two/rules.py:" in sentence


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("rules.py", "_private = 1"),
        ("rules.py", "class Command: ..."),
        ("rules.py", "from package.three import measure"),
        ("rules.py", "log = logging.getLogger(__name__)"),
        ("settings.py", "DEBUG = False"),
    ],
)
def test_private_names_conventions_and_imports_are_not(tmp_path: Path, file: str, text: str) -> None:
    for module in ("one", "two"):
        (tmp_path / "package" / module).mkdir(parents=True)
        (tmp_path / "package" / module / file).write_text(text)
    assert not defined_twice(tmp_path, "package")
