"""Typing into the questionnaire."""

import re
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from advisor.advice.answers import answers_from
from advisor.advice.evaluation import Evaluation
from advisor.advice.questionnaire import FIRST_QUESTIONS
from advisor.advice.ranges import ORDERED
from advisor.advice.uncertainty import sampled
from advisor.advice.yaml_json import as_yaml, read_mapping
from advisor.decisions.jobs.queue_notifier import RqNotifier
from advisor.decisions.models import Decision, Run, State
from advisor.decisions.services.decisions import create_decision
from advisor.decisions.services.library import hide_entry
from advisor.decisions.services.revisions import save_answers
from advisor.reports.document.answers import QUESTIONS
from advisor.teams.models import User, Workspace
from advisor.web.forms.questions import field_id
from core.paths import value_at


def post(client: Client, decision: Decision, to: str = "save-answers", **fields: Any) -> Any:
    data = {"version": str(decision.draft_version)} | {key.replace("__", "."): value for key, value in fields.items()}
    return client.post(reverse(to, args=[decision.pk]), data)


def test_the_advice_follows_what_was_typed(htmx: Client, decision: Decision) -> None:
    before = htmx.get(reverse("decision", args=[decision.pk])).content.decode()
    assert "Event-driven, clearly. Deliver by polling." in before
    changed = {"processing.p50_s": "0.2", "processing.p95_s": "0.4", "volume.peak_to_mean": "1", "failures.dead_letter": "",
               "caller.needs_immediate_response": ["", "on"], "resilience.outage_minutes": "0"}  # fmt: skip
    answer = htmx.post(reverse("save-answers", args=[decision.pk]), changed | {"version": "1"})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Synchronous, clearly. Answer in the response." in page
    assert re.search(r'id="version"[^>]+value="2"', page)
    assert "p50 200 ms, p95 400 ms" in page
    assert decision.latest().answers.processing.p95_s == 0.4


def test_a_page_hears_only_of_what_its_change_has_changed(htmx: Client, decision: Decision) -> None:
    address = reverse("save-answers", args=[decision.pk])
    changed = htmx.post(address, {"version": "1", "volume.mean_rate_per_s": "0.6"}).content.decode()
    assert set(re.findall(r'id="(state-[a-z]+)"', changed)) == {"state-load"}
    assert not re.search('id="(decision-title|status-form|what-if)"', changed)
    renamed = htmx.post(address, {"version": "2", "name": "Scans"}).content.decode()
    assert re.search(r'id="decision-title"[^>]*>Scans<', renamed)


def test_a_refused_change_leaves_the_page_on_the_version_that_it_shows(htmx: Client, decision: Decision) -> None:
    address = reverse("save-answers", args=[decision.pk])
    htmx.post(address, {"version": "1", "processing.p95_s": "30"})
    refused = htmx.post(address, {"version": "1", "processing.p95_s": "x"})
    assert refused.status_code == 422
    assert re.search(r'id="version"[^>]+value="1"', refused.content.decode())
    assert htmx.post(address, {"version": "1", "processing.p95_s": "40"}).status_code == 409


def test_five_questions_and_their_answer_come_before_the_folded_rest(client: Client, decision: Decision) -> None:
    page = client.get(reverse("decision", args=[decision.pk])).content.decode()
    first, _, rest = page.partition('id="first-answer"')
    shown = re.findall(r'class="field field-[^"]*"\s+id="(field-[a-z0-9_-]+)"', page)
    assert sorted(shown) == sorted(field_id(path) for path in QUESTIONS)
    assert re.findall(r'class="field field-[^"]*"\s+id="(field-[a-z0-9_-]+)"', first) == [
        field_id(path) for path in FIRST_QUESTIONS
    ]
    assert "Event-driven, clearly" in rest.partition("<details")[0]
    assert not re.findall(r'<details class="section"[^>]* open', page)
    wrong = client.post(reverse("save-answers", args=[decision.pk]), {"version": "1", "synchronous.workers": "many"})
    assert re.findall(r'<details class="section"\s+id="([a-z-]+)"\s+open', wrong.content.decode()) == ["section-limits"]


