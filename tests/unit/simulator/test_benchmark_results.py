"""Results of benchmarks as their tools write them: what calls take at each number in flight. Files are shortened, their figures made up."""

import json
from typing import Any

import pytest

from core.errors import InvalidInput
from simulator.benchmark_results import BenchmarkLevel, fit_slowdown, is_benchmark, read_benchmark


def guidellm(in_flight: float, mean_s: float, errored: int = 0) -> dict[str, Any]:
    def figures(mean: float) -> dict[str, Any]:
        return {
            "successful": {
                "mean": mean,
                "median": 0.9 * mean,
                "count": 100,
                "percentiles": {"p50": 0.9 * mean, "p95": 1.8 * mean, "p99": 2.5 * mean},
            }
        }

    return {
        "metrics": {
            "request_totals": {"successful": 100, "errored": errored, "incomplete": 3, "total": 103 + errored},
            "request_latency": figures(mean_s),
            "request_concurrency": {"successful": {"mean": in_flight}, "total": {"mean": in_flight}},
            "time_to_first_token_ms": figures(150.0),
            "prompt_token_count": figures(700.0),
            "output_token_count": figures(120.0),
        }
    }


GENAI = {
    "request_throughput": {"unit": "requests/sec", "avg": 4.0},
    "request_latency": {"unit": "ms", "avg": 2000.0, "p50": 1900.0, "p95": 3500.0, "p99": 4000.0},
    "time_to_first_token": {"unit": "ms", "avg": 200.0, "p95": 300.0},
    "input_sequence_length": {"unit": "tokens", "avg": 500.0},
    "output_sequence_length": {"unit": "tokens", "avg": 80.0},
    "request_count": {"unit": "requests", "avg": 196.0},
    "error_request_count": {"unit": "requests", "avg": 4.0},
}
GENAI_TABLE = """Metric,avg,min,max,p99,p95,p90,p75,p50,p25
Time To First Token (ms),"1,146.31",249.48,"3,485.23","3,457.97","3,349.56","3,215.06","1,330.93",640.07,286.52
Request Latency (ms),"2,000.00",900.00,"4,100.00","4,000.00","3,500.00","3,000.00","2,200.00","1,900.00","1,500.00"
Output Sequence Length (tokens),80.00,70.00,90.00,90.00,88.00,87.00,85.00,80.00,75.00
Input Sequence Length (tokens),500.00,490.00,510.00,510.00,509.00,508.00,505.00,500.00,495.00

Metric,Value
Output Token Throughput (tokens/sec),320.00
Request Throughput (per sec),4.00
Request Count (count),196.00
"""
INFERENCE_PERF = {
    "load_summary": {"count": 200, "send_duration": 50.0, "requested_rate": 4.0, "achieved_rate": 4.0},
    "successes": {
        "count": 196,
        "latency": {
            "request_latency": {"mean": 2.0, "min": 0.9, "median": 1.9, "p90": 3.0, "p95": 3.5, "p99": 4.0, "max": 4.1},
            "time_to_first_token": {"mean": 0.2, "median": 0.2, "p90": 0.28, "p95": 0.3, "p99": 0.4},
        },
        "throughput": {"requests_per_sec": 4.0},
        "prompt_len": {"mean": 500.0},
        "output_len": {"mean": 80.0},
    },
    "failures": {"count": 4, "request_latency": {"mean": 0.1}, "prompt_len": {"mean": 500.0}},
}
VLLM = {
    "date": "20251112-101500", "backend": "vllm", "model_id": "m", "num_prompts": 200, "request_rate": "inf", "burstiness": 1.0, "max_concurrency": 8,
    "duration": 49.0, "completed": 196, "failed": 4, "total_input_tokens": 98000, "total_output_tokens": 15680, "request_throughput": 4.0,
    "mean_ttft_ms": 200.0, "median_ttft_ms": 190.0, "p99_ttft_ms": 300.0, "mean_tpot_ms": 22.78, "median_tpot_ms": 21.6, "p99_tpot_ms": 46.8,
    "mean_e2el_ms": 2000.0, "median_e2el_ms": 1900.0, "p95_e2el_ms": 3500.0, "p99_e2el_ms": 4000.0,
}  # fmt: skip
LLMPERF = {
    "version": "2023-08-31", "name": "m_500_80_summary", "num_concurrent_requests": 8, "results_num_requests_started": 200,
    "results_number_errors": 4,
    "results_ttft_s_quantiles_p95": 0.3, "results_ttft_s_mean": 0.2, "results_end_to_end_latency_s_quantiles_p50": 1.9,
    "results_end_to_end_latency_s_quantiles_p95": 3.5, "results_end_to_end_latency_s_quantiles_p99": 4.0, "results_end_to_end_latency_s_mean": 2.0,
    "results_number_input_tokens_mean": "500", "results_number_output_tokens_mean": 80.0,
}  # fmt: skip
K6 = {
    "metrics": {
        "http_req_duration": {"avg": 2000, "min": 900, "med": 1900, "max": 4100, "p(90)": 3000, "p(95)": 3500},
        "http_req_failed": {"passes": 4, "fails": 196, "value": 0.02},
        "http_reqs": {"count": 200, "rate": 4.0},
    }
}
K6_HANDLED = {
    "metrics": {
        name: {"type": "trend", "values": values | ({"rate": values["value"]} if "value" in values else {})}
        for name, values in K6["metrics"].items()
    }
}
LOCUST = """Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,Max Response Time,Average Content Size,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%
POST,/ask,200,4,1900,2000,900,4100,300,4.0,0.08,1900,2100,2200,2500,3000,3500,3800,4000,4100,4100,4100
,Aggregated,200,4,1900,2000,900,4100,300,4.0,0.08,1900,2100,2200,2500,3000,3500,3800,4000,4100,4100,4100
"""  # noqa: E501


