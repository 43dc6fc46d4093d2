"""Where the project's files are: in a checkout next to this package, once installed inside it."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IS_CHECKOUT = (ROOT / "manage.py").is_file()
SHIPPED_FILES = ROOT if IS_CHECKOUT else Path(__file__).parent / "shipped"
"""Holds templates, static files and the glossary; `setup.py` puts them there."""
COMMAND = "python3 manage.py" if IS_CHECKOUT else "crossover"
"""How the program is called here, for commands that are printed to be run again."""


def default_data() -> Path:
    """In a checkout its folder `var`, else a folder of the user's by the XDG base directory specification."""
    if IS_CHECKOUT:
        return ROOT / "var"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "crossover"
