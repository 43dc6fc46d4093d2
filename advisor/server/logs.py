"""How the project logs: one calm line or JSON object an event, from structlog and the standard library alike."""

import logging
from typing import Any, Literal

import structlog
from structlog.typing import Processor

SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
    structlog.processors.StackInfoRenderer(),
]


class OfNote(logging.Filter):
    """Drops the answers of the health pages, which are asked for every second."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(getattr(getattr(record, "request", None), "path", "")).startswith("/health/")


class OneLine(logging.Filter):
    """Drops the traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = record.exc_text = None
        return True


JSON: list[Processor] = [
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
]
TEXT: list[Processor] = [
    structlog.dev.ConsoleRenderer(
        colors=False, pad_event_to=0, pad_level=False, exception_formatter=structlog.dev.plain_traceback
    ),
]


def logging_settings(level: str, log_format: Literal["text", "json"]) -> dict[str, Any]:
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *(JSON if log_format == "json" else TEXT),
                ],
            }
        },
        "filters": {"of note": {"()": OfNote}, "one line": {"()": OneLine}},
        "handlers": {"terminal": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["terminal"], "level": level},
        "loggers": {
            "django": {"level": level},
            "django.request": {"level": "ERROR", "filters": ["of note"]},  # a page that does not exist is no event
            "django.security.DisallowedHost": {"level": level, "filters": ["one line"]},
            "django.server": {"handlers": ["terminal"], "level": level, "propagate": False},
            "uvicorn": {"level": "WARNING"},
            "axes": {"level": "ERROR"},  # `advisor.teams.throttle` says it in one line
            "numba": {"level": "WARNING"},
            "matplotlib": {"level": "WARNING"},
            "fontTools": {"level": "WARNING"},
        },
    }
