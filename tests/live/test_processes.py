"""The crew of a live run: parts that die are started again, as long as that helps."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import pytest

from simulator.live.run.processes import MOST_RESTARTS, Part, PartFailed, ProcessGroup


class StillBirths:
    """Bears processes that say why they end, and end."""

    def bear(self, part: Part, plan: Path, known: Mapping[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.exit('no such queue')"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
        process.wait()
        return process


def test_a_part_that_dies_on_and_on_ends_the_run_with_its_words(tmp_path: Path) -> None:
    with ProcessGroup(tmp_path, tmp_path / "plan.json", nursery=StillBirths()) as crew:
        crew.start(Part("consume-0", "event_driven.consume", starts_again=True))
        crew.begin(0)
        for _ in range(MOST_RESTARTS):
            assert not crew.tend(but="clients")
        with pytest.raises(PartFailed, match="no such queue"):
            crew.tend(but="clients")
    assert crew.parts["consume-0"].restarts == MOST_RESTARTS
