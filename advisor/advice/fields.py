"""The fields of a model as its JSON schema has them: kind, bounds, choices. Forms, ranges and flips read them here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

FieldKind = Literal["number", "integer", "flag", "choice", "text", "list"]
_KINDS: Mapping[str, FieldKind] = {
    "number": "number",
    "integer": "integer",
    "boolean": "flag",
    "string": "text",
    "array": "list",
}


@dataclass(frozen=True)
class Leaf:
    """One field of a nested model that is not a model itself. Bounds are inclusive."""

    path: str
    kind: FieldKind
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    nullable: bool = False

    @property
    def numeric(self) -> bool:
        return self.kind in ("number", "integer")

    def fault(self, value: float) -> str | None:
        if self.low is not None and value < self.low:
            return f"should be greater than or equal to {self.low:g}"
        if self.high is not None and value > self.high:
            return f"should be less than or equal to {self.high:g}"
        return None


def leaves(model: type[BaseModel]) -> Mapping[str, Leaf]:
    """Every leaf of a model by its dotted path, in the schema's order."""
    schema = model.model_json_schema()
    return {leaf.path: leaf for leaf in _walk(schema, schema.get("$defs", {}), "")}


def _walk(schema: Mapping[str, Any], models: Mapping[str, Any], prefix: str) -> Iterator[Leaf]:
    for name, field in schema["properties"].items():
        path = f"{prefix}{name}"
        if field.get("type") == "object":
            continue
        if "$ref" in field:
            yield from _walk(models[field["$ref"].rpartition("/")[2]], models, f"{path}.")
        else:
            yield _leaf(path, field)


def _leaf(path: str, field: Mapping[str, Any]) -> Leaf:
    options = field.get("anyOf", [field])
    (value,) = (option for option in options if option.get("type") != "null")
    if value.keys() & {"exclusiveMinimum", "exclusiveMaximum"}:
        raise TypeError(f"{path} has an exclusive bound, which forms and flips do not know")
    low, high = (None if value.get(end) is None else float(value[end]) for end in ("minimum", "maximum"))
    choices = tuple(value.get("enum", [value["const"]] if "const" in value else []))
    return Leaf(path, "choice" if choices else _KINDS[value["type"]], low, high, choices, len(options) > 1)
