"""Recordings as people have them: what is read of each, and what is asked or refused. Nothing is read as something else."""

import bz2
import gzip
import io
import json
import lzma
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.recordings.counts import spread_counts
from simulator.recordings.reader import read_recording
from simulator.recordings.understanding import Corrections, ReadRecording, RecordingQuestion
from simulator.traces import Trace, TraceError

FOLDER = Path(__file__).parent / "recordings"


def read(data: str | bytes, max_rows: int = 1_000_000, **corrections: object) -> ReadRecording:
    stream = io.BytesIO(data.encode() if isinstance(data, str) else data)
    return read_recording(stream, max_rows=max_rows, corrections=Corrections.model_validate(corrections))


def read_file(name: str) -> ReadRecording:
    return read((FOLDER / name).read_bytes())


RECORDINGS = [
    ("alb-athena.csv", 40, 35.1, 1.05, [4.001, 4.101, 4.201], "a request starts at its time minus its duration"),
    ("batch1000.csv", 1000, 0, 1, None, ""),
    ("bigquery.csv", 2, 3.776544, 1, [0.3, 0.5], ""),
    ("celery-flower.csv", 30, 60.9, 1.015, [3.2, 4.2, 5.2], ""),
    ("date-time-columns.csv", 30, 29, 1, [0.3, 0.3, 0.3], "no time zone: UTC"),
    ("dst-autumn-naive.csv", 4, 20, 1, None, "set back by an hour"),
    ("dur60.csv", 600, 2027.413, 3.38, [60, 60, 60], ""),
    ("excel-dayfirst.csv", 30, 29, 1, None, "the other order would give the same arrivals"),
    ("excel-decimal-comma-iso.csv", 30, 29, 1, [0.25, 1.25, 2.25], ""),
    ("excel-multiline.csv", 5, 4, 1, None, ""),
    ("excel-serial.csv", 30, 29, 1.06, [3, 3, 3], "a spreadsheet's days"),
    ("excel-trailing.csv", 30, 29, 1, [3, 3, 3], ""),
    ("excel-us-12h.csv", 30, 7080, 23.6, [3, 3, 3], "read as month/day/year"),
    ("failures-null.csv", 3, 5, 1, [0.3, 0.4, 0.4], "1 request failed"),
    ("header-japanese.csv", 30, 29, 1, [3, 3, 3], "seconds are taken"),
    ("jmeter-sorted.jtl", 3, 2.384, 1, [2.384, 2.144, 0.095], ""),
    ("k6.csv", 20, 19, 1, None, ""),
    ("langfuse-observations.csv", 30, 1740, 5.8, [2.51, 3.51, 4.51], ""),
    ("last-second.csv", 1101, 601.9482, 27.8, None, ""),
    ("litellm-spend.csv", 30, 1740, 5.8, [3.877, 3.877, 3.877], ""),
    ("llmperf.csv", 30, 29, 1, [4, 4.1, 4.2], ""),
    ("mooncake.csv", 30, 7.332, 1, None, ""),
    ("mooncake.jsonl", 30, 7.332, 1, None, ""),
    ("nginx-access.log", 60, 177, 1.18, None, ""),
    ("nginx-request-time.csv", 40, 39, 1, [0.5, 0.9, 1.3], "nginx writes them at the end"),
    ("nginx-time-local.csv", 40, 39, 1, [2.506, 1.377, 3.866], "nginx writes them at the end"),
    ("unsorted-by-end.csv", 3, 2.8, 1, [2, 1, 1], "sorted by time"),
]
"""The file, its requests, their span in seconds, the busiest 10 s by the mean, the first durations in seconds, and a note."""


