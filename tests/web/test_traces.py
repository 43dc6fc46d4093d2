"""A recording of arrivals on a decision's page."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from advisor.decisions import limits
from advisor.decisions.models import Decision, RecordingUpload, Trace
from advisor.decisions.services.recordings import read_stored_trace
from advisor.decisions.services.revisions import save_answers
from advisor.teams.models import User
from tests.unit.simulator.test_benchmark_results import VLLM

ROWS = b"time\n" + b"".join(b"%d\n" % (1_700_000_000 + second + second // 60 * 50) for second in range(600))


def upload(client: Client, decision: Decision, content: bytes, name: str = "arrivals.csv") -> Any:
    file = SimpleUploadedFile(name, content, content_type="text/csv")
    data = {"version": str(decision.draft_version), "trace": file}
    return client.post(reverse("upload-trace", args=[decision.pk]), data)


def review(client: Client, decision: Decision, content: bytes, name: str = "arrivals.csv") -> tuple[str, str]:
    """The address of the page that shows how the file is understood, and the page."""
    answer = upload(client, decision, content, name)
    address = answer.headers.get("HX-Redirect") or answer.headers["Location"]
    return address, " ".join(client.get(address).content.decode().split())


def use(client: Client, decision: Decision, content: bytes, name: str = "arrivals.csv", **corrections: str) -> str:
    """The decision's page, with the recording in use."""
    address, _ = review(client, decision, content, name)
    answer = client.post(address, corrections)
    assert (answer.status_code, answer.headers["Location"]) == (302, reverse("decision", args=[decision.pk]))
    return client.get(reverse("decision", args=[decision.pk])).content.decode()


def test_a_recording_says_what_was_read_and_the_advice_goes_by_it(htmx: Client, decision: Decision) -> None:
    page = use(htmx, decision, ROWS)
    volume = decision.latest().answers.volume
    assert "Arrivals come from arrivals.csv" in page
    assert "600" in page
    assert volume.trace == str(Trace.objects.get().pk)
    assert volume.mean_rate_per_s == pytest.approx(600 / 1049, rel=0.01)
    assert volume.peak_to_mean == pytest.approx(1.75, rel=0.02)


def test_a_recording_of_one_instant_has_no_rate_and_leaves_that_of_the_answers(
    htmx: Client, decision: Decision
) -> None:
    before = decision.latest().answers.volume.mean_rate_per_s
    page = use(htmx, decision, b"time\n" + 1000 * b"0\n")
    assert "a backlog to be worked off, which has no rate" in page
    assert decision.latest().answers.volume.mean_rate_per_s == before


def test_back_to_a_rate(htmx: Client, decision: Decision) -> None:
    use(htmx, decision, ROWS)
    decision.refresh_from_db()
    answer = htmx.post(reverse("forget-trace", args=[decision.pk]), {"version": str(decision.draft_version)})
    assert answer.status_code == 200
    assert "Is there a recording of arrivals?" in answer.content.decode()
    assert decision.latest().answers.volume.trace is None


def test_the_row_that_is_wrong_is_named_next_to_the_field(htmx: Client, decision: Decision) -> None:
    answer = upload(htmx, decision, b"time\n10\n20\nsoon\n")
    assert answer.status_code == 422
    assert "Line 4" in answer.content.decode()
    assert not Trace.objects.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"time\n", b"PK\x03\x04\x00\x00zip", b"time\n\x00\n", b"\xff\xfe\xff"],
)
def test_what_is_no_recording_is_refused(content: bytes, client: Client, decision: Decision) -> None:
    answer = upload(client, decision, content)
    assert answer.status_code == 422
    assert "field-volume-trace-error" in answer.content.decode()


def test_no_file_at_all_is_refused(client: Client, decision: Decision) -> None:
    answer = client.post(reverse("upload-trace", args=[decision.pk]), {"version": "1"})
    assert answer.status_code == 422
    assert "Choose a file first" in answer.content.decode()


