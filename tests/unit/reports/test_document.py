"""A report that a review board can check and reproduce."""

import json
from dataclasses import replace

import pytest

from advisor.advice.answers import Answers, answers_from
from advisor.advice.recommendation import advise
from advisor.advice.scenario import scenario_from
from advisor.advice.yaml_json import read_mapping
from advisor.reports.document import Document, advice, file_name
from advisor.reports.document.advice import CHECK_TITLES, RULE_TITLES
from advisor.reports.document.answers import QUESTIONS, value_words
from advisor.reports.document.blocks import Drawing, ItemList, Listing, Paragraph, TableBlock, cell
from advisor.reports.document.decision import decision_of, workload_sentences
from advisor.reports.document.options import consequences_of, options_of
from tests.rules_alone import advise_by_rules
from tests.unit.reports import results
from tests.unit.reports.documents import RECORD, RECORDING, TRACE_ID, advice_alone, document, recorded


def section(report: Document, name: str) -> tuple[object, ...]:
    return next(part.blocks for part in report.sections if part.id == name)


def test_the_decision_comes_first_and_the_appendices_last() -> None:
    report = document()
    assert report.verdict == "Event-driven, clearly. Deliver by webhook."
    assert [part.id for part in report.sections] == [
        *(
            "decision",
            "alternatives",
            "consequences",
            "plan",
            "risks",
            "evidence",
            "simulation",
            "assumptions",
            "method",
        ),
        *("answers", "scenario"),
    ]
    assert [part.id for part in report.without_appendices().sections][-1] == "method"


def test_the_first_page_has_the_workload_the_decision_the_figures_and_what_would_reopen_it() -> None:
    paragraph, picture, _, reopen = section(document(), "decision")
    assert isinstance(paragraph, Paragraph) and isinstance(picture, Drawing) and isinstance(reopen, TableBlock)
    assert paragraph.text == (
        "One of our own services waits for each result and needs it within 30 min. Requests arrive at 0.5 /s on average and 4 /s in "
        "peaks of 15 min. Processing one typically takes 8 s; one in twenty takes 20 s or longer. It is decided to serve the requests "
        "event-driven, from a queue, and deliver by webhook. Only the event-driven design meets the deadline of 2 min in simulation, "
        "with at most 1 % missed. 70 % of the synchronous and 98 % of the event-driven results were in time, of 60,000 requests "
        "through each design."
    )
    assert picture.chart.title == "Within 2 min: 70 % synchronous and 98 % event-driven; 99 % wanted"
    assert [(deadline.x, deadline.text) for deadline in picture.chart.deadlines] == [(99.0, "99 % wanted")]
    assert reopen.table.rows == (
        (
            "How long does the slowest one in twenty take?",
            "20 s",
            "if 1.9 s or less",
            "Synchronous, on balance. Answer in the response. (The typical time in proportion.)",
        ),
    )


@pytest.mark.parametrize(
    ("status", "begins"),
    [("accepted", "It is decided to"), ("proposed", "It is proposed to"), ("draft", "The advice is to")],
)
def test_only_an_accepted_revision_is_called_decided(status: str, begins: str) -> None:
    answers = answers_from({})
    assert begins in decision_of(answers, results.recommendation(), status=status).paragraph


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"volume": {"peak_to_mean": 1}}, "Requests arrive at 0.5 /s on average, without peaks."),
        ({"volume": {"mean_rate_per_s": {"low": 0.5, "high": 2}}}, "at 0.5 /s to 2 /s on average and 8 times that in"),
        ({"volume": {"clients": 1}}, "The load is 1 client with one request at a time each."),
        ({"caller": {"kind": "nobody"}}, "Nobody waits for the results; they must be there within 30 min."),
        ({"caller": {"deadline_s": None}}, "waits for each result and there is no deadline."),
    ],
)
def test_the_workload_is_told_as_it_was_answered(given: dict[str, object], words: str) -> None:
    assert words in workload_sentences(answers_from(given))


def test_rule_codes_and_weights_are_in_the_table_of_forces_alone() -> None:
    *_, forces = section(document(), "evidence")
    assert isinstance(forces, TableBlock)
    assert forces.table.rows[0] == (
        "Rule (hop_limit)",
        "p99 34 s, past the 30 s limit of gunicorn.",
        "Event-driven",
        "0.9",
        "https://docs.gunicorn.org/en/stable/settings.html#timeout",
    )
    rest = [str(part.blocks) for part in document().sections if part.id not in ("evidence", "answers", "scenario")]
    codes = [*CHECK_TITLES, *(code for code in RULE_TITLES if "_" in code)]
    assert not [code for code in codes for words in rest if f"({code})" in words] and "weight 0" not in str(rest)


