"""The exports of tools that are known by their columns, and what those mean."""

from dataclasses import dataclass

from simulator.recordings.understanding import RowsAre


@dataclass(frozen=True)
class KnownExport:
    tool: str
    has: tuple[str, ...]
    """Columns that tell it, in lower case without `_`, `-`, spaces and dots."""
    time: str = ""
    """Empty: by its name."""
    time_unit: str = ""
    is_end: bool = False
    duration: tuple[str, ...] = ()
    """Several are added up."""
    duration_unit: str = ""
    rows: RowsAre = "requests"
    count: str = ""
    interval_s: float = 0.0
    only: tuple[str, str] | None = None
    """A column and the value of the rows that are requests."""


KNOWN_EXPORTS = (
    KnownExport(
        "Locust statistics history", ("usercount", "requests/s", "totalrequestcount"), "timestamp", rows="rates", count="requests/s",
        only=("name", "Aggregated"),
    ),
    KnownExport("OpenAI usage", ("nummodelrequests",), "starttime", rows="counts", count="nummodelrequests"),
    KnownExport("Anthropic usage", ("usagedateutc", "requests"), "usagedateutc", rows="counts", count="requests"),
    KnownExport("k6", ("metricname", "timestamp", "metricvalue"), "timestamp", only=("metric_name", "http_reqs")),
    KnownExport("k6", ("type", "metric", "data>time"), "data>time", only=("metric", "http_reqs")),
    KnownExport("JMeter", ("timestamp", "elapsed", "label"), "timestamp", duration=("elapsed",), duration_unit="ms"),
    KnownExport("Celery Flower", ("uuid", "received", "runtime"), "received", duration=("runtime",), duration_unit="s"),
    KnownExport("Langfuse", ("starttime", "timetofirsttoken"), "starttime", duration=("latency",), duration_unit="s"),
    KnownExport("Langfuse", ("starttime", "endtime", "inputusage"), "starttime", duration=("latency",), duration_unit="s"),
    KnownExport("LiteLLM", ("calltype", "starttime", "endtime", "completionstarttime"), "starttime"),
    KnownExport("LangSmith", ("runtype", "starttime", "endtime"), "starttime"),
    KnownExport("Helicone", ("requestcreatedat", "delayms"), "requestcreatedat", duration=("delayms",), duration_unit="ms"),
    KnownExport("Helicone", ("requestcreatedat", "latency"), "requestcreatedat", duration=("latency",), duration_unit="ms"),
    KnownExport("OpenTelemetry spans", ("starttimeunixnano", "endtimeunixnano"), "starttimeunixnano", time_unit="ns"),
    KnownExport("Jaeger", ("traceid", "starttime", "duration"), "starttime", time_unit="us", duration=("duration",), duration_unit="us"),
    KnownExport("Mooncake trace", ("timestamp", "inputlength", "outputlength"), "timestamp", time_unit="ms"),
    KnownExport("BurstGPT", ("timestamp", "requesttokens", "responsetokens"), "timestamp", time_unit="s"),
    KnownExport("Azure LLM trace", ("timestamp", "contexttokens", "generatedtokens"), "timestamp"),
    KnownExport("ServeGen", ("timestamp", "inputtokens", "outputtokens", "clientid"), "timestamp", time_unit="s"),
    KnownExport("llmperf", ("endtoendlatencys", "ttfts"), "", duration=("endtoendlatencys",), duration_unit="s"),
    KnownExport("Application Insights", ("timestamp", "resultcode", "duration"), "timestamp", duration=("duration",), duration_unit="ms"),
    KnownExport("Google Cloud load balancer", ("httprequest>latency",), "timestamp", duration=("httprequest>latency",), duration_unit="s"),
    KnownExport(
        "AWS application load balancer log", ("requestprocessingtime", "targetprocessingtime"), "", is_end=True,
        duration=("requestprocessingtime", "targetprocessingtime", "responseprocessingtime"), duration_unit="s",
    ),
    KnownExport(
        "AWS classic load balancer log", ("requestprocessingtime", "backendprocessingtime"), "timestamp",
        duration=("requestprocessingtime", "backendprocessingtime", "responseprocessingtime"), duration_unit="s",
    ),
    KnownExport("CloudFront log", ("date", "time", "xedgelocation", "timetaken"), "", is_end=True, duration=("timetaken",), duration_unit="s"),
    KnownExport("IIS log", ("date", "time", "sip", "timetaken"), "", is_end=True, duration=("timetaken",), duration_unit="ms"),
    KnownExport("Traefik", ("startutc", "duration", "routername"), "startutc", duration=("duration",), duration_unit="ns"),
    KnownExport("Caddy", ("ts", "duration", "logger"), "ts", is_end=True, duration=("duration",), duration_unit="s"),
    KnownExport("CloudWatch", ("timestamp", "requestcount"), "timestamp", rows="counts", count="requestcount"),
    KnownExport("CloudWatch", ("timestamp", "sum", "unit"), "timestamp", rows="counts", count="sum"),
    KnownExport("CloudWatch", ("timestamps", "values"), "timestamps", rows="counts", count="values"),
    KnownExport("Amazon SQS", ("timestamp", "numberofmessagessent"), "timestamp", rows="counts", count="numberofmessagessent"),
)  # fmt: skip


def plain_name(name: str) -> str:
    return "".join(character for character in name.lower() if character not in "_- .()")


def _names(column: str) -> set[str]:
    """Its name, and without the objects that it is in."""
    return {plain_name(column), plain_name(column.split(" > ")[-1])}


def known_export(columns: tuple[str, ...]) -> KnownExport | None:
    names = set().union(*map(_names, columns))
    return next((export for export in KNOWN_EXPORTS if names.issuperset(export.has)), None)


def column_named(name: str, columns: tuple[str, ...]) -> str | None:
    return next((column for column in columns if name and name in _names(column)), None)