def test_the_advice_lists_its_parts(client: Client, decision: Decision) -> None:
    page = client.get(reverse("decision", args=[decision.pk])).content.decode()
    contents, _, advice = page.partition('id="advice-contents"')[2].partition("</nav>")
    targets = re.findall(r'href="#([a-z-]+)"', contents)
    headings = re.findall(r'<h3 id="([a-z-]+)"', advice)
    assert targets == ["verdict", *headings]
    assert 'id="verdict"' in advice


def test_what_a_builder_needs_is_on_the_page(htmx: Client, decision: Decision) -> None:
    changed = {"priorities.batch.max_wait_s": "21600", "synchronous.hops": ["nginx", "gunicorn"], "version": "1"}
    page = htmx.post(reverse("save-answers", args=[decision.pk]), changed).content.decode()
    assert "Which broker" in page and "It would be the first choice if" in page.replace("\xa0", " ")
    assert "How to build it" in page and "Idempotency key" in re.sub("</?a[^>]*>", "", page)
    assert 'class="runbook"' in page
    warning = page.partition('data-mark="warning-class_waits_past_deadline"')[2].partition("</li>")[0]
    assert "How long may bulk work wait?" in warning and "How soon must the result be there?" in warning


def test_an_error_is_shown_next_to_its_field_and_nothing_is_saved(htmx: Client, decision: Decision) -> None:
    answer = post(htmx, decision, processing__p95_s="4,5", provider__max_concurrency="0")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "must be a number such as 20, 20 s, 2-8 or ?, with a point for decimals" in error(page, "processing-p95_s")
    assert "must be between 1 call and 100,000 calls" in error(page, "provider-max_concurrency")
    assert "This is the advice on the last correct answers." in page
    assert "Event-driven, clearly." in page
    decision.refresh_from_db()
    assert decision.draft_version == 1


def error(page: str, field: str) -> str:
    match = re.search(rf'id="field-{field}-error"[^>]*>([^<]*)<', page)
    assert match
    return match[1]


def test_without_javascript_the_page_comes_again_with_the_input_kept(client: Client, decision: Decision) -> None:
    answer = post(client, decision, processing__p95_s="<script>alert(1)</script>")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="&lt;script&gt;alert(1)&lt;/script&gt;"' in page
    assert 'aria-invalid="true"' in page
    assert "<script>alert" not in page


def test_without_javascript_a_good_change_leads_back_to_the_page(client: Client, decision: Decision) -> None:
    answer = post(client, decision, processing__p95_s="30")
    assert answer.status_code == 302
    assert answer["Location"] == reverse("decision", args=[decision.pk])


def test_a_keystroke_asks_for_the_library_once_and_for_little_else(
    htmx: Client, user: User, decision: Decision
) -> None:
    hide_entry(decision.workspace, user, "hop", "nginx")
    with CaptureQueriesContext(connection) as asked:
        assert post(htmx, decision, processing__p95_s="30").status_code == 200
    assert sum('FROM "decisions_libraryentry"' in query["sql"] for query in asked) == 1
    assert len(asked) <= 22


def test_a_refused_keystroke_asks_for_the_library_once(htmx: Client, decision: Decision) -> None:
    with CaptureQueriesContext(connection) as asked:
        assert post(htmx, decision, processing__p95_s="soon").status_code == 422
    assert sum('FROM "decisions_libraryentry"' in query["sql"] for query in asked) == 1


def test_two_tabs_overwrite_nothing(htmx: Client, user: User, decision: Decision) -> None:
    save_answers(decision, {"processing": {"p95_s": 44}}, user, 1)
    answer = htmx.post(reverse("save-answers", args=[decision.pk]), {"version": "1", "processing.p95_s": "30"})
    assert answer.status_code == 409
    assert answer["HX-Retarget"] == "#conflict"
    assert "changed elsewhere" in answer.content.decode()
    assert decision.latest().answers.processing.p95_s == 44