def test_every_style_has_what_speaks_for_it_and_why_it_is_not_chosen() -> None:
    event_driven, synchronous, hybrid = options_of(results.recommendation(), None)
    assert event_driven.is_chosen and not synchronous.is_chosen and not hybrid.is_chosen
    assert event_driven.arguments.good[0] == "p99 34 s, past the 30 s limit of gunicorn."
    assert event_driven.arguments.bad == synchronous.arguments.good == ("One subscriber.",)
    assert synchronous.arguments.bad == ("p99 34 s is past the 30 s limit of gunicorn",)
    assert hybrid.arguments.bad == ("Nothing in the answers speaks for it rather than for the event-driven design.",)
    assert str(document().options[0].arguments.bad[0]).startswith("It does not meet the deadline: 98 % in time")
    alternatives = str(section(document(), "alternatives"))
    assert "Event-driven, chosen" in alternatives and "Not polling: It would call in vain." in alternatives


def test_a_design_that_meets_the_deadline_too_is_said_to() -> None:
    answers = answers_from({"template": "form_classification"})
    given = advise(answers, flips=False)
    synchronous, event_driven, _ = options_of(given, given.evidence)
    assert synchronous.arguments.good[0].startswith("It meets the deadline: ")
    assert event_driven.arguments.good[0].startswith("It meets the deadline: ")
    assert "More speaks for the synchronous design: the caller cannot go on" in event_driven.arguments.bad[0]
    assert consequences_of(given, given.evidence).good[0].endswith("of the results are there within 5 s.")


def test_a_design_that_misses_has_the_share_of_the_longest_simulation() -> None:
    given = advise(answers_from({"template": "document_extraction"}), flips=False)
    assert given.evidence is not None
    styles = given.evidence.styles
    fewer = styles["synchronous"].model_copy(update={"good_share": 0.8123})
    longer = given.evidence.model_copy(update={"styles": {**styles, "synchronous": fewer}})
    (_, short, _), (_, long, _) = options_of(given, given.evidence), options_of(given, longer)
    by_short, by_longer = " ".join(short.arguments.bad), " ".join(long.arguments.bad)
    assert "81.2 % of the synchronous requests" in by_longer and "90.8 %" not in by_longer
    assert "90.8 % of the synchronous requests" in by_short


def test_a_constraint_that_every_style_breaks_is_said_once() -> None:
    alike = {style: ["A peak is past the deadline."] for style in ("synchronous", "event_driven", "hybrid")}
    blocked = results.recommendation(feasible=False, infeasible=alike)

    ruled_out, favoured, *_ = advice.reasons_section(blocked).blocks
    assert isinstance(favoured, Paragraph) and favoured.text.startswith("Once a design is feasible, the forces favour")
    assert isinstance(ruled_out, ItemList)
    assert [point.text for point in ruled_out.items] == [
        "Synchronous, event-driven and hybrid: A peak is past the deadline."
    ]


def test_every_applicable_answer_is_listed_with_its_unit_and_origin() -> None:
    report = document(caller={"deadline_s": 900})
    rows = {
        row[0]: row[1:]
        for block in section(report, "assumptions")
        if isinstance(block, TableBlock)
        for row in block.table.rows
    }
    asked = [question.label for question in QUESTIONS.values() if question.applies(report.answers)]
    assert set(rows) == set(asked)
    assert rows["How soon must the result be there?"] == ("15 min", "given")
    assert rows["How long does the slowest one in twenty take?"] == ("20 s", "if 1.9 s or less")
    paragraph, depends, *_ = section(report, "assumptions")
    assert isinstance(paragraph, Paragraph) and "Another value of 1 of them changes the advice" in paragraph.text
    assert isinstance(depends, TableBlock) and len(depends.table.rows) == 1


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("caller.deadline_s", None, "no deadline"),
        ("provider.requests_per_minute", None, "no limit"),
        ("volume.mean_rate_per_s", 0.5, "0.5 /s"),
        ("volume.mean_rate_per_s", {"low": 0.5, "high": 2}, "0.5 /s to 2 /s"),
        ("processing.p95_s", {"unknown": True}, "not known: the template's range is assumed"),
        ("operations.min_workers", 1, "1 worker"),
        ("resilience.result_retention_h", 24.0, "24 h"),
        ("volume.peak_minutes", 15.0, "15 min"),
        ("provider.input_tokens_per_minute", 2_000_000.0, "2,000,000 tokens/min"),
        ("caller.kind", "partner", "A partner's service"),
        ("failures.idempotent", True, "yes"),
        ("synchronous.hops", ["gunicorn", {"name": "Ours", "limit_s": 12, "kind": "total"}], None),
    ],
)
def test_an_answer_is_said_with_its_unit(path: str, value: object, words: str | None) -> None:
    text = value_words(path, value)
    assert text == words if words else "30 s, total" in text and "Ours (12 s, total)" in text


