"""Reads the results of benchmarks and load tests: what calls take at each number of calls in flight.

Formats after the tools' own writers: guidellm 0.2 to 0.8, AIPerf and genai-perf, inference-perf, `vllm bench serve --save-result`, llmperf,
k6 (summaries and raw CSV) and Locust (statistics and their history).
"""

import csv
import io
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from core.errors import InvalidInput, Problem
from simulator.theory import NORMAL_P95, NORMAL_P99

ACCEPTED = (
    "guidellm JSON, AIPerf or genai-perf JSON and CSV, inference-perf JSON, the JSON of vllm bench serve --save-result, an llmperf summary, "
    "a k6 summary (JSON) or its raw CSV, Locust statistics or their history (CSV)"
)
LARGEST_BYTES = 256 << 20
HEAD_BYTES = 1 << 16
_MARKS = (
    b'"benchmarks"',
    b'"load_summary"',
    b'"mean_ttft_ms"',
    b'"num_concurrent_requests"',
    b'"http_req_duration"',
    b'"request_throughput"',
)
"""One of these is in each JSON result; other documents are not parsed."""
MS = 1e-3
SAME_LEVEL = 0.05
"""Levels whose calls in flight differ by less than this part are one level, seen twice."""
FEWEST_OF_A_LEVEL = 5
"""Requests of a number of users in the history of Locust."""


class LevelTimes(NamedTuple):
    """None where the file has none."""

    mean_s: float | None
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None

    def complete(self) -> "LevelTimes":
        """With a p95 from the lognormal distribution through p50 and p99, if only those are known."""
        if self.p95_s is not None or not self.p50_s or not self.p99_s:
            return self
        slope = math.log(max(1.0, self.p99_s / self.p50_s)) / NORMAL_P99
        return self._replace(p95_s=self.p50_s * math.exp(NORMAL_P95 * slope))


@dataclass(frozen=True)
class BenchmarkLevel:
    """One load. Times are of calls that succeeded."""

    tool: str
    requests: int
    """That ended, those that failed included."""
    failed: int
    times: LevelTimes
    in_flight: float | None = None
    """Mean calls in flight."""
    is_by_littles_law: bool = False
    first_token_s: float | None = None
    """The 95th percentile if the file has it, else the 99th, else the mean."""
    input_tokens: float | None = None
    output_tokens: float | None = None
    note: str = ""

    @property
    def is_timed(self) -> bool:
        return None not in self.times[:3]


def read_benchmark(data: bytes, name: str) -> list[BenchmarkLevel]:
    """The levels of one file, in its order.

    Raises:
        InvalidInput: it is no result that is known, or it holds no call that succeeded.
    """
    levels = [replace(level, times=level.times.complete()) for level in _levels(data, name)]
    if not any(level.is_timed for level in levels):
        raise InvalidInput([Problem("", f"{name} holds no time of a call that succeeded")])
    return levels


def is_benchmark(data: bytes) -> bool:
    """Whether it is a result that holds nothing else; a history or a log of requests is a recording as well, and is not meant."""
    try:
        format_ = _reader(data)
    except InvalidInput:
        return False
    return format_ is not None and format_[0] not in (_k6_rows, _locust_history)


def _levels(data: bytes, name: str) -> Iterator[BenchmarkLevel]:
    format_ = _reader(data)
    if format_ is None:
        raise InvalidInput([Problem("", f"{name} is no result that is known; accepted are {ACCEPTED}")])
    reader, content_of = format_
    try:
        yield from reader(content_of())
    except (AttributeError, KeyError, TypeError, ValueError, IndexError, ZeroDivisionError) as error:
        reason = (
            f"{name} looks like a result of {_TOOLS[reader]}, but a figure is missing or is no number: {error!r:.100}"
        )
        raise InvalidInput([Problem("", reason)]) from error


def _reader(data: bytes) -> "tuple[Callable[[Any], Iterator[BenchmarkLevel]], Callable[[], Any]] | None":
    """How the file is read, and its content, which is read only then: it may be a recording of a million rows."""
    if len(data) > LARGEST_BYTES:
        raise InvalidInput([Problem("", f"is larger than {LARGEST_BYTES >> 20} MB")])
    head = data[:HEAD_BYTES].decode("utf-8-sig", "ignore")
    if head.lstrip()[:1] in ("{", "["):
        if not any(mark in data for mark in _MARKS):
            return None
        documents = _documents(data.decode("utf-8-sig", "replace"))
        first = documents[0] if documents else None
        readers = (reader for reader, is_its in _JSON if isinstance(first, Mapping) and is_its(first))
        reader = next(readers, None)
        return None if reader is None else (reader, lambda: documents)
    line = next((line for line in head.splitlines() if line.strip()), "")
    header = {cell.strip(' "').lower() for cell in line.split(",")}
    table = next((reader for reader, names in _CSV if names <= header), None)
    return None if table is None else (table, lambda: _rows(data))