@pytest.mark.parametrize(("name", "requests", "span_s", "busiest", "durations_s", "note"), RECORDINGS)
def test_a_recording_is_read_as_what_it_is(
    name: str, requests: int, span_s: float, busiest: float, durations_s: list[float] | None, note: str
) -> None:
    recording = read_file(name)
    trace = recording.trace
    assert (trace.requests, trace.span_s) == (requests, pytest.approx(span_s, abs=2e-3))
    assert trace.busiest(10) == pytest.approx(busiest, rel=0.01)
    assert (trace.service_s is None) == (durations_s is None)
    if durations_s is not None and trace.service_s is not None:
        assert trace.service_s[:3] == pytest.approx(durations_s[: trace.requests], abs=1e-3)
    assert note in " ".join(recording.understanding.notes)


@pytest.mark.parametrize(
    ("name", "requests", "interval_s", "kind", "highest_per_s"),
    [
        ("minute-counts.csv", 16_275, 60, "counts", 900 / 60),
        ("cloudwatch.csv", 36_424, 60, "counts", 2400 / 60),
        ("locust-stats-history.csv", 2385, 1, "rates", 54.5),
        ("openai-usage.csv", 48_800, 86_400, "counts", 9100 / 86_400),
    ],
)
def test_counts_per_interval_are_read_as_counts(
    name: str, requests: int, interval_s: float, kind: str, highest_per_s: float
) -> None:
    trace, understanding = (recording := read_file(name)).trace, recording.understanding
    assert (trace.requests, trace.interval_s, understanding.rows) == (requests, interval_s, kind)
    highest = trace.busiest(interval_s) * trace.mean_rate_per_s
    assert highest >= 0.99 * highest_per_s, "a window may straddle two intervals, and has no fewer than the fuller"
    assert highest < 1.3 * highest_per_s
    assert "shorter than" in understanding.notes[-1] and "Poisson" in understanding.notes[-1]
    assert trace.input_tokens is None, "sums of an interval are not a request's"


def test_cut_digits_of_an_epoch_are_refused() -> None:
    with pytest.raises(TraceError, match=r"has lost its last digits.*such as 1747044000123") as caught:
        read_file("epoch-sci.csv")
    assert caught.value.problems[0].line == 2


def test_every_recording_of_the_folder_is_in_a_table() -> None:
    counted = {"minute-counts.csv", "cloudwatch.csv", "locust-stats-history.csv", "openai-usage.csv"}
    listed = {row[0] for row in RECORDINGS} | counted | {"epoch-sci.csv"}
    assert listed == {file.name for file in FOLDER.iterdir()}


START = datetime(2025, 5, 12, 10)  # noqa: DTZ001
TIMES = [START + timedelta(seconds=2 * place) for place in range(30)]


def column(header: str, cell: Callable[[datetime], str], encoding: str = "utf-8", end: str = "\n") -> bytes:
    return end.join([header, *map(cell, TIMES), ""]).encode(encoding)


def of(pattern: str) -> Callable[[datetime], str]:
    return lambda time: time.strftime(pattern)


