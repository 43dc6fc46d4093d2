"""The verdict of an advice as one picture, for a wiki."""

import textwrap
from collections.abc import Iterator
from html import escape

from advisor.advice.contract import Recommendation, Style, StyleEvidence
from advisor.advice.evidence_sentences import evidence_sentence
from advisor.reports import wording
from advisor.reports.palette import LIGHT
from core.numbers import share

_WIDTH, _MARGIN, _LINE = 640, 20, 20
BAR_LEFT, BAR_WIDTH, BAR_HEIGHT = 140, 400, 10
_LETTERS, _LETTERS_LARGE = 84, 52
"""As many fit on a line, by the width of DejaVu Sans, which is wider than what most readers have."""


def verdict_svg(title: str, recommendation: Recommendation, facts: str) -> str:
    """`facts` is a line below it: which revision, of what day."""
    headline = wording.recommendation_sentence(recommendation)
    top, parts = 14, [*_bar_of_style(recommendation)]
    for text, size, colour, letters in _texts(title, headline, recommendation):
        for line in textwrap.wrap(text, letters):
            top += _LINE if size < 18 else _LINE + 6
            parts.append(_text(_MARGIN, top, line, size, colour, is_bold=size >= 18))
        top += 4
    evidence = recommendation.evidence
    for style, outcome in evidence.styles.items() if evidence else ():
        top += _LINE
        parts.extend(_bar(style, outcome, evidence.wanted_share, top) if evidence else ())
    top += _LINE + 8
    parts.append(_text(_MARGIN, top, facts, 12, LIGHT.muted))
    height = top + 16
    label = escape(f"{title}. {headline}", quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{label}" font-family="system-ui, \'DejaVu Sans\', sans-serif"><title>{label}</title>'
        f'<rect width="{_WIDTH}" height="{height}" fill="{LIGHT.page}" stroke="{LIGHT.grid}"/>{"".join(parts)}</svg>\n'
    )


def _bar_of_style(recommendation: Recommendation) -> Iterator[str]:
    style = wording.shown_style(recommendation)
    colour = LIGHT.of(None if style == "neither" else style)
    yield f'<rect width="{_WIDTH}" height="5" fill="{colour}"/>'


def _texts(title: str, headline: str, recommendation: Recommendation) -> Iterator[tuple[str, int, str, int]]:
    yield title, 14, LIGHT.muted, _LETTERS
    yield headline, 20, LIGHT.ink, _LETTERS_LARGE
    if recommendation.evidence is not None:
        yield evidence_sentence(recommendation.evidence), 14, LIGHT.ink, _LETTERS
    elif recommendation.unsimulated:
        yield recommendation.unsimulated, 14, LIGHT.ink, _LETTERS


def _bar(style: Style, outcome: StyleEvidence, wanted_share: float, top: int) -> Iterator[str]:
    y = top - BAR_HEIGHT
    wanted_x = BAR_LEFT + BAR_WIDTH * wanted_share
    yield _text(_MARGIN, top, wording.style_name(style), 13, LIGHT.ink)
    yield f'<rect x="{BAR_LEFT}" y="{y}" width="{BAR_WIDTH}" height="{BAR_HEIGHT}" fill="{LIGHT.burst}"/>'
    yield (
        f'<rect x="{BAR_LEFT}" y="{y}" width="{BAR_WIDTH * outcome.good_share:.1f}" height="{BAR_HEIGHT}" '
        f'fill="{LIGHT.of(style)}"/>'
    )
    yield f'<path d="M{wanted_x:.1f} {y - 3}v{BAR_HEIGHT + 6}" stroke="{LIGHT.ink}" stroke-width="1.5"/>'
    yield _text(BAR_LEFT + BAR_WIDTH + 12, top, share(outcome.good_share), 13, LIGHT.ink)


def _text(x: int, y: int, words: str, size: int, colour: str, *, is_bold: bool = False) -> str:
    weight = ' font-weight="700"' if is_bold else ""
    return f'<text x="{x}" y="{y}" font-size="{size}"{weight} fill="{colour}">{escape(words)}</text>'