def _rows(data: bytes) -> list[list[str]]:
    try:
        return [row for row in csv.reader(io.StringIO(data.decode("utf-8-sig", "replace"))) if row]
    except csv.Error as error:
        raise ValueError(str(error)) from error


def _documents(text: str) -> list[Any]:
    """Of one JSON document, a list of them, or one a line."""
    try:
        whole = json.loads(text)
    except ValueError:
        try:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError:
            return []
    except RecursionError:
        return []
    return whole if isinstance(whole, list) else [whole]


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        value = value.replace(",", "").strip() or None
    if value is None or isinstance(value, bool):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def _scaled(value: Any, unit_s: float) -> float | None:
    number = _number(value)
    return None if number is None else number * unit_s


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def _by_littles_law(rate_per_s: float | None, mean_s: float | None) -> dict[str, Any]:
    if rate_per_s is None or mean_s is None:
        return {}
    return {"in_flight": rate_per_s * mean_s, "is_by_littles_law": True}


def _stated(in_flight: float | None, rate_per_s: float | None, mean_s: float | None) -> dict[str, Any]:
    return {"in_flight": in_flight} if in_flight else _by_littles_law(rate_per_s, mean_s)


def _guidellm(documents: Sequence[Any]) -> Iterator[BenchmarkLevel]:
    for benchmark in (one for document in documents for one in document["benchmarks"]):
        metrics = benchmark["metrics"]
        totals = metrics.get("request_totals") or benchmark.get("run_stats", {}).get("requests_made", {})
        latency = metrics["request_latency"]["successful"] or {}
        percentiles = latency.get("percentiles") or {}

        def of(metric: str, figure: str = "mean", metrics: Any = metrics) -> float | None:
            values = (metrics.get(metric) or {}).get("successful") or {}
            percentile = (values.get("percentiles") or {}).get(figure)
            return _number(values.get(figure) if percentile is None else percentile) if values.get("count", 1) else None

        successful, errored = int(totals["successful"]), int(totals.get("errored", 0))
        concurrency = (metrics.get("request_concurrency") or {}).get("total") or {}
        yield BenchmarkLevel(
            "guidellm",
            successful + errored,
            errored,
            LevelTimes(
                _number(latency.get("mean")) if successful else None,
                _first(_number(percentiles.get("p50")), _number(latency.get("median"))),
                _number(percentiles.get("p95")),
                _number(percentiles.get("p99")),
            ),
            in_flight=_first(_number(concurrency.get("mean")), of("request_concurrency")),
            first_token_s=_scaled(of("time_to_first_token_ms", "p95"), MS) or None,
            input_tokens=of("prompt_token_count"),
            output_tokens=of("output_token_count"),
        )


def _genai_perf(documents: Sequence[Any]) -> Iterator[BenchmarkLevel]:
    for document in documents:

        def of(metric: str, figure: str = "avg", document: Any = document) -> float | None:
            values = document.get(metric) or {}
            unit_s = {"ms": MS, "us": 1e-6, "ns": 1e-9}.get(values.get("unit", ""), 1.0)
            return _scaled(values.get(figure), unit_s)

        tool = "genai-perf" if "perf_analyzer" in json.dumps(document.get("input_config", {})) else "AIPerf"
        yield _of_figures(tool, of, _concurrency_in(document.get("input_config")))


def _genai_perf_table(rows: Sequence[list[str]]) -> Iterator[BenchmarkLevel]:
    """Blocks of metrics, each with its own header."""
    figures: dict[str, dict[str, float | None]] = {}
    header: list[str] = []
    for row in rows:
        if row[0].strip().lower() == "metric":
            header = [cell.strip().lower() for cell in row]
            continue
        title, _, unit = row[0].lower().partition("(")
        unit_s = {"ms": MS, "us": 1e-6, "ns": 1e-9}.get(unit.strip(" )"), 1.0)
        try:
            values = {name: _scaled(cell, unit_s) for name, cell in zip(header[1:], row[1:], strict=False)}
        except ValueError:  # another table, such as one of telemetry
            continue
        figures["_".join(title.split())] = {"avg": values.get("value"), **values}
    yield _of_figures("AIPerf or genai-perf", lambda metric, figure="avg": figures.get(metric, {}).get(figure), None)


