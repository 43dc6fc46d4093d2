"""The flips on the fields themselves."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from advisor.advice.answers import LEAVES, answers_from
from advisor.advice.templates import TEMPLATES
from advisor.decisions.models import Decision
from advisor.web.forms.thresholds import CHART_WIDTH, thresholds_by_path
from tests.rules_alone import advise_by_rules

GIVEN: dict[str, dict[str, Any]] = {name: {"template": name} for name in TEMPLATES} | {
    "a range": {"processing": {"p95_s": {"low": 4, "high": 60}}},
    "no deadline": {"caller": {"deadline_s": None}},
    "nothing lost": {"failures": {"max_retries": 0, "transient_percent": 0}},
}


@pytest.mark.parametrize("name", GIVEN)
def test_every_numeric_flip_is_on_its_field_and_on_its_side_of_the_answer(name: str) -> None:
    answers = answers_from(GIVEN[name])
    recommendation = advise_by_rules(answers)
    thresholds = thresholds_by_path(answers, recommendation)
    assert {flip.field for flip in recommendation.flips if LEAVES[flip.field].numeric} <= set(thresholds)
    for path, turning_points in thresholds.items():
        flips = sorted((flip for flip in recommendation.flips if flip.field == path), key=lambda flip: str(flip.to))
        if turning_points.chart is None:
            continue
        chart = turning_points.chart
        assert len(chart.ticks) == len(turning_points.points) == len(flips)
        assert list(chart.ticks) == sorted(chart.ticks)
        assert chart.stretches[0].start == 0
        assert chart.stretches[-1].end == CHART_WIDTH
        assert all(stretch.start < stretch.end for stretch in chart.stretches)
        inside = next(stretch for stretch in chart.stretches if stretch.start <= chart.here <= stretch.end)
        assert inside.style == recommendation.style, path
        assert 0 < chart.here < CHART_WIDTH
        sides = {"more" if flip.to > flip.from_ else "less" for flip in flips if flip.from_ is not None and flip.to > 0}
        assert all(any(f" or {side}: " in point.words for point in turning_points.points) for side in sides)


def test_a_fields_chart_says_where_the_answer_is_and_its_thresholds(client: Client, decision: Decision) -> None:
    page = client.get(reverse("decision", args=[decision.pk])).content.decode()
    flip = next(flip for flip in decision.latest().recommendation.flips if LEAVES[flip.field].numeric)
    block = page[page.index(f'id="field-{flip.field.replace(".", "-")}-thresholds"') :].split("</div>", 1)[0]
    alternative = re.search(r'aria-label="Now ([^"]*)"', block)
    assert alternative
    assert re.search(r"or (more|less): ", alternative[1])
    assert "<svg" in block
    assert "style=" not in block
