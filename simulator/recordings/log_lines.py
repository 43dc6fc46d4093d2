"""Lines of access logs: a pattern a format, whose groups are the columns."""

import re
from dataclasses import dataclass

_COMMON = (
    r"^(?:.*?\s)?(?P<client>\S+) \S+ \S.*? \[(?P<{time}>\d{{1,2}}/[A-Za-z]{{3}}/\d{{4}}:\d\d:\d\d:\d\d(?:\.\d+)? [-+]\d{{4}})\] "
    r'"(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{{3}}) (?P<bytes>\d+|-)(?: "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*")?'
)


@dataclass(frozen=True)
class LogFormat:
    tool: str
    pattern: str
    """In the syntax that Python's `re` and polars share."""

    @property
    def columns(self) -> list[str]:
        return list(re.compile(self.pattern).groupindex)

    def matches(self, line: str) -> bool:
        return re.match(self.pattern, line) is not None


LOG_FORMATS = (
    LogFormat(
        "AWS application load balancer log",
        r"^(?:https?|h2|grpcs|wss?) (?P<load_balancer_end_time>\d{4}-\d\d-\d\dT[\d:.]+Z) \S+ \S+ \S+ "
        r"(?P<request_processing_time>-?[\d.]+) (?P<target_processing_time>-?[\d.]+) (?P<response_processing_time>-?[\d.]+) "
        r"(?P<status>\d+|-) ",
    ),
    LogFormat(
        "AWS classic load balancer log",
        r"^(?P<timestamp>\d{4}-\d\d-\d\dT[\d:.]+Z) \S+ \S+:\d+ \S+ "
        r"(?P<request_processing_time>-?[\d.]+) (?P<backend_processing_time>-?[\d.]+) (?P<response_processing_time>-?[\d.]+) "
        r"(?P<status>\d+|-) ",
    ),
    LogFormat(
        "HAProxy log",
        r"^.*?\[(?P<accept_date>\d{1,2}/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d\.\d+)\] \S+ \S+ "
        r"(?:-?\d+/){4}(?P<total_time_ms>\+?\d+) (?P<status>\d{3}) ",
    ),
    LogFormat(
        "access log with the request time",
        _COMMON.format(time="time_at_end") + r'.*?(?:\s|=|")(?P<request_time>\d+\.\d{3,6})\b.*$',
    ),
    LogFormat(
        "Apache access log with the time taken",
        _COMMON.format(time="time") + r"(?: .*?)?\s\**/?(?P<duration_us>\d+)\**\s*$",
    ),
    LogFormat("access log", _COMMON.format(time="time") + r".*$"),
    LogFormat(
        "Envoy access log",
        r'^\[(?P<time>\d{4}-\d\d-\d\dT[\d:.]+Z)\] "[^"]*" (?P<status>\d+) \S+ \d+ \d+ (?P<duration_ms>\d+) ',
    ),
    LogFormat("system log", r"^(?:<\d+>)?(?P<time>[A-Z][a-z]{2}\s+\d{1,2} \d\d:\d\d:\d\d)\s+\S+\s+\S.*$"),
    LogFormat(
        "log with a time at the start of each line",
        r"^\[?(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z| ?[-+]\d\d:?\d\d)?)\]?[\s:|-]+[A-Za-z\[(].*$",
    ),
)