def test_the_simulation_states_verdict_inequalities_figures_and_charts() -> None:
    blocks = section(document(), "simulation")
    texts = " ".join(block.text for block in blocks if isinstance(block, Paragraph))
    assert "Only the event-driven design meets the deadline of 2 min" in texts
    assert "seed 7" in texts and "20 replications" in texts
    assert any(isinstance(block, ItemList) and "polling every 2 s" in block.items[0].text for block in blocks)
    assert sum(isinstance(block, Drawing) for block in blocks) == 7
    figures = next(block for block in blocks if isinstance(block, TableBlock))
    rows = {row[0]: row[1:] for row in figures.table.rows}
    assert rows["Latency, p95"] == ("not reached", "66 ± 2 s")
    assert rows["of these rejected"] == ("12,000 (20 %)", "0 (0 %)")


def test_outcomes_in_the_results_sum_to_the_jobs_offered() -> None:
    figures = next(block for block in section(document(), "simulation") if isinstance(block, TableBlock))
    rows = {row[0]: row[1] for row in figures.table.rows}
    parts = [int(text.split(" ")[0].replace(",", "")) for name, text in rows.items() if name.startswith("of these")]
    assert sum(parts) == int(rows["Jobs offered"].replace(",", ""))


def test_where_no_job_started_there_is_no_wait_to_speak_of() -> None:
    idle = results.synchronous(wait_s=results.NO_QUANTILES, latency_s=results.NO_QUANTILES, intervals={})
    figures = next(
        block
        for block in section(document(results.result(synchronous=idle)), "simulation")
        if isinstance(block, TableBlock)
    )
    rows = {row[0]: row[1] for row in figures.table.rows}
    assert (rows["Latency, p95"], rows["Wait, p95"]) == ("not reached", "–")


def test_an_unstable_design_is_explained_and_has_no_percentile() -> None:
    blocks = section(document(results.result(event_driven=results.unstable())), "simulation")
    assert any(isinstance(block, Paragraph) and "cannot keep up" in block.text for block in blocks)
    figures = next(block for block in blocks if isinstance(block, TableBlock))
    assert {row[2] for row in figures.table.rows if row[0].startswith(("Latency", "Wait"))} == {"no steady state"}


def test_a_reviewer_can_reproduce_it_from_the_appendices() -> None:
    report = document()
    (answers,) = section(report, "answers")
    (scenario,) = section(report, "scenario")
    assert isinstance(answers, Listing) and isinstance(scenario, Listing)
    assert answers_from(_without_schema(answers.text)) == report.answers
    assert scenario_from(read_mapping(scenario.text.encode(), "scenario.json")) == report.scenario
    commands = [block.text for block in section(report, "method") if isinstance(block, Listing)]
    assert "python3 manage.py simulate scenario.json --engine kernel --seed 7 --replications 20" in commands


def test_the_recipe_of_a_recorded_workload_names_the_file_next_to_it() -> None:
    report = recorded()
    (answers,) = section(report, "answers")
    (scenario,) = section(report, "scenario")
    assert isinstance(answers, Listing) and isinstance(scenario, Listing)
    assert json.loads(answers.text)["volume"]["trace"] == "bursty-hour.csv"
    assert json.loads(scenario.text)["arrivals"] == {"process": "trace", "path": "bursty-hour.csv"}
    words = " ".join(block.text for block in section(report, "method") if isinstance(block, Paragraph))
    assert "put the recording next to it as bursty-hour.csv" in words
    (facts,) = section(report, "recording")
    assert isinstance(facts, TableBlock)
    rows = dict(facts.table.rows)
    assert rows["Requests"] == "4,695" and rows["Size"] == "180,123 bytes" and rows["SHA-256"] == "ab" * 32
    assert rows["First request"] == "2026-11-02T09:00:04.341688Z" and rows["Duration"] == "59 min 50 s"