def test_a_conflict_without_javascript_keeps_what_was_typed(client: Client, user: User, decision: Decision) -> None:
    save_answers(decision, {"processing": {"p95_s": 44}}, user, 1)
    answer = client.post(reverse("save-answers", args=[decision.pk]), {"version": "1", "processing.p95_s": "31.5"})
    assert answer.status_code == 409
    assert 'value="31.5"' in answer.content.decode()


def test_questions_that_no_longer_apply_go_and_keep_their_answers(htmx: Client, decision: Decision) -> None:
    page = post(htmx, decision, caller__kind="nobody").content.decode()
    hidden = re.search(r'<div class="field[^"]*"\s+id="field-synchronous-client_timeout_s"\s+hidden', page)
    assert hidden
    assert decision.latest().answers.synchronous.client_timeout_s == 30


def test_a_profile_brings_its_limits_and_the_page_shows_them(htmx: Client, decision: Decision) -> None:
    stored = {"provider.requests_per_minute": "600", "provider.max_concurrency": "20"}
    data = stored | {"version": "1", "provider.profile": "anthropic_start"}
    page = htmx.post(reverse("save-answers", args=[decision.pk]), data).content.decode()
    assert decision.latest().answers.provider.requests_per_minute == 1000
    assert re.search(r'name="provider.requests_per_minute"\s+value="1000"', page)


def test_a_rate_may_be_given_by_the_hour(htmx: Client, decision: Decision) -> None:
    post(htmx, decision, volume__mean_rate_per_s="1800", **{"unit:volume.mean_rate_per_s": "per hour"})
    assert decision.latest().answers.volume.mean_rate_per_s == pytest.approx(0.5)


def shown_as(page: str, path: str) -> tuple[str, str]:
    """What the field's input holds, and how sure the page says the answer is."""
    text = re.search(rf'name="{re.escape(path)}"\s+value="([^"]*)"', page)
    sure = re.search(rf'name="was:{re.escape(path)}"\s+value="([^"]*)"', page)
    assert text
    assert sure
    return text[1].replace("&#x27;", "'"), sure[1]


def test_a_range_and_an_unknown_are_answers_and_are_shown_as_typed(client: Client, decision: Decision) -> None:
    post(client, decision, processing__p95_s="15-40", volume__peak_to_mean="?")
    page = client.get(reverse("decision", args=[decision.pk])).content.decode()
    assert shown_as(page, "processing.p95_s") == ("15 to 40", "range")
    assert shown_as(page, "volume.peak_to_mean") == ("don't know", "unknown")
    assert "taken as 24.5" in page
    decision.refresh_from_db()
    assert post(client, decision, processing__p50_s="7").status_code == 302
    assert dict(decision.latest().answers.model_dump()["processing"]["p95_s"]) == {"low": 15, "high": 40}


def test_the_choice_next_to_a_number_turns_it_into_a_range_and_back_without_a_script(
    client: Client, decision: Decision
) -> None:
    def choose(text: str, was: str, now: str) -> tuple[str, str]:
        more = {"as:processing.p95_s": now, "was:processing.p95_s": was}
        assert post(client, decision, processing__p95_s=text, **more).status_code == 302
        decision.refresh_from_db()
        page = client.get(reverse("decision", args=[decision.pk])).content.decode()
        return shown_as(page, "processing.p95_s")

    assert choose("20", "number", "range") == ("10 to 45", "range"), "the template's range, which holds 20"
    assert choose("10 to 45", "range", "unknown") == ("don't know", "unknown")
    assert choose("don't know", "unknown", "number") == ("21", "number"), "the middle of the template's range"
    assert choose("400", "number", "range") == ("200 to 800", "range"), "half to double, past the template's range"
    assert choose("30-60", "number", "range") == ("30 to 60", "range"), "what was typed in the same breath stands"
    assert choose("30 to 90", "range", "range") == ("30 to 90", "range")


def test_a_choice_is_shown_at_once_even_while_another_answer_is_wrong(htmx: Client, decision: Decision) -> None:
    more = {"as:processing.p95_s": "range", "was:processing.p95_s": "number"}
    answer = post(htmx, decision, processing__p95_s="20", synchronous__workers="many", **more)
    assert answer.status_code == 422
    assert shown_as(answer.content.decode(), "processing.p95_s")[0] == "10 to 45"
    assert error(answer.content.decode(), "synchronous-workers")


