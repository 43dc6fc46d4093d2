"""What the name of a column says: its meaning and its unit."""

import re

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

START_NAMES = (
    "start_time", "started_at", "start", "begin", "start_timestamp", "starttimestamp", "time_start", "arrival", "arrivals", "arrival_time",
    "arrived_at", "arrival_timestamp", "received", "received_at", "request_start_time", "request_start",
    "request_created_at", "created_at", "created",
    "submitted_at", "submit_time", "submission_time", "enqueued_at", "queued_at", "sent_at", "request_timestamp", "request_time", "accept_date",
    "start_utc", "start_local", "start_times", "arrival_times", "request_times",
)  # fmt: skip
STAMP_NAMES = (
    "timestamp", "time", "t", "ts", "datetime", "date_time", "date", "epoch", "time_local", "time_iso8601", "event_time", "at", "instant",
    "timestamps", "times",
    "time_generated", "timegenerated", "log_time", "logged_at", "minute", "hour", "day", "period", "interval", "bucket", "x", "msec",
    "zeit", "zeitstempel", "zeitpunkt", "uhrzeit", "datum", "eingang", "fecha", "hora", "fecha_y_hora", "horodatage", "heure", "date_heure",
    "data", "ora", "data_ora", "data_hora", "tijd", "tijdstip", "tid", "tidspunkt", "czas", "время", "дата", "час", "時刻", "日時", "時間",
    "タイムスタンプ", "时间", "时间戳", "日期", "시간", "시각", "일시", "타임스탬프", "زمن", "الوقت",
)  # fmt: skip
HOUR_NAMES = ("hour", "hr", "hour_of_day", "stunde", "hora", "heure", "ora", "uur", "час", "時", "시")
END_NAMES = (
    "end_time", "request_end",
    "ended_at", "end", "end_timestamp", "finished_at", "finish_time", "finished", "completed_at", "completion_time", "succeeded",
    "stop_time", "time_end", "response_created_at", "load_balancer_end_time", "time_at_end",
)  # fmt: skip
AT_END = ("load_balancer_end_time", "time_at_end")
"""Columns of logs whose time is that of the end."""
INPUT_NAMES = (
    "context_tokens", "input_tokens", "prompt_tokens", "request_tokens", "input_length", "input_len", "num_prefill_tokens", "number_input_tokens",
    "num_input_tokens", "prompt_len", "prompt_length", "input_usage", "tokens_in", "input_token_count", "prompt_token_count", "inputtokens",
    "contexttokens", "prompttokens", "input_toks", "prompt_eval_count", "input_lens", "prompt_lens",
)  # fmt: skip
OUTPUT_NAMES = (
    "generated_tokens", "output_tokens", "completion_tokens", "response_tokens", "output_length", "output_len", "num_decode_tokens",
    "number_output_tokens", "num_output_tokens", "completion_length", "output_usage", "tokens_out", "output_token_count", "completion_token_count",
    "candidates_token_count", "outputtokens", "generatedtokens", "completiontokens", "output_toks", "eval_count", "output_lens",
)  # fmt: skip
DURATION_NAMES = (
    "duration", "service", "service_time", "processing", "processing_time", "latency", "elapsed", "elapsed_time", "response_time", "runtime",
    "run_time", "request_time", "request_duration", "end_to_end_latency", "e2e_latency", "total_time", "took", "time_taken", "execution_time",
    "exec_time", "request_latency", "total_latency", "delay", "duration_time", "generation_time", "query_time", "e2el", "e2els",
    "latencies", "durations",
    "dauer", "laufzeit", "bearbeitungszeit", "antwortzeit", "durée", "duree", "temps_de_réponse", "duración", "duracion", "latencia", "duração",
    "durata", "duur", "czas_trwania", "длительность", "処理時間", "所要時間", "応答時間", "耗时", "处理时间", "响应时间", "처리시간",
)  # fmt: skip
STATUS_NAMES = (
    "status",
    "status_code",
    "response_code",
    "http_status",
    "elb_status_code",
    "state",
    "success",
    "outcome",
    "result",
    "grpc_status",
)
ERROR_NAMES = (
    "error", "errors", "error_code", "error_message", "error_msg", "error_type", "exception", "is_error", "has_error", "failed", "is_failed",
    "failure", "failures",
)  # fmt: skip
LEVEL_NAMES = ("level", "severity")
RATE_NAMES = (
    "requests/s", "req/s", "requests_per_second", "requests_per_sec", "requests_per_s", "rps", "qps", "reqs_per_sec", "calls_per_second",
    "request_rate", "rate_per_s", "req_per_s", "requests_s", "req_s", "calls_s", "messages_per_second", "hits_s",
)  # fmt: skip
PER_MINUTE_NAMES = (
    "requests_per_minute", "requests_per_min", "rpm", "req_per_min", "req/min", "requests/min", "calls_per_minute", "calls/min",
)  # fmt: skip
COUNT_NAMES = (
    "requests", "request_count", "requestcount", "count", "counts", "n", "hits", "calls", "invocations", "num_requests", "number_of_requests",
    "num_model_requests", "n_requests", "total_requests", "requests_total", "total", "sum", "samples", "jobs", "messages", "events", "number",
    "number_of_messages_sent", "numberofmessagessent", "messages_sent", "volume", "transactions", "arrivals", "queries", "num_calls", "cnt",
    "cumulative_requests", "requests_count", "requests_sum", "invocations_sum", "total_request_count",
    "qty", "quantity", "records", "documents", "http_requests_total", "value", "as_count", "request_total", "sample_count",
    "anzahl", "anfragen", "zugriffe", "aufrufe", "nombre", "requêtes", "requetes", "cantidad", "solicitudes", "peticiones", "llamadas",
    "quantidade", "requisições", "richieste", "conteggio", "aantal", "verzoeken", "liczba", "количество", "запросы", "件数", "リクエスト数",
    "回数", "数量", "请求数",
    "요청수", "건수",
)  # fmt: skip
COUNTER_WORDS = ("total", "counter", "cumulative", "cum", "bucket")
UNIT_WORDS = {
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "sekunden": "s", "秒": "s", "ms": "ms", "msec": "ms", "millis": "ms",
    "milli": "ms", "millisecond": "ms", "milliseconds": "ms", "ミリ秒": "ms", "毫秒": "ms", "us": "us", "µs": "us", "μs": "us", "usec": "us",
    "micros": "us", "microseconds": "us", "ns": "ns", "nano": "ns", "nanos": "ns", "nanoseconds": "ns", "min": "min", "mins": "min",
    "minutes": "min", "hours": "h", "days": "days",
}  # fmt: skip


