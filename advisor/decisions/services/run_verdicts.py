"""What a run that has succeeded says, for pages that show no more of it. Results never change."""

from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from advisor.advice.contract import Evidence, Recommendation
from advisor.advice.evidence import longer_evidence
from advisor.advice.evidence_sentences import changed_conclusions
from advisor.decisions.models import Run, State
from advisor.reports.wording import run_sentence, run_size_words


class RunVerdict(NamedTuple):
    sentence: str = ""
    size: str = ""
    """On how many requests, without a full stop."""
    change: str = ""
    """What it concludes otherwise than the advice on the same answers."""


NO_VERDICT = RunVerdict()


def verdict_of_run(run: Run | None, recommendation: Recommendation | None) -> RunVerdict:
    """`recommendation` is the advice on the answers of the run; None if they have changed since."""
    if run is None or run.state != State.SUCCEEDED:
        return NO_VERDICT
    sentence, size, longer = _conclusion_of(run.pk)
    evidence = recommendation.evidence if recommendation is not None else None
    return RunVerdict(sentence, size, changed_conclusions(evidence, longer) if evidence and longer else "")


@lru_cache(maxsize=512)
def _conclusion_of(pk: UUID) -> tuple[str, str, Evidence | None]:
    run = Run.objects.only("result_json", "scenario_json").get(pk=pk)
    result = run.result
    assert result is not None  # noqa: S101 - a constraint of the database
    return run_sentence(result), run_size_words(result), longer_evidence(result, run.scenario)
