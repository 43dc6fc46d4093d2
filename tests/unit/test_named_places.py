"""Files, folders, modules and names that the documents and docstrings name exist."""

import ast
import builtins
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("advisor", "benchmarks", "core", "deploy", "docs", "examples", "simulator", "static", "templates", "tests")
PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*/?")
NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
IN_BACKTICKS = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\((?!\w+:|#)([^)#]+)")
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/**/*.md")
OF_OTHERS = {
    "tcp_abort_on_overflow",
    "tcp_syn_retries",
    "non_idempotent",
    "proxy_next_upstream",
    "ExecStart",
    "EnvironmentFile",
}
"""Settings of Linux, nginx and systemd."""


@cache
def paths() -> frozenset[str]:
    """Every file and folder from the root, and each of their endings: `live/run/` and `run/` for `simulator/live/run/`."""
    files = [path for path in ROOT.iterdir() if path.is_file()]
    files += [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts]
    parts = [path.relative_to(ROOT).parts for path in (*files, *(ROOT / folder for folder in FOLDERS))]
    return frozenset("/".join(each[start:]) for each in parts for start in range(len(each)))


@cache
def folders() -> frozenset[str]:
    return frozenset(part for path in paths() for part in path.split("/")[:-1])


class Source:
    def __init__(self, tree: ast.Module) -> None:
        self.docstrings: list[ast.Constant] = []
        self.names: set[str] = set()
        for node in ast.walk(tree):  # parents first
            self._add_docstrings(node)
            self._add_names(node)

    def _add_docstrings(self, node: ast.AST) -> None:
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else ():
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                self.docstrings.append(statement.value)

    def _add_names(self, node: ast.AST) -> None:
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                self.names.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                self.names.add(name)
            case ast.alias(name=name) | ast.ImportFrom(module=str(name)):
                self.names.update(name.split("."))
            case ast.Constant(value=str(text)) if not any(node is docstring for docstring in self.docstrings):
                self.names.update(re.findall(r"\w+", text))


@cache
def sources() -> dict[Path, Source]:
    code = [ROOT / "manage.py", *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))]
    return {path: Source(ast.parse(path.read_text())) for path in code}


@cache
def names() -> frozenset[str]:
    words = {Path(part).stem for path in paths() for part in path.split("/")} | set(dir(builtins)) | OF_OTHERS
    for path, source in sources().items():
        if path != Path(__file__):
            words |= source.names
    return frozenset(words | {f"CROSSOVER_{name.upper()}" for name in words})


def is_missing_path(word: str) -> bool:
    if not PATH.fullmatch(word):
        return False
    is_ours = "/" in word and word.split("/")[0] in folders()
    return (is_ours or word.endswith((".md", ".py"))) and word.rstrip("/") not in paths()


def is_missing_name(text: str) -> bool:
    name = text.removesuffix("()")
    return text not in paths() and bool(NAME.fullmatch(name)) and not names().issuperset(name.split("."))


def missing(text: str) -> list[str]:
    named = IN_BACKTICKS.findall(text)
    return [name for name in named if is_missing_name(name) or any(map(is_missing_path, name.split()))]


def documents() -> list[Path]:
    return [path for pattern in DOCUMENTS for path in ROOT.glob(pattern)]


@pytest.mark.slow
def test_what_the_documents_name_exists() -> None:
    absent = [f"{path.relative_to(ROOT)}: {name}" for path in documents() for name in missing(path.read_text())]
    assert not absent, "no file, folder or name in the code is called so"


def test_what_the_documents_link_to_exists() -> None:
    links = [(path, link) for path in documents() for link in LINK.findall(path.read_text())]
    assert len(links) > 5
    assert not [f"{path.relative_to(ROOT)}: {link}" for path, link in links if not (path.parent / link).exists()]


@pytest.mark.slow
def test_what_docstrings_name_exists() -> None:
    absent = [
        f"{path.relative_to(ROOT)}:{text.lineno}: {name}"
        for path, source in sources().items()
        for text in source.docstrings
        for name in missing(str(text.value))
    ]
    assert not absent, "no file, folder or name in the code is called so"


@pytest.mark.slow
@pytest.mark.parametrize(
    "named",
    [
        "advisor/advice/explanation.py",
        "explanation.py",
        "live/outside/",
        "simulator/gone",
        "calibrate.NO_SUCH",
        "S_BEGAN",
    ],
)
def test_what_is_not_there_is_found(named: str) -> None:
    assert missing(f"The words are in `{named}`, and `calibrate.SECONDS` in `simulator/live/run/calibrate.py`.") == [
        named
    ]


WALK_STEP = re.compile(r"^\| `([^`]+)` \| (?:`(\w+)`)? *\| .+\.\ \|$", re.MULTILINE)


def defined_in(path: Path) -> set[str]:
    """The names that a module defines, imports left out."""
    statements = ast.parse(path.read_text()).body
    assigned = (node for each in statements if isinstance(each, ast.Assign | ast.AnnAssign) for node in ast.walk(each))
    return {str(getattr(each, "name", "")) for each in statements} | {
        node.id for node in assigned if isinstance(node, ast.Name)
    }


def test_each_step_of_the_walks_names_a_file_and_what_it_defines() -> None:
    steps = WALK_STEP.findall((ROOT / "docs/internals/walks.md").read_text())
    assert len(steps) > 30
    assert not [path for path, _ in steps if not (ROOT / path).is_file()], "no such file"
    absent = [f"{name} in {path}" for path, name in steps if name and name not in defined_in(ROOT / path)]
    assert not absent, "the file defines no such name"


def test_no_environment_is_tracked() -> None:
    """A link to one, as worktrees have, would take the place of the environment wherever it is checked out."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    tracked = subprocess.run([git, "ls-files", ".venv"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert tracked.stdout == ""