def words_of(name: str) -> list[str]:
    """Its words in lower case, also of a name in camel case."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.split(" > ")[-1])
    return [word for word in re.split(r"[^\w/µμ]+|_", spaced.lower()) if word]


def unit_of_name(name: str) -> str | None:
    """The unit in which a name says its numbers are: `duration (ms)`, `time_s`."""
    words = words_of(name)
    return UNIT_WORDS.get(words[-1]) if len(words) > 1 else None


def rank_of(name: str, names: tuple[str, ...], *, is_suffix_enough: bool = False) -> int | None:
    """The place of a column's name among `names`, whatever its case, marks and unit; None if it is not one of them."""
    words = [word for word in words_of(name) if word != "unix"]
    if len(words) > 1 and words[-1] in UNIT_WORDS and "_".join(words) not in names:
        words = words[:-1]
    for start in range(len(words) if is_suffix_enough else 1):
        key = "".join(words[start:])
        for place, known in enumerate(names):
            if key == known.replace("_", ""):
                return place
    return None


def first_named(columns: tuple[str, ...], names: tuple[str, ...], *, is_suffix_enough: bool = False) -> str | None:
    """The column whose name is the first of `names` to be in the file."""
    ranks = {column: rank_of(column, names, is_suffix_enough=is_suffix_enough) for column in columns}
    return min(
        (name for name, rank in ranks.items() if rank is not None), key=lambda name: ranks[name] or 0, default=None
    )
