"""Reading recorded arrivals: what is accepted, and the row of what is not."""

import io
import zipfile

import numpy as np
import pytest

from simulator.recordings.reader import read_durations, read_recording
from simulator.traces import Trace, TraceError, write_trace


def read(text: str | bytes, **options: int):  # noqa: ANN201
    return read_recording(io.BytesIO(text.encode() if isinstance(text, str) else text), **options).trace


def zipped() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("trace.csv", "time\n1\n2\n")
    return target.getvalue()


@pytest.mark.parametrize(
    ("text", "row", "says"),
    [
        (b"", None, "empty"),
        ("\n\n", None, "nothing in it"),
        ("time\n", 1, "a header and no row"),
        ("time\n-1\n2\n", 2, "'-1' in the column time is negative"),
        (b"time\n1\n\0\n", 3, "NUL"),
        (zipped(), 1, "zip archive"),
        (b"time\n1\n\xff\n", 3, "in the column time is not a number"),
        ("time\n1\n\n2\nx\n", 5, "'x' in the column time is not a number; the other rows are such as '1'"),
        ("a,b\nx,y\n", 1, "no time column"),
        (
            "timestamp\n2023-01-01 00:00:00\n2023-13-01 00:00:00\n",
            3,
            "is not a date; the other rows are such as '2023-01-01",
        ),
        ("timestamp\n2023-01-01 00:00:00\nNaT\n", 3, "is not a date"),
        ("timestamp\n2023-01-01 00:00:00\n12\n", 3, "is not a date"),
        ("time,duration\n1,1\n2,-2\n", 3, "'-2' in the column duration must be between 0 and 1,000,000,000"),
        (
            "time,duration\n1,1\n2,soon\n3,1\n",
            3,
            "'soon' in the column duration is not a number; accepted are 1.5, 250 ms",
        ),
        ("time\n1\n1e400\n", 3, "beyond measure"),
        ("time\n1_0\n20\n", 2, "not a number"),
        ("time\n\u0661\n2\n", 2, "not a number"),
        (b"x" * 100_000, 1, "longer than 64 kB"),
        ('time\n1\n"2\n', 3, "not CSV"),
        ('{"time": [1, 2', 2, "begins as JSON"),
    ],
)
def test_it_names_the_row_at_fault(text: str | bytes, row: int | None, says: str) -> None:
    with pytest.raises(TraceError, match=says) as caught:
        read(text)
    assert [problem.line for problem in caught.value.problems] == [row]


@pytest.mark.parametrize(
    ("text", "arrivals"),
    [
        ("time\n10\n10.5\n12\n", [0, 0.5, 2]),
        ("t\n1700000000000\n1700000000500\n", [0, 0.5]),
        ("time_ms\n100\n350\n", [0, 0.25]),
        ("5\n6\n8\n", [0, 1, 3]),
        (
            "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,1,2\n2023-11-16 18:17:04.0319600,3,4\n",
            [0, 0.052],
        ),
        ("timestamp\n2023-01-01T00:00:00Z\n2023-01-01T02:00:01.5+02:00\n", [0, 1.5]),
        ("id;arrival time\r\n7;1\r\n8;2\r\n", [0, 1]),
        ("\ufefftime\n1\n2", [0, 1]),
    ],
)
def test_it_reads_the_times_that_people_have(text: str, arrivals: list[float]) -> None:
    assert read(text).arrivals_s == pytest.approx(arrivals, abs=1e-9)


def test_it_reads_tokens_and_durations_where_there_are_any() -> None:
    trace = read("Timestamp,Model,Request tokens,Response tokens,duration_ms\n5,a,472,18,1200\n45,b,1087,230,80\n")
    assert trace.input_tokens is not None and trace.output_tokens is not None and trace.service_s is not None
    assert trace.input_tokens.tolist() == [472, 1087]
    assert trace.output_tokens.tolist() == [18, 230]
    assert trace.service_s == pytest.approx([1.2, 0.08])
    assert read("time\n1\n2\n").service_s is None


@pytest.mark.slow
def test_a_row_past_a_chunk_is_named_as_an_editor_would() -> None:
    rows = [str(number) for number in range(400_000)]
    rows[300_000] = "x"
    with pytest.raises(TraceError) as caught:
        read("time\n" + "\n".join(rows))
    assert caught.value.problems[0].line == 300_002