def _of_figures(tool: str, of: Callable[..., float | None], concurrency: float | None) -> BenchmarkLevel:
    failed = int(of("error_request_count") or 0)
    mean_s = of("request_latency")
    return BenchmarkLevel(
        tool,
        int(of("request_count") or 0) + failed,
        failed,
        LevelTimes(mean_s, *(of("request_latency", figure) for figure in ("p50", "p95", "p99"))),
        **_stated(concurrency, of("request_throughput"), mean_s),
        first_token_s=_first(*(of("time_to_first_token", figure) for figure in ("p95", "p99", "avg"))),
        input_tokens=of("input_sequence_length"),
        output_tokens=of("output_sequence_length"),
    )


def _concurrency_in(value: Any) -> float | None:
    """The first number that is named `concurrency` in nested settings."""
    if isinstance(value, Mapping):
        own = value.get("concurrency")
        if isinstance(own, int | float) and not isinstance(own, bool):
            return float(own)
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return next((number for one in inner if (number := _concurrency_in(one)) is not None), None)


def _inference_perf(documents: Sequence[Any]) -> Iterator[BenchmarkLevel]:
    for document in documents:
        successes, load = document["successes"], document["load_summary"]
        latencies = successes.get("latency") or successes
        latency, first = latencies.get("request_latency") or {}, latencies.get("time_to_first_token") or {}
        failed = int((document.get("failures") or {}).get("count") or 0)
        mean_s = _number(latency.get("mean"))
        rate = (successes.get("throughput") or {}).get("requests_per_sec", load.get("achieved_rate"))
        yield BenchmarkLevel(
            "inference-perf",
            int(successes["count"]) + failed,
            failed,
            LevelTimes(
                mean_s,
                _first(_number(latency.get("p50")), _number(latency.get("median"))),
                _number(latency.get("p95")),
                _number(latency.get("p99")),
            ),
            **_stated(_number(load.get("concurrency")), _number(rate), mean_s),
            first_token_s=_first(*(_number(first.get(figure)) for figure in ("p95", "p99", "mean"))),
            input_tokens=_number((successes.get("prompt_len") or {}).get("mean")),
            output_tokens=_number((successes.get("output_len") or {}).get("mean")),
        )


def _vllm(documents: Sequence[Any]) -> Iterator[BenchmarkLevel]:
    for document in documents:
        completed = int(document["completed"])
        failed = int(document.get("failed") or max(0, int(document.get("num_prompts") or 0) - completed))
        tokens = [_number(document.get(f"total_{kind}_tokens")) for kind in ("input", "output")]
        tokens_in, tokens_out = (None if total is None or not completed else total / completed for total in tokens)

        def of(metric: str, figure: str, document: Any = document) -> float | None:
            return _scaled(document.get(f"{figure}_{metric}_ms"), MS)

        figures, note = ("mean", "median", "p95", "p99"), ""
        times: list[float | None] = [of("e2el", figure) for figure in figures]
        if times[0] is None and document.get("ttfts") and document.get("itls"):
            calls = [
                first + sum(pauses) for first, pauses in zip(document["ttfts"], document["itls"], strict=True) if first
            ]
            times = [float(np.mean(calls)), *map(float, np.percentile(calls, (50, 95, 99)))]
        elif times[0] is None and tokens_out is not None:
            parts = [(of("ttft", figure), of("tpot", figure)) for figure in figures]
            times = [
                None if first is None or each is None else first + each * max(0.0, tokens_out - 1)
                for first, each in parts
            ]
            note = "times of calls are those to the first token plus those for the other tokens: run it with --percentile-metrics ttft,tpot,itl,e2el"
        rate = _number(document.get("request_throughput"))
        yield BenchmarkLevel(
            "vllm bench serve",
            completed + failed,
            failed,
            LevelTimes(*times),
            **_stated(_number(document.get("max_concurrency")), rate, times[0]),
            first_token_s=_first(of("ttft", "p95"), of("ttft", "p99"), of("ttft", "mean")),
            input_tokens=tokens_in,
            output_tokens=tokens_out,
            note=note,
        )


