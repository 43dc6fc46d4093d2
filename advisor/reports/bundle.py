"""A zip with a report, its inputs and results, and the commands that repeat them; deterministic, byte for byte."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from advisor.places import COMMAND
from advisor.reports.document import Document
from advisor.reports.document.method import answers_json, scenario_json, simulate_command
from advisor.reports.figure_svg import svg
from advisor.reports.formats import html, markdown
from advisor.reports.zip_entries import zip_entry

Write = Callable[[BinaryIO], None]

ROUNDING = (
    "They have 12 digits, so that a processor or C library that rounds a logarithm differently hardly ever changes one."
)
COMMANDS = "commands.sh"
CHECKSUMS = "SHA256SUMS"


@dataclass(frozen=True)
class Recorded:
    write: Write
    is_as_uploaded: bool
    """Byte for byte; else written anew from the same numbers."""


@dataclass
class Hashed(io.RawIOBase):
    to: Any
    digest: Any = field(default_factory=hashlib.sha256)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.digest.update(data)
        return int(self.to.write(data))


def write_bundle(
    to: BinaryIO, document: Document, recorded: Recorded | None = None, library: Mapping[str, Any] | None = None
) -> None:
    """`library` holds a workspace's own hops and profiles, as `--library` reads them."""
    sums = {}
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in _files(document, recorded, library):
            with bundle.open(zip_entry(name), "w") as entry:
                hashed = Hashed(entry)
                if callable(content):
                    content(hashed)  # type: ignore[arg-type]
                else:
                    hashed.write(content.encode() if isinstance(content, str) else content)
            sums[name] = hashed.digest.hexdigest()
        bundle.writestr(zip_entry(CHECKSUMS), "".join(f"{digest}  {name}\n" for name, digest in sums.items()))


def _files(
    document: Document, recorded: Recorded | None, library: Mapping[str, Any] | None
) -> Iterator[tuple[str, str | bytes | Write]]:
    yield "README.txt", _readme(document, recorded, library)
    yield COMMANDS, _commands(document, library)
    yield "report.md", markdown.render_markdown(document, with_pictures=True)
    for chart in document.charts:
        yield markdown.chart_file(chart), svg(chart)
    yield "report.html", html.render_html(document)
    yield "answers.json", answers_json(document.answers) + "\n"
    yield "advice.json", _printed(document.recommendation.model_dump(mode="json", by_alias=True))
    if library is not None:
        yield "library.json", _printed(library)
    if document.recording is not None and recorded is not None:
        yield document.recording.file, recorded.write
    if document.scenario is not None and document.result is not None:
        yield "scenario.json", scenario_json(document.scenario) + "\n"
        yield "result.json", _printed(document.result.model_dump(mode="json", by_alias=True))


def _printed(value: Any) -> str:
    """Format as the commands do with `--format json`: commands.sh compares the bytes."""
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def _advise_command(library: Mapping[str, Any] | None) -> str:
    return f"{COMMAND} advise answers.json{' --library library.json' if library is not None else ''}"


def _commands(document: Document, library: Mapping[str, Any] | None) -> str:
    lines = [
        "#!/bin/sh",
        "# Works the figures of the report out again and compares them byte for byte.",
        "# Usage: sh commands.sh FOLDER_OF_CROSSOVER",
        "set -eu",
        'crossover=$(cd "${1:?give the folder of Crossover}" && pwd)',
        'cd "$(dirname "$0")"',
        "differs() {",
        '  echo "$1 is not what this checkout of Crossover finds. Another version of it may have made the figures:" >&2',
        '  echo "take a checkout of the versions in README.txt, or simulate again there and export a new bundle." >&2',
        "  exit 1",
        "}",
        "",
        *_compared(_advise_command(library), "advice"),
    ]
    if document.result is not None and document.scenario is not None:
        command = simulate_command(document.scenario, document.result)
        if document.result.live is None:
            lines += ["", *_compared(command, "result")]
        else:
            lines += [
                "",
                "# A live run measures a machine: it can be repeated, but not to the digit.",
                f"# {_anywhere(command)}",
            ]
    is_whole = document.result is not None and document.result.live is None
    same = "Every figure is the same." if is_whole else "The advice is the same."
    return "\n".join([*lines, "", f"echo '{same}'", ""])


def _compared(command: str, name: str) -> list[str]:
    return [
        f"{_anywhere(command)} --format json > {name}.again.json",
        f"cmp {name}.json {name}.again.json || differs {name}.json",
    ]


def _anywhere(command: str) -> str:
    return command.replace("manage.py", '"$crossover/manage.py"', 1)


def _readme(document: Document, recorded: Recorded | None, library: Mapping[str, Any] | None) -> str:
    parts = [
        document.title,
        document.verdict,
        "\n".join(f"{label}: {words}" for label, words in document.summary),
        "\n".join(_contents(document, recorded, library)),
        "\n".join(_how(document, library)),
        "Versions: " + ", ".join(f"{name} {version}" for name, version in document.versions.items()) + ".",
    ]
    return "\n\n".join(parts) + "\n"


def _contents(document: Document, recorded: Recorded | None, library: Mapping[str, Any] | None) -> Iterator[str]:
    yield "Files:"
    yield "  report.md, report.html   the report"
    yield "  chart-*.svg              its charts"
    yield "  answers.json             the answers, as the questionnaire's page and the command line read them"
    yield "  advice.json              the advice on them"
    if library is not None:
        yield "  library.json             the workspace's own hops and provider profiles"
    if document.recording is not None and recorded is not None:
        yield f"  {document.recording.file}"
        yield f"                           the recording {document.recording.name}: {_same_file(document, recorded)}"
    if document.result is not None:
        yield "  scenario.json            what was simulated"
        yield "  result.json              every figure that was found"
    yield f"  {COMMANDS}              finds them again and compares them"
    yield f"  {CHECKSUMS}               what each file should hash to: sha256sum --check {CHECKSUMS}"


def _same_file(document: Document, recorded: Recorded) -> str:
    if recorded.is_as_uploaded:
        return "the file as it was uploaded, byte for byte"
    uploaded = document.recording.sha256 if document.recording else ""
    return (
        "the very same numbers, written anew with the first request at 0 s; "
        f"the uploaded file, which was not kept, has the SHA-256 {uploaded}"
    )


def _how(document: Document, library: Mapping[str, Any] | None) -> Iterator[str]:
    yield "To work it out again, in a checkout of Crossover of the versions below:"
    yield f"  sh {COMMANDS} FOLDER_OF_CROSSOVER"
    yield "which runs, with the files of this folder, and compares:"
    yield f"  {_advise_command(library)}"
    result = document.result
    if result is None or document.scenario is None:
        yield "This revision has not been simulated: the bundle holds the advice alone."
    elif result.live is None:
        yield f"  {simulate_command(document.scenario, result)}"
        yield f"The figures are the same to the last digit. {ROUNDING}"
    else:
        yield "The advice is the same to the last digit. The live run is not: it measured real parts on one machine."
        yield "The same jobs can be sent again by"
        yield f"  {simulate_command(document.scenario, result)}"
