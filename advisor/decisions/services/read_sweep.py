"""What a sweep has found so far."""

from pydantic import TypeAdapter

from advisor.decisions import stored
from advisor.decisions.models import PartState, Sweep
from advisor.sweeps import contract
from advisor.sweeps.contract import Cell
from advisor.sweeps.fewest import Needed
from advisor.sweeps.sweeping import axis_of

CELLS = TypeAdapter(tuple[Cell, ...])


def needed_by(sweep: Sweep) -> Needed | None:
    """What a search has found, once it has ended well."""
    text = sweep.parts.filter(state=PartState.DONE).values_list("cells_json", flat=True).first()
    return stored.load(Needed, text) if text else None


def found_so_far(sweep: Sweep) -> contract.Sweep:
    """The cells that are done, in the grid's order."""
    done = sweep.parts.filter(state=PartState.DONE).order_by("first").values_list("cells_json", flat=True)
    cells = [cell for text in done for cell in CELLS.validate_json(text)]
    x, y = sweep.x_axis, sweep.y_axis
    took = sweep.finished_at - sweep.started_at if sweep.finished_at and sweep.started_at else None
    return contract.Sweep(
        x=axis_of(x),
        y=axis_of(y) if y else None,
        jobs=sweep.jobs,
        seed=sweep.seed,
        cells=tuple(cells),
        elapsed_s=round(took.total_seconds(), 3) if took else 0,
    )
