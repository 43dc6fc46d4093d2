"""What each process of the system writes down: a JSON object a line, appended in one write, so that processes can share a file."""

import json
import os
from pathlib import Path
from typing import Any


def append(path: str | Path, **fields: Any) -> None:
    """Add a line. Instants are seconds of the system clock, which all processes share."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, (json.dumps(fields) + "\n").encode())
    finally:
        os.close(file)


def read(path: Path) -> list[dict[str, Any]]:
    """All lines so far; none if nothing has been written."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