def _llmperf(documents: Sequence[Any]) -> Iterator[BenchmarkLevel]:
    for document in documents:

        def of(metric: str, figure: str, document: Any = document) -> float | None:
            flat = document.get(f"results_{metric}_{figure}")
            inner = (document.get("results") or {}).get(metric) or {}
            return _number(
                inner.get(figure.removeprefix("quantiles_"), (inner.get("quantiles") or {}).get(figure[-3:]))
                if flat is None
                else flat
            )

        started = int(document.get("results_num_requests_started") or document.get("num_completed_requests") or 0)
        latency = "end_to_end_latency_s"
        yield BenchmarkLevel(
            "llmperf",
            started,
            int(document.get("results_number_errors") or 0),
            LevelTimes(of(latency, "mean"), *(of(latency, f"quantiles_{figure}") for figure in ("p50", "p95", "p99"))),
            in_flight=_number(document.get("num_concurrent_requests")),
            first_token_s=_first(of("ttft_s", "quantiles_p95"), of("ttft_s", "mean")),
            input_tokens=of("number_input_tokens", "mean"),
            output_tokens=of("number_output_tokens", "mean"),
        )


def _k6(documents: Sequence[Any]) -> Iterator[BenchmarkLevel]:
    for document in documents:
        metrics = {name: values.get("values", values) for name, values in document["metrics"].items()}
        latency = metrics.get("http_req_duration{expected_response:true}") or metrics["http_req_duration"]
        requests, failures = metrics["http_reqs"], metrics.get("http_req_failed", {})
        share = _first(_number(failures.get("rate")), _number(failures.get("value"))) or 0.0
        mean_s = _scaled(latency["avg"], MS)
        yield BenchmarkLevel(
            "k6",
            int(requests["count"]),
            round(share * int(requests["count"])),
            LevelTimes(
                mean_s,
                _scaled(latency["med"], MS),
                _scaled(latency.get("p(95)"), MS),
                _scaled(latency.get("p(99)"), MS),
            ),
            **_by_littles_law(_number(requests["rate"]), _scaled(metrics["http_req_duration"]["avg"], MS)),
        )


def _k6_rows(rows: Sequence[list[str]]) -> Iterator[BenchmarkLevel]:
    """A row a metric of each request: `http_req_duration` in milliseconds."""
    places = {name.strip(): place for place, name in enumerate(rows[0])}
    times_s, at_s, failed = [], [], 0
    for row in rows[1:]:
        metric, value = row[places["metric_name"]], float(row[places["metric_value"]])
        if metric == "http_req_duration":
            is_expected = "expected_response" not in places or row[places["expected_response"]] != "false"
            at_s.append(float(row[places["timestamp"]]))
            failed += not is_expected
            times_s.append((value * MS, is_expected))
    if not times_s:
        return
    fine = np.array([time_s for time_s, is_expected in times_s if is_expected])
    span_s = max(at_s) - min(at_s) + 1.0  # timestamps are whole seconds
    figures = [float(fine.mean()), *map(float, np.percentile(fine, (50, 95, 99)))] if len(fine) else [None] * 4
    in_flight = sum(time_s for time_s, _ in times_s) / span_s
    yield BenchmarkLevel("k6", len(times_s), failed, LevelTimes(*figures), in_flight=in_flight, is_by_littles_law=True)


def _locust(rows: Sequence[list[str]]) -> Iterator[BenchmarkLevel]:
    names = [name.strip() for name in rows[0]]
    of = [dict(zip(names, row, strict=False)) for row in rows[1:]]
    total = next((row for row in of if row["Name"] in ("Aggregated", "Total")), of[-1])
    mean_s = _scaled(total["Average Response Time"], MS)
    yield BenchmarkLevel(
        "Locust",
        int(_number(total["Request Count"]) or 0),
        int(_number(total["Failure Count"]) or 0),
        LevelTimes(
            mean_s,
            _scaled(total.get("50%") or total["Median Response Time"], MS),
            _scaled(total.get("95%"), MS),
            _scaled(total.get("99%"), MS),
        ),
        **_by_littles_law(_number(total["Requests/s"]), mean_s),
        note="Locust's times are of all requests, those that failed included",
    )


def _locust_history(rows: Sequence[list[str]]) -> Iterator[BenchmarkLevel]:
    """A level for each number of users: what was added to the totals between its first row and its last."""
    names = [name.strip() for name in rows[0]]
    by_users: dict[int, list[dict[str, str]]] = defaultdict(list)
    for row in rows[1:]:
        values = dict(zip(names, row, strict=False))
        if values["Name"] == "Aggregated" and values["95%"] not in ("", "N/A"):
            by_users[int(values["User Count"])].append(values)
    for steps in by_users.values():
        begin, end = steps[0], steps[-1]
        counts = [int(one["Total Request Count"]) for one in (begin, end)]
        sums = [
            int(one["Total Request Count"]) * float(one["Total Average Response Time"]) * MS for one in (begin, end)
        ]
        requests, seconds = counts[1] - counts[0], float(end["Timestamp"]) - float(begin["Timestamp"])
        if requests < FEWEST_OF_A_LEVEL or seconds <= 0:
            continue
        mean_s = (sums[1] - sums[0]) / requests
        middle = {name: float(np.median([float(one[name]) for one in steps])) * MS for name in ("50%", "95%", "99%")}
        yield BenchmarkLevel(
            "Locust",
            requests,
            int(end["Total Failure Count"]) - int(begin["Total Failure Count"]),
            LevelTimes(mean_s, *middle.values()),
            **_by_littles_law(requests / seconds, mean_s),
            note="Locust's times are of all requests, those that failed included",
        )


