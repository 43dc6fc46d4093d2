"""What every value that people write or we store has in common: frozen, strict, bounded, and clear about what is wrong."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Positive = Annotated[float, Field(gt=0, le=1e9)]
NonNegative = Annotated[float, Field(ge=0, le=1e9)]
Percent = Annotated[float, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Seed = Annotated[int, Field(ge=0, le=2**53 - 1)]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an input: where (`processing.p95_s`, or empty for the whole), and why."""

    path: str
    reason: str
    line: int | None = None

    def __str__(self) -> str:
        where = self.path or "input"
        return f"{where} (line {self.line}): {self.reason}" if self.line else f"{where}: {self.reason}"


class InvalidInput(ValueError):
    """Bad input, with every problem found in it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class Value(BaseModel):
    """A frozen value: unknown fields, NaN, infinities and silent conversions are refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False, validate_default=False)

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """The value in plain data (of JSON or YAML).

        Raises:
            InvalidInput: with a problem for each field that is wrong.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise InvalidInput(problems_of(error)) from error


def problems_of(error: ValidationError) -> list[Problem]:
    """Pydantic's errors as problems that name their field by its path."""
    return [
        Problem(path=".".join(str(part) for part in item["loc"]), reason=_reason(item["msg"], item["type"]))
        for item in error.errors(include_url=False, include_context=False)
    ]


def _reason(message: str, kind: str) -> str:
    if kind == "extra_forbidden":
        return "there is no such field"
    if kind == "missing":
        return "is required"
    return message.removeprefix("Value error, ").removeprefix("Input ").replace("Input ", "")