def test_a_range_the_wrong_way_round_is_refused_next_to_its_field(htmx: Client, decision: Decision) -> None:
    answer = post(htmx, decision, processing__p95_s="40 to 15")
    assert answer.status_code == 422
    assert "Low must be less than high." in error(answer.content.decode(), "processing-p95_s")


def test_an_answer_that_contradicts_another_names_its_question_and_its_unit(htmx: Client, decision: Decision) -> None:
    page = post(htmx, decision, processing__p95_s="4").content.decode()
    label = QUESTIONS["processing.p50_s"].label
    assert error(page, "processing-p95_s") == f"This must be at least 8 s, the answer to “{label}”."
    assert re.search(
        r'id="field-processing-p95_s-error"\s+data-between="field-processing-p95_s field-processing-p50_s"', page
    )
    assert 'role="alert"' not in page, "it may be half typed"
    below = post(htmx, decision, processing__p95_s="2-5").content.decode()
    assert "must be at least 8 s" in error(below, "processing-p95_s"), "no part of the range will do"


@pytest.mark.parametrize(
    ("path", "text", "stored", "point"),
    [
        ("processing.p95_s", "2-8", {"low": 2, "high": 8}, 8),
        ("processing.p95_s", "1-30", {"low": 1, "high": 30}, (8 * 30) ** 0.5),
        ("processing.p50_s", "2-8", {"low": 2, "high": 8}, 4),
        ("processing.p50_s", "10-60", {"low": 10, "high": 60}, (10 * 20) ** 0.5),
        ("operations.max_workers", "1-9", {"low": 1, "high": 9}, 6),
    ],
)
def test_a_range_counts_by_the_part_that_fits_the_other_answer(
    htmx: Client, decision: Decision, user: User, path: str, text: str, stored: dict[str, float], point: float
) -> None:
    if path.startswith("operations"):
        save_answers(decision, {"operations": {"min_workers": 4}, "synchronous": {"workers": 4}}, user, 1)
    assert post(htmx, decision, **{path: text}).status_code == 200
    decision.refresh_from_db()
    answers = decision.latest().answers
    assert value_at(answers.model_dump(), path) == stored, "it is kept as it was typed"
    assert value_at(answers, path) == pytest.approx(point)
    columns, _ = sampled(Evaluation.from_answers(answers))
    for lower, upper in ORDERED:
        assert not np.any(columns[lower] > columns[upper])
    page = htmx.get(reverse("decision", args=[decision.pk])).content.decode()
    assert shown_as(page, path)[0] == f"{stored['low']} to {stored['high']}"
    again = answers_from(read_mapping(as_yaml(answers).encode(), "answers.yaml"))
    assert again == answers


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("processing.p95_s", "-5", "must be between 1 ms and 365 days: more than 0"),
        ("processing.p95_s", "400 d", "must be between 1 ms and 365 days"),
        ("processing.p95_s", "1-1e9", "must be between 1 ms and 365 days"),
        ("volume.mean_rate_per_s", "0", "must be between 0.0864 a day and 1,000,000 /s: more than 0"),
        ("failures.max_retries", "21", "must be between 0 retries and 20 retries"),
        ("caller.tolerated_miss_percent", "101", "must be between 0 % and 100 %"),
        ("processing.p95_s", "", "This is required."),
        ("caller.deadline_s", "soon", "must be a number such as 20, 20 s, 2-8 or ?"),
        ("own-hop:limit_s", "soon", "must be a number such as 20 or 20 s"),
    ],
)
def test_a_number_that_will_not_do_says_what_will(
    htmx: Client, decision: Decision, path: str, text: str, words: str
) -> None:
    more = {"synchronous.hops": "", "own-hop:name": "Mesh"} if path.startswith("own") else {}
    page = post(htmx, decision, **{path: text}, **more).content.decode()
    hint = "synchronous-hops" if more else path.replace(".", "-")
    assert words in error(page, hint).replace("\xa0", " ").replace("&#x27;", "'")


