"""Records at an address: how compiled code reaches slots, events and recorded rows without counting references to arrays.

The arrays live in Python (plan.Bench), which keeps them alive and tells the machine their addresses; an index is the loop's to keep in range.
"""

from typing import Any

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from simulator.kernel.layout import EVENT, RECORDED_ROW, SLOT, START


def _accessor(layout: np.dtype[Any]) -> Any:
    record = numba.from_dtype(layout)

    def access(typing_context: Any, address: Any, index: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            distance = builder.mul(arguments[1], ir.Constant(ir.IntType(64), layout.itemsize))
            return builder.inttoptr(builder.add(arguments[0], distance), context.get_value_type(record))

        return record(types.int64, types.int64), generate

    return intrinsic(access)


slot = _accessor(SLOT)
event = _accessor(EVENT)
recorded = _accessor(RECORDED_ROW)
start = _accessor(START)