_JSON: tuple[tuple[Callable[[Any], Iterator[BenchmarkLevel]], Callable[[Mapping[str, Any]], bool]], ...] = (
    (
        _guidellm,
        lambda one: (
            isinstance(one.get("benchmarks"), list) and bool(one["benchmarks"]) and "metrics" in one["benchmarks"][0]
        ),
    ),
    (_inference_perf, lambda one: {"load_summary", "successes"} <= one.keys()),
    (_vllm, lambda one: {"completed", "request_throughput", "mean_ttft_ms"} <= one.keys()),
    (_llmperf, lambda one: "num_concurrent_requests" in one and any(name.startswith("results") for name in one)),
    (
        _k6,
        lambda one: (
            isinstance(one.get("metrics"), Mapping) and {"http_reqs", "http_req_duration"} <= one["metrics"].keys()
        ),
    ),
    (_genai_perf, lambda one: isinstance(one.get("request_latency"), Mapping) and "request_throughput" in one),
)
"""Each reader with how its documents are told."""
_CSV: tuple[tuple[Callable[[Any], Iterator[BenchmarkLevel]], set[str]], ...] = (
    (_locust_history, {"timestamp", "user count", "total request count"}),
    (_locust, {"request count", "failure count", "average response time"}),
    (_k6_rows, {"metric_name", "timestamp", "metric_value"}),
    (_genai_perf_table, {"metric", "avg", "p99"}),
)
"""Each reader with columns that tell its files."""
_TOOLS: Mapping[Any, str] = {
    _guidellm: "guidellm",
    _inference_perf: "inference-perf",
    _vllm: "vllm bench serve",
    _llmperf: "llmperf",
    _k6: "k6",
    _genai_perf: "AIPerf or genai-perf",
    _locust_history: "Locust",
    _locust: "Locust",
    _k6_rows: "k6",
    _genai_perf_table: "AIPerf or genai-perf",
}


@dataclass(frozen=True)
class SlowdownFit:
    """The straight line through the first level that fits the others best, by least squares weighted equally."""

    levels: tuple[BenchmarkLevel, ...]
    """By the calls in flight; levels that are the same are one, and one without times is left out."""
    each_s: float
    """What one more call in flight adds to the mean time; 0 or less: calls do not slow."""

    @property
    def first(self) -> BenchmarkLevel:
        return self.levels[0]

    @property
    def high_mean_s(self) -> float:
        """On the line, at the most calls in flight."""
        return _of(self.first.times.mean_s) + self.each_s * (_of(self.levels[-1].in_flight) - _of(self.first.in_flight))

    @property
    def worst(self) -> float:
        """The largest part by which the line misses a level."""
        first_s, first = _of(self.first.times.mean_s), _of(self.first.in_flight)
        line = [first_s + self.each_s * (_of(one.in_flight) - first) for one in self.levels]
        return max(abs(on_line / _of(one.times.mean_s) - 1) for on_line, one in zip(line, self.levels, strict=True))


def fit_slowdown(levels: Sequence[BenchmarkLevel]) -> SlowdownFit | None:
    """None if fewer than two numbers of calls in flight are known."""
    timed = sorted((one for one in levels if one.is_timed and one.in_flight), key=lambda one: _of(one.in_flight))
    distinct: list[BenchmarkLevel] = []
    for one in timed:
        if distinct and _of(one.in_flight) <= (1 + SAME_LEVEL) * _of(distinct[-1].in_flight):
            distinct[-1] = max(distinct[-1], one, key=lambda level: level.requests)
        else:
            distinct.append(one)
    if len(distinct) < 2:
        return None
    more = np.array([_of(one.in_flight) - _of(distinct[0].in_flight) for one in distinct])
    slower_s = np.array([_of(one.times.mean_s) - _of(distinct[0].times.mean_s) for one in distinct])
    return SlowdownFit(tuple(distinct), float(more @ slower_s / (more @ more)))


def _of(value: float | None) -> float:
    if value is None:
        raise ValueError("a level without times or calls in flight")
    return value