@pytest.mark.parametrize(
    ("tool", "data", "has_tokens"),
    [
        ("AIPerf", json.dumps(GENAI | {"input_config": {"loadgen": {"concurrency": 8}}}), True),
        ("AIPerf", json.dumps(GENAI | {"input_config": {"phases": [{"name": "profiling", "concurrency": 8}]}}), True),
        ("genai-perf", json.dumps(GENAI | {"input_config": {"perf_analyzer": {"stimulus": {"concurrency": 8}}}}), True),
        ("AIPerf", json.dumps(GENAI), True),
        ("AIPerf or genai-perf", GENAI_TABLE, True),
        ("inference-perf", json.dumps(INFERENCE_PERF), True),
        ("vllm bench serve", json.dumps(VLLM), True),
        ("llmperf", json.dumps(LLMPERF), True),
        ("k6", json.dumps(K6), False),
        ("k6", json.dumps(K6_HANDLED), False),
        ("Locust", LOCUST, False),
    ],
)
def test_the_same_load_is_read_from_every_tool(tool: str, data: str, has_tokens: bool) -> None:
    """196 calls of 2 s on average at 4 a second, so 8 in flight by Little's law; 4 others failed."""
    [level] = read_benchmark(data.encode(), "result")
    assert level.tool == tool
    assert level.in_flight == pytest.approx(8)
    assert level.times[:3] == pytest.approx((2.0, 1.9, 3.5))
    assert level.requests - level.failed == 196 and level.failed == (0 if tool == "AIPerf or genai-perf" else 4)
    if has_tokens:
        assert (level.input_tokens, level.output_tokens) == (500, 80)
        assert level.first_token_s is not None and 0.2 <= level.first_token_s <= 3.4
    assert is_benchmark(data.encode())


def test_each_benchmark_of_guidellm_is_a_level() -> None:
    data = json.dumps(
        {"metadata": {"guidellm_version": "0.8.1"}, "benchmarks": [guidellm(1, 1.0), guidellm(16, 2.5, errored=5)]}
    )
    few, many = read_benchmark(data.encode(), "benchmarks.json")
    assert (few.in_flight, few.times.mean_s, few.first_token_s) == (1, 1.0, pytest.approx(0.27))
    assert (many.in_flight, many.times.p95_s, many.failed, many.requests) == (16, 4.5, 5, 105)


def test_vllm_without_times_of_calls_has_those_of_its_tokens() -> None:
    plain = {name: value for name, value in VLLM.items() if "e2el" not in name}
    [level] = read_benchmark(json.dumps(plain).encode(), "vllm.json")
    assert level.times.mean_s == pytest.approx(0.2 + 0.02278 * 79, rel=1e-3) and "first token" in level.note
    assert level.times.p50_s is not None and level.times.p95_s is not None and level.times.p99_s is not None
    assert level.times.p50_s < level.times.p95_s < level.times.p99_s
    [detailed] = read_benchmark(
        json.dumps(plain | {"ttfts": [0.1, 0.3], "itls": [[0.5, 0.4], [0.7]]}).encode(), "vllm.json"
    )
    assert detailed.times.mean_s == 1.0