def test_shares_that_do_not_add_up_say_what_a_range_counts_as(htmx: Client, decision: Decision) -> None:
    hint = "priorities-urgent-share_percent"
    page = post(htmx, decision, priorities__urgent__share_percent="2-9").content.decode()
    assert "not 94.24 (urgent 4.24, standard 70, batch 20); a range counts by its middle." in error(page, hint)
    page = post(htmx, decision, priorities__urgent__share_percent="11").content.decode()
    assert "not 101 (urgent 11, standard 70, batch 20)." in error(page, hint)
    assert post(htmx, decision, priorities__urgent__share_percent="5-20").status_code == 200


@pytest.mark.parametrize(("workers", "unit"), [("1", "worker"), ("2", "workers")])
def test_the_unit_of_a_field_goes_with_its_number(client: Client, decision: Decision, workers: str, unit: str) -> None:
    post(client, decision, synchronous__workers=workers)
    page = client.get(reverse("decision", args=[decision.pk])).content.decode()
    field = page[page.index('id="field-synchronous-workers-input"') :].split("</div>")[0]
    assert re.search(rf'<span class="unit"[^>]*>{unit}</span>', field)


def test_simulate_leads_to_the_answers_that_need_a_look(client: Client, htmx: Client, decision: Decision) -> None:
    wrong = {"processing__p95_s": "soon", "synchronous__workers": "0", "idempotency_key": "press"}
    page = post(htmx, decision, "simulate", **wrong).content.decode()
    faults = page[page.index('id="faults"') :].split("</div>")[0]
    assert 'role="alert"' in faults and re.search(r"2 answers to correct:", faults)
    assert re.findall(r'href="#(field-[^"]*)"', faults) == [
        "field-processing-p95_s-input", "field-synchronous-workers-input"
    ]  # fmt: skip
    assert "data-insist" in page
    one = post(htmx, decision, "save-answers", processing__p95_s="soon").content.decode()
    assert "1 answer to correct:" in one and "data-insist" not in one
    assert "to correct" not in post(htmx, decision, processing__p95_s="21").content.decode()


def test_without_javascript_simulate_leads_there_too(client: Client, decision: Decision) -> None:
    page = post(client, decision, "simulate", processing__p95_s="soon", synchronous__hops="telegraph").content.decode()
    top = page[: page.index('class="two-columns"')]
    assert "2 answers to correct; nothing of this was saved." in top
    for target in re.findall(r'href="#(field-[^"]*)"', top):
        assert f'id="{target}"' in page


def test_a_typed_unit_is_taken_and_the_field_says_how_it_reads(htmx: Client, decision: Decision) -> None:
    page = post(htmx, decision, volume__mean_rate_per_s="5000/day", caller__deadline_s="20 min").content.decode()
    answers = decision.latest().answers
    assert answers.volume.mean_rate_per_s == pytest.approx(5000 / 86_400)
    assert answers.caller.deadline_s == 1200
    assert re.search(r'data-typed="5000/day"\s+data-text="5000"\s+data-unit="per day">= 0.0579', page)
    assert re.search(r'data-typed="20 min"\s+data-text="20"\s+data-unit="min">', page)


def test_uncertain_answers_give_each_style_its_probability_and_lead_to_the_answer_that_settles_it(
    htmx: Client, decision: Decision
) -> None:
    fields: dict[str, Any] = {"processing__p50_s": "?", "processing__p95_s": "0.5 to 40", "caller__needs_immediate_response": ["", "on"],
              "volume__peak_to_mean": "1 to 12", "failures__dead_letter": ""}  # fmt: skip
    page = post(htmx, decision, **fields).content.decode()
    recommendation = decision.latest().recommendation
    assert recommendation.settle
    assert "The answer that matters most to settle it" in page
    assert f'href="#field-{recommendation.settle.replace(".", "-")}-input"' in page


def test_a_close_call_says_what_would_settle_it_and_offers_the_simulation(htmx: Client, decision: Decision) -> None:
    page = post(htmx, decision, processing__p50_s="2", processing__p95_s="5").content.decode()
    recommendation = decision.latest().recommendation
    assert recommendation.strength == "close"
    assert recommendation.settle
    verdict = page[page.index('id="verdict"') :].split("</header>")[0]
    assert "A close call" in verdict
    assert f'href="#field-{recommendation.settle.replace(".", "-")}-input"' in verdict
    assert "The simulation decides it" in verdict
    assert "strength-close" in verdict