def test_a_recording_that_was_deleted_is_said_to_be() -> None:
    report = advice_alone(volume={"trace": TRACE_ID})
    (paragraph,) = section(report, "recording")
    assert isinstance(paragraph, Paragraph) and "has since been deleted" in paragraph.text
    assert report.answers.volume.trace is None


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("bursty-hour.csv", "bursty-hour.csv"),
        ("Azure Code.CSV", "Azure-Code.csv"),
        ("..", "recording.csv"),
        ("日本語.csv", "recording.csv"),
        ("-rf.csv", "rf.csv"),
        ("a\r\nX: 1.txt", "a-X-1.txt.csv"),
        ("con.csv", "recording-con.csv"),
        (TRACE_ID, f"{TRACE_ID}.csv"),
        ("answers.json", "answers.json.csv"),
        ("x" * 120, f"{'x' * 60}.csv"),
    ],
)
def test_the_file_of_a_recording_has_a_safe_name(name: str, file: str) -> None:
    assert replace(RECORDING, name=name).file == file


def test_an_open_draft_says_since_when_it_is_so() -> None:
    draft = replace(RECORD, status="draft", set_by=None, set_at=None, is_open=True, latest=1)
    assert dict(draft.rows)["Status"] == "Draft, as of 2026-11-24T09:00:04Z; the answers may still change"
    assert dict(replace(draft, is_open=False).rows)["Status"] == "Draft"
    assert dict(draft.rows)["Revision"] == "1"


def _without_schema(text: str) -> dict[str, object]:
    data = json.loads(text)
    assert data["schema"] == Answers.model_fields["schema_"].default
    return dict(data)


def test_without_a_simulation_there_is_no_word_of_one() -> None:
    names = [part.id for part in advice_alone().sections]
    assert "simulation" not in names and "scenario" not in names
    assert dict(advice_alone().summary) == {"Status": "Not recorded (made from a file)", "Date": "2026-11-24 (UTC)"}


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Invoice extraction", "invoice-extraction.md"),
        ("../../etc/passwd", "etc-passwd.md"),
        ("Rechnungsprüfung für Café", "rechnungsprufung-fur-cafe.md"),
        ("=HYPERLINK(1)", "hyperlink-1.md"),
        ("日本語", "decision.md"),
        ("a" * 120, f"{'a' * 60}.md"),
    ],
)
def test_the_file_has_a_plain_name_of_our_own(title: str, name: str) -> None:
    assert file_name(advice_alone(name=title), "md") == name


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_a_spreadsheet_takes_no_cell_for_a_formula(text: str) -> None:
    assert cell(text) == f"'{text}"
    report = advice_alone(name=text)
    rows = [
        row for block in section(report, "assumptions") if isinstance(block, TableBlock) for row in block.table.rows
    ]
    assert ("What is this decision about?", f"'{text}", "given") in rows


def test_what_a_builder_needs_is_in_the_report() -> None:
    answers = answers_from({"template": "document_extraction", "priorities": {"batch": {"max_wait_s": 21_600}}})
    given = advise_by_rules(answers, flips=False)
    sections = {section.id: str(section.blocks) for section in advice.advice_sections(given, answers)}
    assert given.broker is not None
    assert given.broker.first.title in sections["broker"] and given.broker.runner_up.wins_if in sections["broker"]
    assert all(practice.text in sections["practices"] for practice in given.practices)
    assert all(monitor.runbook in sections["monitors"] for monitor in given.monitors)
    assert "“How long may bulk work wait?” and “How soon must the result be there?”" in sections["warnings"]


def test_a_workload_that_starts_synchronous_has_its_migration_in_the_report() -> None:
    answers = answers_from({"template": "form_classification"})
    given = advise_by_rules(answers)
    sections = {section.id: str(section.blocks) for section in advice.advice_sections(given, answers)}
    assert given.migration in sections["practices"]
    assert "broker" not in sections