@pytest.mark.parametrize(
    "data",
    [
        column("date", of('"%a, %d %b %Y %H:%M:%S GMT"')),
        column("timestamp", of("%Y%m%dT%H%M%SZ")),
        column("timestamp", of("%Y%m%d%H%M%S")),
        column("when", of('"%b %d, %Y %I:%M:%S %p"')),
        column("@timestamp", of('"%b %d, %Y @ %H:%M:%S.000"')),
        column("time", of("%a %b %d %H:%M:%S %Y")),
        column("time,x", of("%Y-%m-%d %H:%M:%S UTC,a")),
        column("time", lambda time: (time + timedelta(hours=2)).strftime("%Y-%m-%d %H:%M:%S CEST")),
        column("time,x", lambda time: (time + timedelta(hours=2)).strftime("%Y-%m-%d %H:%M:%S Europe/Berlin,a")),
        column("time", lambda time: (time + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.%f+0200")),
        column("time", lambda time: (time - timedelta(hours=5)).strftime("%d/%b/%Y:%H:%M:%S -0500")),
        column("id\ttimestamp", of("7\t%Y-%m-%dT%H:%M:%SZ")),
        column("id|timestamp", of("7|%Y-%m-%dT%H:%M:%SZ")),
        column("sep=;\ntimestamp;n", of("%Y-%m-%d %H:%M:%S;1")),
        column("# exported\ntimestamp,n", of("%Y-%m-%d %H:%M:%S,1")),
        column("My report\nof May\n\ntimestamp,n", of("%Y-%m-%d %H:%M:%S,1")),
        column("2025-05-12 10:00:00,a", of("%Y-%m-%d %H:%M:%S,a"))[len("2025-05-12 10:00:00,a\n") :],
        column("Zeitstempel;Dauer (s)", of("%d.%m.%Y %H:%M:%S;0,25"), "cp1252", "\r\n"),
        column("horodatage;durée (s)", of("%d/%m/%Y %H:%M:%S;0,25"), "cp1252", "\r\n"),
        column("時刻,処理時間", of("%Y/%m/%d %H:%M:%S,3"), "cp932", "\r\n"),
        column("timestamp\tn", of("%Y-%m-%d %H:%M:%S\t1"), "utf-16", "\r\n"),
        column("timestamp", of("%Y-%m-%d %H:%M:%S"), "utf-8-sig", "\r"),
        column("timestamp,note", of("'%Y-%m-%d %H:%M:%S','a, b'")),
        column("Total\ntimestamp,n", of("%Y-%m-%dT%H:%M:%SZ,1")) + b"Total,30\n",
        gzip.compress(column("timestamp", of("%Y-%m-%dT%H:%M:%SZ"))),
        json.dumps(
            {f"u{place}": {"uuid": f"u{place}", "received": 1747044000 + 2 * place} for place in range(30)}
        ).encode(),
        column("x", of('[%Y-%m-%dT%H:%M:%S.000Z] "POST / HTTP/1.1" 200 - 1 2 250 249 "-"'))[2:],
        json.dumps([{"startTime": time.isoformat() + "Z"} for time in TIMES], indent=1).encode(),
        json.dumps({"data": {"rows": [{"at": time.isoformat() + "Z", "model": "m"} for time in TIMES]}}).encode(),
        "\n".join(json.dumps({"ts": 1747044000 + 2 * place, "level": "info"}) for place in range(30)).encode(),
        column("x", of('203.0.113.1 - - [%d/%b/%Y:%H:%M:%S +0000] "GET / HTTP/1.1" 200 5'))[2:],
        column("x", of("%Y-%m-%d %H:%M:%S,000 INFO worker: job done"))[2:],
    ],
)
def test_the_same_arrivals_are_read_from_any_way_to_write_them(data: bytes) -> None:
    trace = read(data).trace
    np.testing.assert_allclose(trace.arrivals_s, np.arange(0, 60, 2.0))
    assert trace.first == "2025-05-12T10:00:00Z"


@pytest.mark.parametrize(
    ("data", "tool", "arrivals_s", "durations_s"),
    [
        (
            "\n".join(
                f'203.0.113.1 - - [12/May/2025:10:00:0{place} +0000] "POST /v1 HTTP/1.1" 200 9 "-" "curl" {place / 2:.3f}'
                for place in range(4)
            ),
            "access log with the request time",
            [0, 0.5, 1, 1.5],
            [0, 0.5, 1, 1.5],
        ),
        (
            "\n".join(
                f'203.0.113.1 - - [12/May/2025:10:00:0{place} +0000] "POST /v1 HTTP/1.1" 200 9 {500_000 * place}'
                for place in range(4)
            ),
            "Apache access log with the time taken",
            [0, 1, 2, 3],
            [0, 0.5, 1, 1.5],
        ),
        (
            "\n".join(
                f"https 2025-05-12T10:00:0{place}.5Z app/lb/50 203.0.113.7:123 10.0.0.1:80 0.001 {place / 2:.3f} 0.000 200 200 34 366 x"
                for place in range(4)
            ),
            "AWS application load balancer log",
            [0, 0.5, 1, 1.5],
            [0.001, 0.501, 1.001, 1.501],
        ),
        (
            "#Fields: date time sc-status time-taken s-ip\n"
            + "\n".join(f"2025-05-12 10:00:0{place} 200 {500 * place} 10.0.0.1" for place in range(4)),
            "IIS log",
            [0, 0.5, 1, 1.5],
            [0, 0.5, 1, 1.5],
        ),
        (
            json.dumps(
                {
                    "resourceSpans": [
                        {
                            "scopeSpans": [
                                {
                                    "spans": [
                                        {
                                            "startTimeUnixNano": str(1747044000 * 10**9 + place * 10**9),
                                            "endTimeUnixNano": str(1747044000 * 10**9 + place * 15 * 10**8),
                                            "attributes": [
                                                {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "900"}}
                                            ],
                                        }
                                        for place in range(4)
                                    ]
                                }
                            ]
                        }
                    ]
                }
            ),
            "OpenTelemetry spans",
            [0, 1, 2, 3],
            [0, 0.5, 1, 1.5],
        ),
        (
            "\n".join(
                json.dumps(
                    {"type": "Point", "metric": metric, "data": {"time": f"2025-05-12T10:00:0{place}Z", "value": 1}}
                )
                for place in range(4)
                for metric in ("http_reqs", "http_req_duration")
            ),
            "k6",
            [0, 1, 2, 3],
            None,
        ),
    ],
)
def test_logs_and_exports_are_known_by_their_form(
    data: str, tool: str, arrivals_s: list[float], durations_s: list[float] | None
) -> None:
    recording = read(data)
    assert recording.understanding.tool == tool
    np.testing.assert_allclose(recording.trace.arrivals_s, arrivals_s, atol=1e-6)
    if durations_s is not None:
        np.testing.assert_allclose(recording.trace.service_s, durations_s, atol=1e-6)


def rows(header: str, *lines: str) -> str:
    return "\n".join([header, *lines, ""])


MINUTES = [(START + timedelta(minutes=place)).strftime("%Y-%m-%d %H:%M:%S") for place in range(60)]
ASKED = [
    (
        "days or months",
        rows("time", *(f"{day}/5/2025 10:00:00" for day in range(1, 12))),
        "day_first",
        ["true", "false"],
    ),
    ("milliseconds from 0", rows("time", *(str(244 * place + place % 7) for place in range(60))), "unit", ["ms", "s"]),
    (
        "microseconds from 0",
        rows("time", *(str(244_000 * place + place % 7) for place in range(60))),
        "unit",
        ["us", "ms"],
    ),
    ("milliseconds with decimals", rows("t", *(f"{244.5 * place}" for place in range(60))), "unit", ["ms", "s"]),
    ("days from 0", rows("t", *(f"{second / 86_400:.9f}" for second in range(60))), "unit", ["min", "h", "days", "s"]),
    (
        "latency",
        rows("time,latency", *(f"{time},{2000 + len(time)}" for time in MINUTES)),
        "duration_unit",
        ["ms", "s"],
    ),
    (
        "a rate",
        rows("time,requests", *(f"{time},{1.5 + place % 3}" for place, time in enumerate(MINUTES))),
        "rows",
        None,
    ),
    (
        "it grows",
        rows("time,requests", *(f"{time},{90 + 7 * place}" for place, time in enumerate(MINUTES))),
        "rows",
        None,
    ),
    ("a series", rows("Time,ab", *(f"{time},{5 + place % 3}" for place, time in enumerate(MINUTES))), "rows", None),
    ("counts at any time", "time,requests\n1,5\n3,2\n4,9\n9,1\n", "rows", None),
    (
        "minutes",
        rows("time,x", *(f"2025-05-12 10:0{place // 5},a" for place in range(40))),
        "rows",
        ["counts", "requests"],
    ),
    ("two times", "a,b\n2025-05-12T10:00:00Z,2025-05-12T10:00:03Z\n", "column", ["a", "b"]),
]


@pytest.mark.parametrize(("data", "field", "values"), [row[1:] for row in ASKED], ids=[row[0] for row in ASKED])
def test_what_is_not_plain_is_asked_and_each_answer_is_read(data: str, field: str, values: list[str] | None) -> None:
    with pytest.raises(RecordingQuestion) as caught:
        read(data)
    choices = caught.value.choices
    assert {choice.field for choice in choices} == {field}
    assert values is None or [choice.value for choice in choices] == values
    spans = {read(data, **{choice.field: choice.value}).trace.arrivals_s.tobytes() for choice in choices}
    assert len(spans) == len(choices) or field in ("duration_unit", "column"), "each choice is another recording"


def test_a_unit_changes_the_durations() -> None:
    data = rows("time,latency", *(f"{time},{2000 + len(time)}" for time in MINUTES))
    by_ms, by_s = (read(data, duration_unit=unit).trace.service_s for unit in ("ms", "s"))
    assert by_ms is not None and by_s is not None
    np.testing.assert_allclose(by_ms * 1000, by_s)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (
            rows("Time,Requests", *(f"{time},{90 + place % 7} req/s" for place, time in enumerate(MINUTES))),
            "has a unit",
        ),
        (
            rows('"Time","checkout"', *(f'"{time}","{2 + place % 5} req/s"' for place, time in enumerate(MINUTES))),
            "has a unit",
        ),
        (rows("user_id,name", *(f"{1_200_000_000 + 7 * place},a" for place in range(9))), "no time column"),
        ("time\n2025-05-12 10:00:00 CST\n", "CST is the name of several zones"),
        (rows("date", *["2025-05-12", "2025-05-13"] * 5), "dates without a time of day"),
        ("<html><body></body></html>", "HTML"),
        (b"PAR1xxxx", "Parquet"),
        (gzip.compress(b"time\n" + b"1\n" * 5000, mtime=0)[:30], "damaged or cut off"),
        ("[]", "no list of requests"),
        ("Name,Request Count,Median Response Time\nGET,100,90\nAll,100,90\n", "no time column"),
        ("time\n5\n0\n2000000000\n", r"\(line 4\).* is over thirty years after the others"),
        ("time\n1747044001\n1747044002\n0\n1747044003\n", r"\(line 4\).* is over thirty years before the others"),
    ],
)
def test_what_cannot_be_told_is_refused_with_the_cause(data: str | bytes, says: str) -> None:
    with pytest.raises(TraceError, match=says):
        read(data)