def test_infeasible_answers_are_named_and_no_style_is_called_clear(htmx: Client, decision: Decision) -> None:
    page = post(htmx, decision, volume__mean_rate_per_s="500").content.decode()
    verdict = page[page.index('id="verdict"') :].split("</header>")[0]
    assert re.search(r"<h2[^>]*>\s*Neither design can keep up: 500\s/s arrive, 2.09\s/s can be served\.", verdict)
    assert "the backlog grows" in verdict, "and what is missing, right below"
    assert "The nearest single change that helps: " in verdict
    assert "clearly" not in verdict
    assert "verdict-neither" in verdict and "event_driven" not in verdict
    assert 'style-neither"><span class="style-line"' in page


def test_errors_are_sent_for_the_fields_that_have_one_with_a_list_of_them(htmx: Client, decision: Decision) -> None:
    page = post(htmx, decision, processing__p95_s="soon").content.decode()
    assert re.findall(r'id="(field-[a-z0-9_-]+)-error"', page) == ["field-processing-p95_s"]
    assert 'data-fields="field-processing-p95_s "' in page
    assert 'data-fields=""' in post(htmx, decision, processing__p95_s="21").content.decode()


def test_an_answer_that_is_not_saved_has_no_reading(client: Client, htmx: Client, decision: Decision) -> None:
    typed = {"caller__deadline_s": "20 min", "processing__p95_s": "soon", "processing__p50_s": "8 s"}
    page = client.post(
        reverse("save-answers", args=[decision.pk]),
        {"version": "1"} | {key.replace("__", "."): text for key, text in typed.items()},
        headers={"HX-Request": ""},
    ).content.decode()
    unsaved = re.search(r'data-unsaved="([^"]*)"', page)
    assert unsaved and unsaved[1].split() == ["field-caller-deadline_s", "field-processing-p95_s"]
    for name in unsaved[1].split():
        assert re.search(rf'id="{name}-reading"[^>]*></span>', page)
    saved = post(htmx, decision, caller__deadline_s="1h30").content.decode().replace("\xa0", " ")
    assert 'data-unsaved=""' in saved and "= 1 h 30 min" in saved


BAD_NUMBERS = (
    "NaN",
    "inf",
    "-inf",
    "1e999",
    "1e308",
    "-3",
    str(2**63),
    "9" * 400,
    "٣",
    "4\x00",
    "‮4",
    "1,5",
    "0x10",
    "1_000",
    "true",
)


@pytest.mark.parametrize("text", BAD_NUMBERS)
@pytest.mark.parametrize("field", ["processing.p95_s", "synchronous.workers"])
def test_a_bad_number_is_refused_next_to_its_field(text: str, field: str, client: Client, decision: Decision) -> None:
    answer = client.post(reverse("save-answers", args=[decision.pk]), {"version": "1", field: text})
    assert answer.status_code == 422
    assert error(answer.content.decode(), field.replace(".", "-"))
    decision.refresh_from_db()
    assert decision.draft_version == 1


BAD_TEXTS = ("", "   ", "\x00", "a\x00b", "‮", "x" * 121, "x" * 1_000_000)


@pytest.mark.parametrize("text", BAD_TEXTS, ids=lambda text: ascii(text[:10]))
def test_a_bad_name_is_refused_next_to_its_field(text: str, client: Client, decision: Decision) -> None:
    answer = client.post(reverse("save-answers", args=[decision.pk]), {"version": "1", "name": text})
    assert answer.status_code == 422
    assert error(answer.content.decode(), "name")


BAD_CHOICES = {
    "caller.kind": "robot",
    "provider.profile": "../etc",
    "synchronous.hops": "telegraph",
    "failures.jitter": "",
    "subscribers.ordering": "\ud800".encode("utf-8", "replace").decode(),
    "unit:volume.mean_rate_per_s": "per fortnight",
}


