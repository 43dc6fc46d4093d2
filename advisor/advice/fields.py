"""What the Answers schema says of each of its fields: kind, bounds, choices. Forms, ranges and flips read it here, so no bound is written twice."""

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

FieldKind = Literal["number", "integer", "flag", "choice", "text", "list"]


@dataclass(frozen=True)
class Leaf:
    """One field of a nested model that is not a model itself. Bounds are inclusive unless `open_low`."""

    path: str
    kind: FieldKind
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    choices: tuple[str, ...] = ()
    nullable: bool = False

    @property
    def numeric(self) -> bool:
        return self.kind in ("number", "integer")

    def fault(self, value: float) -> str | None:
        if self.low is not None and (value < self.low or (self.open_low and value == self.low)):
            return f"should be greater than {'' if self.open_low else 'or equal to '}{self.low:g}"
        if self.high is not None and value > self.high:
            return f"should be less than or equal to {self.high:g}"
        return None


def leaves(model: type[BaseModel]) -> Mapping[str, Leaf]:
    return {leaf.path: leaf for leaf in _walk(model, "")}


def _walk(model: type[BaseModel], prefix: str) -> Iterator[Leaf]:
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _walk(inner, f"{path}.")
        else:
            yield _leaf(path, field)


def _leaf(path: str, field: FieldInfo) -> Leaf:
    annotation, metadata, nullable = _unwrapped(field.annotation, list(field.metadata))
    low, high, open_low = _bounds(metadata)
    if get_origin(annotation) is Literal:
        return Leaf(path, "choice", choices=get_args(annotation), nullable=nullable)
    kinds: dict[Any, FieldKind] = {bool: "flag", int: "integer", float: "number", str: "text"}
    return Leaf(path, kinds.get(annotation, "list"), low, high, open_low, nullable=nullable)


def _unwrapped(annotation: Any, metadata: list[Any]) -> tuple[Any, list[Any], bool]:
    if hasattr(annotation, "__metadata__"):
        bare, more, nullable = _unwrapped(annotation.__origin__, [*metadata, *annotation.__metadata__])
        return bare, more, nullable
    if get_origin(annotation) in (Union, types.UnionType) and type(None) in get_args(annotation):
        (inner,) = (part for part in get_args(annotation) if part is not type(None))
        bare, more, _ = _unwrapped(inner, metadata)
        return bare, more, True
    return annotation, metadata, False


def _bounds(metadata: list[Any]) -> tuple[float | None, float | None, bool]:
    low: float | None = None
    high: float | None = None
    open_low = False
    for item in [part for entry in metadata for part in getattr(entry, "metadata", [entry])]:
        match item:
            case Ge():
                low = float(item.ge)  # type: ignore[arg-type]
            case Gt():
                low, open_low = float(item.gt), True  # type: ignore[arg-type]
            case Le():
                high = float(item.le)  # type: ignore[arg-type]
            case Lt():
                raise TypeError("no field has an exclusive upper bound")
    return low, high, open_low
