"""The commands: `crossover` once installed, `manage.py` in a checkout."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path


def option(arguments: Sequence[str], name: str) -> str | None:
    """The value of `--name VALUE` or `--name=VALUE`, read before there is a parser."""
    for position, argument in enumerate(arguments):
        if argument == name:
            return arguments[position + 1] if position + 1 < len(arguments) else None
        if argument.startswith(f"{name}="):
            return argument.partition("=")[2]
    return None


def prepare_settings(arguments: Sequence[str]) -> None:
    """Settings are read once, before any command.

    `up` is local unless the environment says otherwise or it starts one role of a site, in the folder of `--data`.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "advisor.settings")
    if arguments[:1] == ["up"]:
        is_part = option(arguments, "--role") is not None
        os.environ["CROSSOVER_MODE"] = os.environ.get("CROSSOVER_MODE") or ("hosted" if is_part else "local")
        data = option(arguments, "--data")
        if data:
            os.environ["CROSSOVER_DATA"] = str(Path(data).expanduser().resolve())


def execute(program: str, arguments: Sequence[str]) -> None:
    """Raises Misconfigured if the environment sets something wrong."""
    prepare_settings(arguments)
    command = [word.replace("-", "_") for word in arguments[:1] if not word.startswith("-")]
    from django.core.management import execute_from_command_line

    execute_from_command_line([program, *command, *arguments[len(command) :]])


def main() -> None:
    """The console script `crossover`."""
    from advisor.configuration import Misconfigured

    try:
        execute("crossover", sys.argv[1:])
    except Misconfigured as wrong:
        print(wrong, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
