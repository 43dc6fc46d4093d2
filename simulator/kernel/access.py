"""Records at an address, so that compiled code reaches slots, events and recorded rows without counting references; floats as their bits.

`plan.KernelState` owns the arrays and writes their addresses into the machine. Indices are not checked.
"""

from typing import Any

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from simulator.kernel.layout import (
    DELIVERY,
    EVENT,
    JOB_ROW,
    KEY_STATE,
    LATENCY_BIN,
    ORDERED,
    RECORDED_ROW,
    SHARED_CALL,
    SLOT,
    START,
)


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
start_at = _accessor(START)
shared_call = _accessor(SHARED_CALL)
latency_bin = _accessor(LATENCY_BIN)
job_row = _accessor(JOB_ROW)
delivery = _accessor(DELIVERY)
ordered = _accessor(ORDERED)
key_state = _accessor(KEY_STATE)


def _bits_of(typing_context: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), generate


bits_of: Any = intrinsic(_bits_of)
"""The 64 bits of a float as an integer."""