def test_an_upload_that_announces_too_much_is_refused_unread(client: Client, decision: Decision) -> None:
    url = reverse("upload-trace", args=[decision.pk])
    size = str(limits.TRACE_BYTES * 2)
    answer = client.post(url, b"--x\r\n", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=size)
    assert answer.status_code == 413
    assert "over the limit of 64 MB" in answer.content.decode()


def test_an_upload_that_turns_out_too_large_is_refused_while_it_is_read(client: Client, decision: Decision) -> None:
    answer = upload(client, decision, b"x" * (limits.TRACE_BYTES + 1))
    assert answer.status_code == 413
    assert not Trace.objects.exists()


def test_a_name_is_shown_as_text_and_never_as_a_path(htmx: Client, decision: Decision) -> None:
    _, page = review(htmx, decision, ROWS, "../../<b>x</b>.csv")
    assert "&lt;b&gt;" in page or "b&gt;.csv" in page
    assert "<b>x" not in page


COUNTS = b"time,requests\n" + b"".join(
    b"2025-05-12T10:%02d:00Z,%d\n" % (minute, 60 + minute % 7) for minute in range(60)
)
EITHER = b"time\n" + b"".join(b"%d/5/2025 10:00:00\n" % day for day in range(1, 12))


def test_nothing_is_computed_before_the_person_has_seen_how_the_file_is_understood(
    htmx: Client, decision: Decision
) -> None:
    before = decision.latest().answers
    _, page = review(htmx, decision, COUNTS, "counts.csv")
    assert not Trace.objects.exists() and decision.latest().answers == before
    for words in (
        "a number of requests per interval, column requests, every 60 s",
        "column time, such as 2025-05-12T10:00:00Z: dates",
        "60 rows, none left out",
        "bursts shorter than 60 s cannot be seen",
        "in 150 parts of 24 s: 1.05 /s on average",
    ):
        assert words in page


def test_a_person_corrects_how_a_file_is_read(htmx: Client, decision: Decision) -> None:
    address, _ = review(htmx, decision, COUNTS)
    corrected = htmx.get(f"{address}?rows=requests").content.decode()
    assert "one request a row" in corrected
    assert '<input type="hidden" name="rows" value="requests">' in corrected
    htmx.post(address, {"rows": "requests"})
    recording = Trace.objects.get()
    assert (recording.requests, recording.corrections) == (60, '{"rows":"requests"}')
    use(htmx, decision, COUNTS)
    assert sorted(Trace.objects.values_list("requests", flat=True)) == [
        60,
        sum(60 + minute % 7 for minute in range(60)),
    ]


def test_counts_keep_the_width_of_their_interval(htmx: Client, decision: Decision) -> None:
    page = use(htmx, decision, COUNTS)
    assert "shorter bursts cannot be seen" in page
    assert read_stored_trace(Trace.objects.get()).interval_s == 60
    assert decision.latest().answers.volume.peak_minutes >= 1


def test_a_question_is_answered_by_a_link(htmx: Client, decision: Decision) -> None:
    address, page = review(htmx, decision, EITHER)
    assert "can be read in two ways. Which is meant?" in page and "Use this recording" not in page
    assert "month/day, from 2025-01-05 to 2025-11-05" in page
    answered = " ".join(htmx.get(f"{address}?day_first=false").content.decode().split())
    assert "2025-11-05T10:00:00Z" in answered and "Use this recording" in answered
    assert htmx.post(address).status_code == 200 and not Trace.objects.exists(), "it asks again"


def test_a_column_that_is_not_found_is_picked_by_hand(htmx: Client, decision: Decision) -> None:
    address, page = review(htmx, decision, b"when,what\nsoon,1\nlater,5\n")
    assert "Correct how it is read" in page
    assert "what" in page
    assert "Use this recording" in htmx.get(f"{address}?column=what").content.decode()


@pytest.mark.parametrize("query", ["rows=all", "interval_s=long", "column=none", "time_zone=Berlin"])
def test_a_correction_that_does_not_fit_says_so(query: str, htmx: Client, decision: Decision) -> None:
    address, _ = review(htmx, decision, b"time\n2025-05-12 10:00:00\n2025-05-12 10:00:09\n")
    answer = htmx.get(f"{address}?{query}")
    assert answer.status_code == 422 and 'role="alert"' in answer.content.decode()