def test_a_file_without_an_end_is_refused() -> None:
    """Rows over the limit are read on, up to ten million, because the busiest hour of them is offered."""

    class Endless(io.RawIOBase):
        sent = 0

        def read(self, size: int = -1) -> bytes:
            self.sent += 1
            assert self.sent < 100, "it reads on"
            return b"2\n" * 400_000 if self.sent > 1 else b"time_s\n" + b"1\n" * 1000

    with pytest.raises(TraceError, match="more than 10,000,000 rows"):
        read_recording(Endless(), max_rows=1500)  # type: ignore[arg-type]


def test_the_shape_of_a_metronome_and_of_a_burst() -> None:
    metronome = read("time\n" + "\n".join(str(second) for second in range(1001)))
    assert metronome.interarrival_cv2 == pytest.approx(0)
    assert metronome.mean_rate_per_s == pytest.approx(1.001)
    assert metronome.busiest(10) == 1
    assert metronome.dispersion(10) == 0
    burst = read("time\n0\n" + "\n".join(f"500.{number:03d}" for number in range(998)) + "\n1000\n")
    assert burst.busiest(10) == pytest.approx(99.8, rel=0.001)
    assert burst.dispersion(10) > 900
    assert np.all(np.diff(burst.arrivals_s) >= 0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1.5\n2\n", [1.5, 2]), ("anything\n1\n2\n", [1, 2]), ("id,latency_ms\na,1500\nb,20\n", [1.5, 0.02])],
)
def test_it_reads_durations(text: str, seconds: list[float]) -> None:
    assert read_durations(io.BytesIO(text.encode())) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "row", "says"),
    [
        ("a,b\n1,2\n", 1, "no duration column"),
        ("s\n", None, "no duration in it"),
        ("1\n-2\n", 2, "between 0"),
        ("s\n1\nlong\n", 3, "'long' in the column s is not a number"),
    ],
)
def test_durations_name_the_row_at_fault(text: str, row: int | None, says: str) -> None:
    with pytest.raises(TraceError, match=says) as caught:
        read_durations(io.BytesIO(text.encode()))
    assert caught.value.problems[0].line == row


@pytest.mark.parametrize(
    ("first", "last", "instants"),
    [
        ("2026-11-02 09:00:04.341688", "2026-11-02 10:00:00", ("2026-11-02T09:00:04.341688Z", "2026-11-02T10:00:00Z")),
        ("2026-11-02T09:00:00+02:00", "2026-11-02T07:00:01Z", ("2026-11-02T07:00:00Z", "2026-11-02T07:00:01Z")),
        ("1700000000", "1700000001.5", ("2023-11-14T22:13:20Z", "2023-11-14T22:13:21.500000Z")),
        ("1700000000000", "1700000001500", ("2023-11-14T22:13:20Z", "2023-11-14T22:13:21.500000Z")),
        ("0.25", "3590", ("0.25 s", "3590 s")),
        ("1e18", "1e18", None),
    ],
)
def test_the_first_and_last_instant_are_those_of_the_files_clock(
    first: str, last: str, instants: tuple[str, str] | None
) -> None:
    if instants is None:
        wide = read(f"time_s\n{first}\n1000000001000000000\n")
        assert wide.first.endswith(" s"), "no calendar goes so far"
        return
    trace = read(f"time\n{first}\n{last}\n")
    assert (trace.first, trace.last) == instants


def test_a_trace_that_is_written_is_read_as_the_same_numbers() -> None:
    random = np.random.default_rng(7)
    arrivals = np.cumsum(random.exponential(0.1, 25_000))
    trace = Trace(arrivals - arrivals[0], None, random.integers(0, 9000, 25_000) * 1.0, random.lognormal(0, 3, 25_000))
    file = io.BytesIO()
    write_trace(trace, file)
    again = read(file.getvalue())
    for column in ("arrivals_s", "output_tokens", "service_s"):
        np.testing.assert_array_equal(getattr(again, column), getattr(trace, column))
    assert again.input_tokens is None
