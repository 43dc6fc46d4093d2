"""Frozen, strict and bounded values, and the problems that pydantic finds in input as sentences."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Self, TypeVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from core.errors import InvalidInput, Problem

V = TypeVar("V")
SMALLEST = 1e-9


def _not_tiny(value: float) -> float:
    """Refuse numbers so small that their quotients overflow a double."""
    if value < SMALLEST:
        raise ValueError(f"must be at least {SMALLEST:.9f}, not {value:g}")
    return value


LARGEST = 1e9
Positive = Annotated[float, Field(gt=0, le=LARGEST), AfterValidator(_not_tiny)]
NonNegative = Annotated[float, Field(ge=0, le=LARGEST)]
Percent = Annotated[float, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Seed = Annotated[int, Field(ge=0, le=2**53 - 1)]


class Value(BaseModel):
    """A frozen value: unknown fields, NaN, infinities and silent conversions are refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False, validate_default=False)

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """Raise InvalidInput with a problem for each field that is wrong."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise InvalidInput(problems_of(error, data)) from error


def rounded(value: V, digits: int) -> V:
    """Round every float in plain data or a Value to that many significant digits."""
    return cast(V, _rounded(value, f".{digits}g"))


def _rounded(value: Any, spec: str) -> Any:
    """A result has tens of thousands of floats, nearly all in tuples: those are rounded in place of a call each."""
    match value:
        case float():
            return float(format(value, spec))
        case tuple():
            return tuple([float(format(item, spec)) if type(item) is float else _rounded(item, spec) for item in value])
        case int() | str() | None:
            return value
        case Mapping():
            return {name: _rounded(item, spec) for name, item in value.items()}
        case Value():
            return value.model_copy(update={name: _rounded(item, spec) for name, item in value})
    return value


def problems_of(error: ValidationError, data: Any = None) -> list[Problem]:
    """Turn pydantic's errors into problems with paths; with the `data` at fault, paths lack the tags of unions."""
    return [_problem(item, data) for item in error.errors(include_url=False)]


def contradiction(reason: str, others: Mapping[str, float]) -> PydanticCustomError:
    """What a validator raises if a field contradicts others, given with their values by their paths relative to its section."""
    return PydanticCustomError("contradiction", "{reason}", {"reason": reason, "others": dict(others)})


def _problem(item: Mapping[str, Any], data: Any) -> Problem:
    path = list(_path(item["loc"], item["type"], data))
    section = path[:-1] if item["loc"] else []
    others = item.get("ctx", {}).get("others", {}) if item["type"] == "contradiction" else {}
    return Problem(
        path=".".join(path),
        reason=_reason(item),
        others=tuple((".".join([*section, other]), value) for other, value in others.items()),
    )


def _path(location: Sequence[int | str], kind: str, data: Any) -> Iterable[str]:
    """Yield the location's parts that are the user's own: pydantic adds the tag of a union's member, and `[key]`."""
    here = data
    for place, part in enumerate(location):
        last = place == len(location) - 1
        if part == "[key]":
            continue
        if isinstance(here, Mapping):
            if part not in here and not (last and kind == "missing"):
                continue
            here = here.get(part)
        elif isinstance(here, Sequence) and not isinstance(here, str):
            if not (isinstance(part, int) and part < len(here)):
                continue
            here = here[part]
        elif data is not None:
            continue
        yield str(part)


_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "string_unicode": "valid text",
    "dict_type": "a mapping of names to values",
    "mapping_type": "a mapping of names to values",
    "model_type": "a group of named fields",
    "model_attributes_type": "a group of named fields",
    "tuple_type": "a list",
    "list_type": "a list",
    "none_required": "left empty",
}

_BOUNDS = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def _reason(item: Mapping[str, Any]) -> str:
    kind, context, received = item["type"], item.get("ctx", {}), shown(item["input"])
    if kind == "extra_forbidden":
        return "there is no such field"
    if kind == "missing":
        return "is required"
    if kind in _WANTED:
        return f"must be {_WANTED[kind]}, not {received}"
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"must be {words} {_number(context[key])}, not {received}"
    return _other_reason(kind, context, received, item["msg"])


def _other_reason(kind: str, context: Mapping[str, Any], received: str, message: str) -> str:
    match kind:
        case "literal_error":
            return f"must be {context['expected']}, not {received}"
        case "union_tag_invalid":
            return f"{_bare(context['discriminator'])} must be one of {context['expected_tags']}, not {shown(context['tag'])}"
        case "union_tag_not_found":
            return f"{_bare(context['discriminator'])} is required: it says which kind this is"
        case "string_too_short":
            return (
                "must not be empty"
                if context["min_length"] == 1
                else f"must have at least {context['min_length']} characters"
            )
        case "string_too_long":
            return f"must have at most {context['max_length']} characters"
        case "string_pattern_mismatch":
            return f"must start with a letter or digit and have only letters, digits, spaces, dots, dashes and underscores, not {received}"
        case "too_long":
            return f"must have at most {context['max_length']} entries, not {context['actual_length']}"
        case "too_short":
            return f"must have at least {context['min_length']} entry"
        case _:
            return message.removeprefix("Value error, ").removeprefix("Input ")


def _bare(name: str) -> str:
    return name.strip("'")


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:g}"


def shown(value: Any, longest: int = 40) -> str:
    """A value as a message may show it: escaped and short."""
    if value is None:
        return "empty"
    if isinstance(value, Mapping):
        return "a group of fields"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**18:
        return "a number of over 18 digits"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"{value:,.0f}"
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"
