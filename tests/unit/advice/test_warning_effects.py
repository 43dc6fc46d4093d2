"""Warnings of simulated advice have an effect, and the largest comes first."""

import re

import pytest

from advisor.advice.answers import answers_from
from advisor.advice.recommendation import advise
from advisor.advice.templates import TEMPLATES
from advisor.advice.warning_effects import EFFECTS, MEASURED
from tests.rules_alone import advise_by_rules


@pytest.mark.slow
@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_has_few_warnings_and_none_of_what_its_plan_takes_care_of(template: str) -> None:
    codes = [warning.code for warning in advise(answers_from({"template": template}), flips=False).warnings]
    assert len(codes) <= 2
    assert "outage_outlasts_retries" not in codes
    assert "demand_past_provider" not in codes


def test_a_peak_past_the_workers_is_a_warning_only_if_requests_miss_by_it() -> None:
    """By arithmetic both are past the workers; one waits in a queue, the other in line."""
    queued = answers_from({"template": "retrieval_ingestion"})
    in_line = answers_from({"template": "form_classification", "volume": {"mean_rate_per_s": 10}})
    for answers in (queued, in_line):
        by_rules = [warning.code for warning in advise_by_rules(answers, flips=False).warnings]
        assert "peak_past_workers" in by_rules
    assert "peak_past_workers" not in [warning.code for warning in advise(queued, flips=False).warnings]
    advice = advise(in_line, flips=False)
    (text,) = [warning.text for warning in advice.warnings if warning.code == "peak_past_workers"]
    assert re.search(r"In the simulation [\d.]+ % of the requests are refused", text)


def test_warnings_come_by_the_share_of_the_requests_that_they_concern() -> None:
    answers = answers_from({"template": "form_classification", "volume": {"mean_rate_per_s": 20}})
    texts = [warning.text for warning in advise(answers, flips=False).warnings]
    matches = [re.search(r"simulation ([\d.]+) % of the requests", text) for text in texts]
    shares = [float(match[1]) for match in matches if match]
    assert len(shares) == 3
    assert shares == sorted(shares, reverse=True)


def test_what_is_measured_has_an_effect() -> None:
    assert set(MEASURED) <= set(EFFECTS)
