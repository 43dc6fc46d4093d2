"""Which requests failed, by the status that a file has of them, and whether another try could help."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simulator.recordings.amounts import present
from simulator.trace_columns import ERROR_NAMES, rank_of, words_of

SUCCESS, TRANSIENT, PERMANENT, ABANDONED = 0, 1, 2, 3
"""An abandoned request was given up by its caller: neither the service nor the model failed."""
ABANDONED_CODES = (460, 499)
"""Of a load balancer of AWS, and of nginx: the client closed the connection."""
TRANSIENT_CODES = (408, 409, 425, 429)
"""Of the 4xx: timeout, conflict, too early, too many requests. All 5xx are transient as well.
Source: RFC 9110, RFC 6585 and RFC 8470; the clients of OpenAI and Anthropic retry on the same."""
_ABANDONED = r"cancel|revoked|client.?closed|client.?disconnect|abandon"
_PERMANENT = r"invalid|bad.?request|not.?found|denied|unauthori[sz]ed|forbidden|unprocessable|content.?filter|too.?large|context.?length"
_TRANSIENT = r"error|\berr\b|fail|time.?d?.?out|exception|retry|unavailable|exhausted|deadline|rate.?limit|throttl|overload|abort|false|refused|reset"
_FINE = ("false", "no", "0", "ok", "success", "succeeded", "200")
_CODE = r"(?:^|[^\d.])([1-5]\d\d)(?:$|[^\d.])"


def read_outcomes(cells: pl.Series, column: str) -> NDArray[np.int8]:
    """How each request ended: SUCCESS, TRANSIENT, PERMANENT or ABANDONED. An empty cell is no failure.

    A column that is named for errors has one in each cell that is neither empty nor false.
    """
    filled = cells.fill_null("")
    distinct = filled.unique()
    outcomes = pl.Series(_outcomes_of(distinct, column))
    return np.asarray(filled.replace_strict(distinct, outcomes, return_dtype=pl.Int8).to_numpy())


def _outcomes_of(cells: pl.Series, column: str) -> NDArray[np.int8]:
    plain = present(cells).str.to_lowercase()
    is_error = rank_of(column, ERROR_NAMES) is not None
    in_text = plain.str.extract(_CODE).cast(pl.Float64, strict=False)
    codes = plain.cast(pl.Float64, strict=False).fill_null(in_text).fill_null(np.nan).to_numpy()

    def says(pattern: str) -> NDArray[np.bool_]:
        return np.asarray(plain.str.contains(pattern).fill_null(False).to_numpy())

    outcomes = np.where(says(_TRANSIENT), TRANSIENT, SUCCESS)
    if is_error:
        outcomes = np.where(
            plain.is_null().to_numpy() | plain.is_in(_FINE).fill_null(False).to_numpy(), SUCCESS, TRANSIENT
        )
    elif words_of(column)[-1:] == ["code"] and np.nanmax(codes, initial=0) == 2 and "status" in column.lower():
        outcomes = np.where(codes == 2, TRANSIENT, outcomes)  # OpenTelemetry: unset, ok, error
    outcomes = np.where(says(_PERMANENT), PERMANENT, outcomes)
    outcomes = np.where(says(_ABANDONED), ABANDONED, outcomes)
    has_code = (codes >= (400 if is_error else 100)) & (codes < 600)  # an error's text may hold any number
    by_code = np.select(
        [np.isin(codes, ABANDONED_CODES), np.isin(codes, TRANSIENT_CODES) | (codes >= 500), codes >= 400],
        [ABANDONED, TRANSIENT, PERMANENT],
        SUCCESS,
    )
    outcomes = np.where(has_code, by_code, outcomes)
    if has_code.any():
        outcomes = np.where(codes == 0, TRANSIENT, outcomes)  # load tests write 0 if there was no response
    return outcomes.astype(np.int8)
