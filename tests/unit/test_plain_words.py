"""Names and prose use the field's terms and plain English; a failure names the term to use instead."""

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("advisor", "benchmarks", "core", "docs", "examples", "simulator", "static", "templates", "tests")
PROSE = (".html", ".js", ".md", ".txt", ".yaml")
NOT_OURS = {"migrations", "vendor", "__pycache__"}

WHOLE_NAMES = {
    "told": "what the value is: `text`, `lines`, `options`",
    "said": "what the value is: `text`, `sentence`",
    "found": "what was looked for: `match`, `rows`, `result`",
    "beside": "`hint`, or what is next to it",
    "behind": "`inputs`, or what it depends on",
    "stands": "`is_shown`, or the state that is meant",
    "lets": "`allow`",
    "hears": "`record_result`",
    "it": "what it is: `job`, `row`, `answer`",
}
"""Words that name nothing when they are a name on their own."""

PARTS_OF_NAMES = {
    "beside": "field hints",
    "birth": "spawn request",
    "bury": "reap, dead-letter",
    "caution": "check, warning",
    "cautions": "checks, warnings",
    "desk": "task store",
    "doorbell": "queue notifier",
    "edition": "library override",
    "editions": "library overrides",
    "gate": "rate limiter, limit",
    "gauging": "machine benchmark",
    "heir": "replacement",
    "heirs": "replacements",
    "leash": "parent watch",
    "leashed": "exits with parent",
    "nurseries": "fork servers",
    "nursery": "fork server",
    "overlay": "template merge",
    "pacer": "rate limit server",
    "vitals": "status",
}
"""Words of a dialect, as a part of any name."""

IN_PROSE = {
    r"nobody": "no one, no caller, no user",
    r"(some|any)body": "a user, a caller, another process",
    r"who(so)?ever": "if a user ..., a process that ...",
    r"beside": "next to, also, in addition to",
    r"stands? for": "means, replaces, represents",
    r"stands": "is",
    r"so many": "that many, the number",
    r"nurser(y|ies)": "fork server",
    r"leash(ed)?": "parent watch, exits with its parent",
    r"desk": "task store",
    r"heirs?": "replacement",
    r"doorbell": "queue notifier",
    r"pacer": "rate limiter, rate limit server",
    r"gate": "rate limiter, circuit breaker",
}
"""Patterns of whole words in comments, docstrings, pages and documents."""
PROSE_PATTERN = re.compile("|".join(rf"\b(?P<n{i}>{words})\b" for i, words in enumerate(IN_PROSE)), re.IGNORECASE)
QUOTED = re.compile(r"`[^`\n]*`")
"""What is quoted from code: `nobody` is a kind of caller."""
WORD_OF_NAME = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def words_in_prose(text: str) -> Iterator[tuple[int, str]]:
    """The line, from 1, and a sentence for each word that has a plainer one."""
    text = QUOTED.sub(lambda quoted: " " * len(quoted[0]), text)
    for match in PROSE_PATTERN.finditer(text):
        plain = list(IN_PROSE.values())[int(str(match.lastgroup)[1:])]
        yield text.count("\n", 0, match.start()) + 1, f'"{match[0]}": say {plain}'


def words_in_name(name: str) -> Iterator[str]:
    if name in WHOLE_NAMES:
        yield f"`{name}` as a name: say {WHOLE_NAMES[name]}"
        return
    for part in WORD_OF_NAME.findall(name):
        if part.lower() in PARTS_OF_NAMES:
            yield f"`{name}`: say {PARTS_OF_NAMES[part.lower()]}"
    if name.startswith("test_"):
        yield from (complaint for _, complaint in words_in_prose(name.replace("_", " ")))


def names_defined(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield node.lineno, name


def docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The strings that are statements: those of modules, classes and functions, and those below fields and constants."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text


def comments(path: Path) -> Iterator[tuple[int, str]]:
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


def complaints_about_code(path: Path) -> Iterator[tuple[int, str]]:
    tree = ast.parse(path.read_text())
    for line, name in names_defined(tree):
        yield from ((line, complaint) for complaint in words_in_name(name))
    for first, text in (*docstrings(tree), *comments(path)):
        yield from ((first + line - 1, complaint) for line, complaint in words_in_prose(text))


def complaints(path: Path) -> Iterator[tuple[int, str]]:
    if path.suffix == ".py":
        yield from complaints_about_code(path)
    else:
        yield from words_in_prose(path.read_text())


def sources(folder: str) -> list[Path]:
    """The code and the prose of a top folder, or of the root itself; what others wrote left out."""
    paths = ROOT.glob("*.*") if folder == "." else (ROOT / folder).rglob("*.*")
    kept = [path for path in paths if path.suffix in (".py", *PROSE) and not NOT_OURS & set(path.parts)]
    return sorted(path for path in kept if not path.name.endswith((".min.js", ".lock")))


@pytest.mark.slow
@pytest.mark.parametrize("folder", [".", *FOLDERS])
def test_names_and_prose_are_plain(folder: str) -> None:
    lines = [
        f"{path.relative_to(ROOT)}:{line}: {complaint}"
        for path in sources(folder)
        for line, complaint in sorted(complaints(path))
    ]
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize(
    ("code", "term"),
    [
        ("found = search(text)", "match"),
        ("def told(plan): ...", "what the value is"),
        ("class TaskDesk: ...", "task store"),
        ("def test_nobody_waits(): ...", "no caller"),
        ("self.vitals = read()", "status"),
        ('"""The heirs of a worker."""', "replacement"),
        ("x = 1  # stands for the caller", "means"),
        ("def wait():\n    '''Until somebody asks.'''", "a user"),
    ],
)
def test_a_word_of_the_dialect_fails_with_the_term_to_use(tmp_path: Path, code: str, term: str) -> None:
    path = tmp_path / "module.py"
    path.write_text(code)
    ((_, complaint),) = complaints(path)
    assert term in complaint


@pytest.mark.parametrize(
    "code",
    [
        '"""The calls that were found besides those on the desktop."""',
        "not_found = 404  # it is said to be found there",
        "title = 'Nobody waits'",
        "aggregate = investigate(item)",
        "nobody = Caller('nobody')  # of kind `nobody`",
    ],
)
def test_plain_english_is_left_alone(tmp_path: Path, code: str) -> None:
    path = tmp_path / "module.py"
    path.write_text(code)
    assert not list(complaints(path))
