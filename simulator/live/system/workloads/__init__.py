"""Sample prompts and documents, one set a template of the questionnaire: invented, with no real person or company in them.

A set is a file in this folder: `system` (the instruction), `answers` (`json` or `text`) and `documents`, each with its `text` and the
`answer` that a good model would give. They are read at their first use.
"""

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, cycle
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
CHARACTERS_A_TOKEN = 4
"""The usual rule of thumb for English."""
SEPARATOR = 4
ANSWERS_KEPT = 4096


@dataclass(frozen=True, eq=False)
class Document:
    text: str
    answer: Any

    def sentences(self) -> list[str]:
        return [sentence.strip() for sentence in re.split(r"(?<=[.!?])\s+|\n+", self.text) if sentence.strip()]


@dataclass(frozen=True, eq=False)
class SampleWorkload:
    name: str
    system: str
    answers: str
    documents: tuple[Document, ...]

    def document(self, job: int) -> Document:
        return self.documents[job % len(self.documents)]

    def messages(self, job: int) -> list[dict[str, str]]:
        return [{"role": "system", "content": self.system}, {"role": "user", "content": self.document(job).text}]

    def number_of(self, prompt: str) -> int:
        """The document that a prompt ends with; for any other prompt one of them, always the same."""
        for number, document in enumerate(self.documents):
            if prompt.endswith(document.text):
                return number
        return sum(prompt.encode(errors="surrogatepass")) % len(self.documents)

    def answer(self, number: int, tokens: int) -> str:
        return _answer(self, number % len(self.documents), tokens)


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.json"))


@lru_cache
def load(name: str) -> SampleWorkload:
    """A set by its template's name.

    Raises:
        LookupError: there is none of that name.
    """
    if name not in names():
        raise LookupError(f"there are no sample documents called {name}")
    given = json.loads((FOLDER / f"{name}.json").read_text())
    documents = tuple(Document(item["text"], item["answer"]) for item in given["documents"])
    return SampleWorkload(name, given["system"], given["answers"], documents)


@lru_cache(ANSWERS_KEPT)
def _answer(workload: SampleWorkload, number: int, tokens: int) -> str:
    document, wanted = workload.documents[number], tokens * CHARACTERS_A_TOKEN
    if workload.answers == "json":
        return _as_json(document, wanted)
    sentences = [sentence for sentence in re.split(r"(?<=[.!?])\s+", document.answer) if sentence]
    return " ".join(_fitting(sentences, document.sentences(), wanted)) if wanted else document.answer


def _as_json(document: Document, wanted: int) -> str:
    whole = json.dumps(document.answer, ensure_ascii=False)
    if not wanted:
        return whole
    if len(whole) > wanted:
        kept = list(document.answer.items())
        while len(kept) > 1 and len(whole) > wanted:
            kept.pop()
            whole = json.dumps(dict(kept), ensure_ascii=False)
        return whole
    quoted = _fitting([], document.sentences(), wanted - len(whole) - len(', "evidence": []'))
    return json.dumps(document.answer | {"evidence": quoted}, ensure_ascii=False) if quoted else whole


def _fitting(first: list[str], then: list[str], wanted: int) -> list[str]:
    """Sentences of the first list, then of the second over and over, while they fit; one of the first in any case."""
    chosen: list[str] = []
    length = 0
    for place, sentence in enumerate(chain(first, cycle(then))):
        length += len(sentence) + SEPARATOR
        if length > wanted and not (place == 0 and first):
            break
        chosen.append(sentence)
    return chosen