def test_a_file_that_was_used_or_left_leads_back_to_the_decision(htmx: Client, decision: Decision) -> None:
    first, _ = review(htmx, decision, ROWS)
    second, _ = review(htmx, decision, COUNTS)
    assert RecordingUpload.objects.count() == 1, "a new file replaces the one that was left"
    assert htmx.get(first).headers["Location"] == reverse("decision", args=[decision.pk])
    htmx.post(second)
    assert not RecordingUpload.objects.exists()
    assert htmx.post(second).headers["Location"] == reverse("decision", args=[decision.pk])


TIMED = b"time_s,duration_s,input_tokens,status\n" + b"".join(
    b"%d,12,700,%d\n" % (second, 503 if second % 50 == 7 else 200) for second in range(400)
)


def test_proposed_answers_stand_next_to_those_of_now_and_each_can_be_left(htmx: Client, decision: Decision) -> None:
    before = decision.latest().answers
    address, page = review(htmx, decision, TIMED)
    assert "8 failed and could be tried again" in page
    assert 'name="take" value="processing.p50_s"' in page and "<strong>12 s</strong>" in page
    htmx.post(address, {"offered": "1", "take": ["volume.mean_rate_per_s", "processing.p50_s"]})
    answers = decision.latest().answers
    assert (answers.processing.p50_s, answers.processing.p95_s, answers.processing.p99_s) == (12, 12, 12)
    assert answers.processing.input_tokens == before.processing.input_tokens
    assert answers.failures == before.failures
    shown = htmx.get(reverse("decision", args=[decision.pk])).content.decode()
    assert shown.count("From the recording arrivals.csv.") == 4


def test_one_press_takes_all_proposed_answers(htmx: Client, decision: Decision) -> None:
    use(htmx, decision, TIMED)
    answers = decision.latest().answers
    assert (answers.processing.input_tokens, answers.failures.transient_percent) == (700, 2)
    assert answers.is_replayed("processing.p50_s", "processing.input_tokens")


def test_a_typed_answer_is_no_longer_from_the_recording(htmx: Client, decision: Decision) -> None:
    use(htmx, decision, TIMED)
    decision.refresh_from_db()
    htmx.post(
        reverse("save-answers", args=[decision.pk]),
        {"version": str(decision.draft_version), "processing.input_tokens": "900"},
    )
    answers = decision.latest().answers
    assert answers.processing.input_tokens == 900
    assert answers.source_of("processing.input_tokens") is None
    assert answers.source_of("processing.p50_s") is not None


def test_a_benchmark_is_recognised_and_its_answers_are_proposed(htmx: Client, decision: Decision) -> None:
    data = json.dumps(VLLM).encode()
    address, page = review(htmx, decision, data, "bench.json")
    assert "a benchmark: vllm bench serve, 1 level of concurrency, bench.json" in page
    assert "Take these answers" in page and "Correct how it is read" not in page
    htmx.post(address, {"offered": "1", "take": ["processing.p50_s"]})
    answers = decision.latest().answers
    assert (answers.processing.p50_s, answers.processing.p95_s, answers.processing.measured_in_flight) == (1.9, 3.5, 8)
    assert answers.volume.trace is None and not Trace.objects.exists()
    assert htmx.get(address).status_code == 302


def test_a_proposal_that_contradicts_another_answer_names_it_and_keeps_the_file(
    htmx: Client, decision: Decision
) -> None:
    """With 64 calls at once the model takes 400 s: on a line through that and the recorded 1 s of two calls, one alone would take no time."""
    slow = {"processing": {"measured_in_flight": 2, "high_in_flight": 64, "high_mean_s": 400}}
    save_answers(decision, slow, User.objects.get(), decision.draft_version)
    address, _ = review(htmx, decision, TIMED.replace(b",12,", b",1,"))
    answer = htmx.post(address)
    assert answer.status_code == 422 and "a call alone would take no time" in answer.content.decode()
    assert RecordingUpload.objects.exists() and not Trace.objects.exists()
