"""Values at dotted paths (`processing.p95_s`), in nested mappings and in frozen values."""

from collections.abc import Mapping
from typing import Any


def value_at(tree: Any, path: str) -> Any:
    """Walk through the keys of mappings and the attributes of other objects. Raise KeyError or AttributeError."""
    for part in path.split("."):
        tree = tree[part] if isinstance(tree, Mapping) else getattr(tree, part)
    return tree


def set_value(tree: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        tree = tree.setdefault(parent, {})
    tree[last] = value


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """{"a.b": 1} becomes {"a": {"b": 1}}."""
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        set_value(tree, path, value)
    return tree