def test_corrections_that_do_not_fit_name_the_columns() -> None:
    with pytest.raises(TraceError, match=r"there is no column 'when'.*'time'"):
        read("time\n1\n2\n", column="when")
    with pytest.raises(TraceError, match="no time zone 'Berlin'"):
        read("time\n2025-05-12 10:00:00\n", time_zone="Berlin")


def test_a_time_zone_decides_the_instant_and_knows_daylight_saving() -> None:
    data = rows("time", "2025-10-26 01:30:00", "2025-10-26 02:30:00", "2025-10-26 02:10:00", "2025-10-26 03:30:00")
    trace = read(data, time_zone="Europe/Berlin").trace
    assert trace.first == "2025-10-25T23:30:00Z"
    assert trace.arrivals_s.tolist() == [0, 3600, 6000, 10_800]


def test_rows_that_are_no_requests_are_counted_with_their_line() -> None:
    left_out = read("time,cost\n1,1.5\n\n2,1.5\ntime,cost\n,7\n3,2.5\nTotal,3\n").understanding.left_out
    assert [(left.reason, left.rows, left.first_line) for left in left_out] == [
        ("a total, not a request", 1, 8),
        ("the header again", 1, 5),
        ("the time is empty", 2, 3),
    ]


@pytest.mark.parametrize(
    "data",
    [
        "time,duration_s\n1,2,,\n2,3\n",
        'time,note,duration_s\n1,5" disk,2\n2,"a, b",3\n',
        "time,duration_s,x\n1,2\n2,3,y,z\n",
        "time;x;duration_s\r\n\r\n1;a;2\r\n2;b;3",
    ],
)
def test_rows_of_odd_lengths_and_odd_quotes_are_read(data: str) -> None:
    trace = read(data).trace
    assert (trace.arrivals_s.tolist(), trace.service_s.tolist()) == ([0, 1], [2, 3])  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("data", "requests", "interval_s"),
    [
        (
            rows("date,hour,requests", *(f"2025-05-{1 + i // 24:02},{i % 24},{50 + i % 5}" for i in range(240))),
            12_480,
            3600,
        ),
        (rows("timestamp,rpm", *(f"{1747044000 + 300 * i},{60 + i % 2}" for i in range(40))), 5 * 20 * 121, 300),
        (rows("timestamp,rps", *(f"{1747044000 + 60 * i},{0.5 + i % 2}" for i in range(40))), 60 * 40, 60),
        (rows("Full label,RequestCount", "ID,m1", *(f"{time},{5 + i % 2}" for i, time in enumerate(MINUTES))), 330, 60),
    ],
)
def test_counts_and_rates_are_those_of_the_stated_time(data: str, requests: int, interval_s: float) -> None:
    trace = read(data).trace
    assert (trace.requests, trace.interval_s) == (requests, interval_s)


