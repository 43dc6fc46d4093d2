"""Answer sheets that a command writes."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from advisor.advice.yaml_json import mapping_as_yaml
from advisor.decisions.management.console import FAILURE


def sheet_path(text: str) -> Path:
    if not text.endswith((".yaml", ".yml", ".json")):
        raise argparse.ArgumentTypeError(f"must end in .yaml or .json, not {text[-30:]!r}")
    return Path(text)


def write_sheet(command: str, file: Path, given: Mapping[str, Any]) -> None:
    is_json = file.suffix == ".json"
    text = json.dumps(given, ensure_ascii=False, indent=2) + "\n" if is_json else mapping_as_yaml(given)
    try:
        file.write_text(text)
    except OSError as error:
        raise CommandError(f"{command}: cannot write {file}: {error.strerror}", returncode=FAILURE) from error