def test_a_line_a_result_is_a_level_each() -> None:
    lines = "\n".join(json.dumps(VLLM | {"max_concurrency": calls}) for calls in (1, 8))
    assert [level.in_flight for level in read_benchmark(lines.encode(), "appended.json")] == [1, 8]


def test_the_history_of_locust_has_a_level_for_each_number_of_users() -> None:
    """Ten users wait 1 s after a call of 1 s; forty of them find calls of 3 s: 5 and 10 calls a second."""
    header = "Timestamp,User Count,Type,Name,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%,Total Request Count,Total Failure Count,Total Median Response Time,Total Average Response Time,Total Min Response Time,Total Max Response Time,Total Average Content Size"  # noqa: E501
    rows, total, spent_s = [header], 0, 0.0
    for second in range(120):
        users, rate, mean_s = (10, 5, 1.0) if second < 60 else (40, 10, 3.0)
        total, spent_s = total + rate, spent_s + rate * mean_s
        times = ",".join(str(round(1000 * mean_s * factor)) for factor in (0.9, 1, 1.1, 1.2, 1.4, 1.6, 1.8, 2, 3, 3, 3))
        rows.append(
            f"{1700000000 + second},{users},,Aggregated,{rate},0,{times},{total},0,900,{1000 * spent_s / total},10,9000,100"
        )
    few, many = read_benchmark("\n".join(rows).encode(), "history.csv")
    assert (few.in_flight, many.in_flight) == (pytest.approx(5), pytest.approx(30))
    assert (few.times.mean_s, many.times.mean_s) == (pytest.approx(1), pytest.approx(3))
    assert many.times.p95_s == pytest.approx(4.8)
    assert not is_benchmark("\n".join(rows).encode())  # it is a recording as well


def test_rows_of_k6_are_added_up() -> None:
    rows = ["metric_name,timestamp,metric_value,expected_response"]
    for second in range(100):
        rows += [
            f"http_reqs,{second},1,true",
            f"http_req_duration,{second},{2000 if second % 10 else 50},{'true' if second % 10 else 'false'}",
        ]
    [level] = read_benchmark("\n".join(rows).encode(), "k6.csv")
    assert (level.requests, level.failed, level.times.p50_s) == (100, 10, 2.0)
    assert level.in_flight == pytest.approx(1.8, rel=0.01)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"time,status\n1,200\n", "is no result that is known; accepted are guidellm JSON"),
        (b"{}", "is no result that is known"),
        (b"\x00\x01", "is no result that is known"),
        (
            json.dumps({"benchmarks": [{"metrics": {"request_latency": {}}}]}).encode(),
            "looks like a result of guidellm, but",
        ),
        (
            json.dumps(VLLM | {"completed": 0, "mean_e2el_ms": None, "total_output_tokens": 0}).encode(),
            "no time of a call that succeeded",
        ),
    ],
)
def test_what_is_no_result_is_refused_with_the_cause(data: bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read_benchmark(data, "file")


def levels(*points: tuple[float, float]) -> list[BenchmarkLevel]:
    data = json.dumps({"benchmarks": [guidellm(*point) for point in points]})
    return read_benchmark(data.encode(), "benchmarks.json")


def test_the_slowdown_is_the_slope_of_the_levels() -> None:
    fit = fit_slowdown(levels((16, 1.8), (1, 1.05), (8, 1.4), (32, 2.6)))
    assert fit is not None and fit.each_s == pytest.approx(0.05)
    assert fit.worst < 1e-9 and fit.first.in_flight == 1
    bent = fit_slowdown(levels((1, 1.0), (8, 1.0), (32, 4.0)))
    assert bent is not None and bent.worst > 0.3


def test_one_level_or_two_that_are_the_same_give_no_slowdown() -> None:
    assert fit_slowdown(levels((8, 1.0))) is None
    assert fit_slowdown(levels((8, 1.0), (8.1, 1.1))) is None


def test_a_recording_is_told_by_its_first_lines_and_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the whole file is parsed")

    monkeypatch.setattr("simulator.benchmark_results._rows", refuse)
    monkeypatch.setattr("simulator.benchmark_results.json.loads", refuse)
    assert not is_benchmark(b"time,status\n" + b"1,200\n" * 100_000)
    assert not is_benchmark(b"metric_name,timestamp,metric_value\n" + b"http_reqs,1,1\n" * 1000)
    assert not is_benchmark(b'{"timestamp": 1}\n' * 100_000)


def test_a_damaged_table_of_a_tool_is_refused_with_its_name() -> None:
    with pytest.raises(InvalidInput, match="looks like a result of Locust"):
        read_benchmark((LOCUST + "x" * 200_000).encode(), "stats.csv")