@pytest.mark.parametrize(("field", "value"), BAD_CHOICES.items())
def test_an_unknown_choice_is_refused(field: str, value: str, client: Client, decision: Decision) -> None:
    data = {"version": "1", "volume.mean_rate_per_s": "1", field: value}
    answer = client.post(reverse("save-answers", args=[decision.pk]), data)
    assert answer.status_code == 422
    assert error(answer.content.decode(), field.removeprefix("unit:").replace(".", "-"))


@pytest.mark.parametrize(
    "hop", ['{"name": 1}', "{", "{}", '{"name": "x", "limit_s": "long", "kind": "total"}', "[" * 5000]
)
def test_a_hop_that_cannot_be_read_is_refused(hop: str, client: Client, decision: Decision) -> None:
    answer = client.post(reverse("save-answers", args=[decision.pk]), {"version": "1", "synchronous.hops": ["", hop]})
    assert answer.status_code == 422
    assert error(answer.content.decode(), "synchronous-hops")


@pytest.mark.parametrize("version", ["", "x", "-1", str(2**63), "٣", "1.0", "0"])
def test_a_version_that_is_none_is_a_conflict(version: str, client: Client, decision: Decision) -> None:
    answer = client.post(reverse("save-answers", args=[decision.pk]), {"version": version, "processing.p95_s": "30"})
    assert answer.status_code == 409


def test_markup_in_a_name_is_shown_as_text_everywhere(client: Client, decision: Decision) -> None:
    name = "<img src=x hx-get=/ hx-trigger=load>"
    post(client, decision, name=name)
    for url in (reverse("home"), reverse("decision", args=[decision.pk])):
        page = client.get(url).content.decode()
        assert "&lt;img src=x" in page
        assert "<img src=x" not in page


def test_simulate_saves_what_was_typed_and_the_same_press_twice_is_one_run(client: Client, decision: Decision) -> None:
    fields = {"processing__p95_s": "33", "idempotency_key": "press"}
    first = post(client, decision, "simulate", **fields)
    second = post(client, decision, "simulate", **fields)
    run = Run.objects.get()
    assert first["Location"] == second["Location"] == reverse("run", args=[run.pk])
    assert run.revision.answers.processing.p95_s == 33


def test_simulate_answers_htmx_with_the_way_to_the_run(htmx: Client, decision: Decision) -> None:
    answer = post(htmx, decision, "simulate", idempotency_key="press")
    assert answer["HX-Redirect"] == reverse("run", args=[Run.objects.get().pk])


@pytest.mark.parametrize("key", ["", "x" * 65, "a b", "\x00", "é"])
def test_simulate_without_a_usable_key_is_refused(key: str, client: Client, decision: Decision) -> None:
    assert post(client, decision, "simulate", idempotency_key=key).status_code == 422
    assert not Run.objects.exists()


def test_simulate_with_wrong_answers_starts_nothing(client: Client, decision: Decision) -> None:
    assert post(client, decision, "simulate", idempotency_key="press", processing__p95_s="x").status_code == 422
    assert not Run.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_gone_loses_no_run_and_the_page_says_so(
    client: Client, decision: Decision, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*args: object) -> None:
        raise ConnectionError("connection refused")

    monkeypatch.setattr(RqNotifier, "notify", gone)
    url = reverse("simulate", args=[decision.pk])
    answer = client.post(url, {"version": "1", "idempotency_key": "press"}, follow=True)
    page = answer.content.decode()
    assert "The queue does not answer right now" in page
    assert "Simulation queued" in page
    assert Run.objects.get().state == State.QUEUED


def test_a_hybrid_shows_the_forces_on_both_sides_and_calls_none_of_them_against_it(
    client: Client, user: User, workspace: Workspace
) -> None:
    both = {"template": "chat_assistant", "subscribers": {"count": 4, "independent_releases": True}}
    decision = create_decision(workspace, user, both)
    page = client.get(reverse("decision", args=[decision.pk])).content.decode()
    assert decision.latest().recommendation.style == "hybrid"
    assert "Forces on both sides" in page
    assert "Against it" not in page
