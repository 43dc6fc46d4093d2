"""The advice's sentences: numbers as `numbers` says them, factors, and how a sentence begins."""

from advisor.advice.numbers import count, duration, number, percent, rate

__all__ = ["count", "duration", "number", "percent", "rate", "sentence", "times"]


def times(value: float) -> str:
    """A factor: 8x."""
    return f"{number(value)}x"


def sentence(text: str) -> str:
    """The first letter in upper case, the rest as it is."""
    return text[:1].upper() + text[1:]