def test_a_duration_of_minus_one_is_none() -> None:
    recording = read("time,duration_ms\n1,100\n2,-1\n3,300\n")
    assert recording.trace.service_s is not None
    assert recording.trace.service_s[[0, 2]] == pytest.approx([0.1, 0.3])
    assert recording.trace.service_s[1] in (0.1, 0.3)
    assert "1 row has no duration" in " ".join(recording.understanding.notes)


def test_a_counter_that_restarts_counts_from_zero_again() -> None:
    values = [*range(1000, 1390, 13), *range(0, 390, 13)]
    recording = read(rows("time,http_requests_total", *(f"{1747044000 + 15 * i},{v}" for i, v in enumerate(values))))
    assert recording.understanding.rows == "counter"
    assert recording.trace.requests == 29 * 13 + 29 * 13


def test_series_of_several_sources_are_added_up() -> None:
    series = [
        {"metric": {"pod": pod}, "values": [[1747044000 + 60 * i, str(5 + i % 3)] for i in range(30)]} for pod in "ab"
    ]
    recording = read(json.dumps({"data": {"resultType": "matrix", "result": series}}))
    assert recording.trace.requests == 2 * 30 * 6


@given(counts=st.lists(st.integers(0, 30), min_size=1, max_size=40), interval_s=st.sampled_from([1.0, 60.0, 3600.0]))
def test_spread_counts_stay_in_their_interval(counts: list[int], interval_s: float) -> None:
    starts = interval_s * np.arange(len(counts))
    arrivals = spread_counts(starts, np.array(counts), np.full(len(counts), interval_s))
    assert np.bincount((arrivals // interval_s).astype(int), minlength=len(counts)).tolist() == counts
    assert np.all(np.diff(arrivals) >= 0)
    np.testing.assert_array_equal(arrivals, spread_counts(starts, np.array(counts), np.full(len(counts), interval_s)))


def test_spread_counts_are_poisson_within_the_interval() -> None:
    """Given their number, Poisson arrivals are uniform: the counts of tenths have variance n p (1 - p)."""
    arrivals = spread_counts(np.arange(2000.0), np.full(2000, 50), np.ones(2000))
    tenths = np.bincount((arrivals * 10).astype(int), minlength=20_000)
    assert tenths.var() == pytest.approx(50 * 0.1 * 0.9, rel=0.05)


@given(gaps=st.lists(st.floats(0, 1000), min_size=1, max_size=60), window_s=st.floats(0.01, 3000, exclude_min=True))
def test_the_busiest_window_is_the_fullest_and_no_less_than_the_mean(gaps: list[float], window_s: float) -> None:
    trace = Trace(np.concatenate([[0.0], np.cumsum(gaps)]))
    fullest = max(sum(start <= other < start + window_s for other in trace.arrivals_s) for start in trace.arrivals_s)
    assert trace.busiest(window_s) >= 1
    assert trace.busiest(window_s) == pytest.approx(max(1, fullest / (trace.mean_rate_per_s * window_s)))


def test_a_burst_in_the_last_second_is_seen() -> None:
    trace = read_file("last-second.csv").trace
    assert trace.busiest(1) > 100


def test_the_busiest_part_of_too_many_requests_is_offered() -> None:
    data = rows("time_s", *(str(second) for second in range(0, 20_000, 10)), *(f"{20_000 + i}" for i in range(500)))
    with pytest.raises(
        RecordingQuestion, match=r"2,500 requests, more than the 1,000 .*busiest hour.*with 810"
    ) as caught:
        read(data, max_rows=1000)
    assert [choice.field for choice in caught.value.choices] == ["busiest_hour"]
    recording = read(data, max_rows=1000, busiest_hour=True)
    assert recording.trace.requests == 810
    assert "810 of 2,500" in recording.understanding.notes[-1]


@pytest.mark.parametrize(
    ("column", "cells", "failures"),
    [
        ("status", ["200", "201", "429", "503", "404", "422", "499", ""], (2, 2, 1)),
        ("status", ["success", "failure", "SUCCESS", "TIMEOUT", "REVOKED", "RETRY"], (3, 0, 1)),
        ("success", ["true", "false", "true"], (1, 0, 0)),
        ("error", ["false", "true", "false"], (1, 0, 0)),
        (
            "error",
            ["", "Error code: 429 - rate limited", "took 300 ms too long", "400 invalid_request_error"],
            (2, 1, 0),
        ),
        ("error_code", ["", "null", "500"], (1, 0, 0)),
        ("status", ["200", "0", "200"], (1, 0, 0)),
        ("level", ["DEFAULT", "ERROR", "WARNING"], (1, 0, 0)),
    ],
)
def test_failures_are_told_apart_by_whether_another_try_could_help(
    column: str, cells: list[str], failures: tuple[int, int, int]
) -> None:
    text = rows(f"time_s,duration_s,{column}", *(f"{place},2,{cell}" for place, cell in enumerate(cells)))
    read_failures = read(text).understanding.failures
    assert read_failures is not None
    assert (read_failures.transient, read_failures.permanent, read_failures.abandoned) == failures


def test_requests_that_failed_arrive_and_take_the_time_and_tokens_of_others() -> None:
    """Every tenth fails in 30 s, with no tokens; the others take place + 1 s and as many tokens."""
    cells = (
        f"{i},{30 if i % 10 == 9 else i % 10 + 1},{0 if i % 10 == 9 else i % 10 + 1},{500 if i % 10 == 9 else 200}"
        for i in range(1000)
    )
    recording = read(rows("time_s,duration_s,output_tokens,status", *cells))
    trace, failures = recording.trace, recording.understanding.failures
    assert failures is not None and (failures.transient, failures.mean_s) == (100, 30)
    assert trace.requests == 1000 and trace.service_s is not None and trace.output_tokens is not None
    assert np.array_equal(trace.service_s, trace.output_tokens)
    assert trace.service_s.max() == 9 and trace.service_s.mean() == pytest.approx(5, rel=0.02)


def test_a_failed_request_that_is_logged_at_its_end_begins_before_it_by_its_own_duration() -> None:
    text = rows("end_time,duration_s,status", "100,1,200", "130,30,500", "131,1,200")
    assert read(text, unit="s").trace.arrivals_s.tolist() == [0, 1, 31]


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_small_file_that_unpacks_to_too_much_is_refused(
    compress: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = b"time,note\n" + b"".join(b"%d,%s\n" % (second, b"x" * 1000) for second in range(6000))
    assert len(compress(file)) < len(file) / 50
    assert read(compress(file)).trace.requests == 6000
    monkeypatch.setattr("simulator.recordings.text.LARGEST_UNPACKED_BYTES", 5 << 20)
    with pytest.raises(TraceError, match="file unpacks to more than"):
        read(compress(file))
    assert read(file).trace.requests == 6000
