"""The words of `reports.wording` and `core.numbers`, for templates."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django import template
from django.template.base import Parser, Token
from django.utils.dateformat import format as date_format
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from advisor.advice.answers import Answers
from advisor.advice.contract import Evidence, Flip, Recommendation, StyleEvidence
from advisor.advice.evidence_sentences import evidence_sentence, largest_queue, share_in_words
from advisor.decisions.models import Trace
from advisor.reports import wording
from advisor.reports.document.advice import RULE_TITLES, parameter_words
from advisor.reports.document.answers import QUESTIONS, TRACE, flip_condition, of_unit, value_words
from advisor.reports.document.blocks import linked
from advisor.teams.services.accounts import person_name
from advisor.web.forms.questions import field_id
from advisor.web.glossary import mark_terms
from core.numbers import count, duration, number, percent, rate, share
from core.paths import value_at

register = template.Library()

CLUMPED, EVEN = 2.0, 0.5
"""Dispersions from, and up to, which a recording is called bursty or even at a scale."""

register.filter("number", number)
register.filter("duration", duration)
register.filter("rate", rate)
register.filter("percent", percent)
register.filter("share", share)
register.filter("style_name", wording.style_name)
register.filter("method_name", wording.method_name)
register.filter("run_state", wording.run_state)
register.filter("recommendation_sentence", wording.recommendation_sentence)
register.filter("advice_headline", wording.advice_headline)
register.filter("forces_headline", wording.forces_headline)
register.filter("evidence_sentence", evidence_sentence)
register.filter("largest_queue", largest_queue)
register.filter("consumers_of_queue", wording.consumers_of_queue)
register.filter("shown_style", wording.shown_style)
register.filter("consumers_sentence", wording.consumers_sentence)
register.filter("concurrency_sentence", wording.concurrency_sentence)
register.filter("breaker_sentence", wording.breaker_sentence)
register.filter("expiry_sentence", wording.expiry_sentence)
register.filter("dead_letter_sentence", wording.dead_letter_sentence)
register.filter("delivery_sentences", wording.delivery_sentences)
register.filter("retries_sentence", wording.retries_sentence)
register.filter("doubt_sentences", wording.doubt_sentences)
register.filter("nearest_and_further", wording.nearest_and_further)
register.filter("regret_sentence", wording.regret_sentence)
register.filter("person", person_name)


@register.filter("counted")
def count_words(value: float | None, nouns: str = "") -> str:
    """A whole number in full; with "job" or "child,children" also its noun."""
    one, _, many = nouns.partition(",")
    return count(value, one, many)


@register.filter
def unit_of(unit: str, text: str | int) -> str:
    return of_unit(unit, str(text).strip())


@register.filter
def in_words(name: str) -> str:
    stem = name.removesuffix("_s").removesuffix("_percent")
    return stem.replace("_", " ")


@register.filter
def whole_percent(fraction: float) -> int:
    """0 to 1 as 0 to 100, never 100 before the end."""
    return min(99, int(fraction * 100)) if fraction < 1 else 100


@register.simple_tag
def style_mark(style: str) -> SafeString:
    kind = style if style in wording.STYLES else "neither"
    return format_html(
        '<span class="style style-{}"><span class="style-line" aria-hidden="true"></span>{}</span>',
        kind,
        wording.favours(style),
    )


@register.simple_tag
def style_line(style: str) -> SafeString:
    return format_html('<span class="style-{}"><span class="style-line" aria-hidden="true"></span></span>', style)


@register.filter
def ago(instant: datetime) -> str:
    spoken = timesince(instant, depth=1)
    return "just now" if spoken.startswith("0") else f"{spoken} ago"


@register.filter
def since(instant: datetime) -> SafeString:
    """The browser writes how long ago it is (static/js/ages.js): a page that has it stays the same."""
    words = f"{date_format(instant.astimezone(UTC), 'j F Y, H:i')} UTC"
    return format_html('<time datetime="{}" data-since>{}</time>', instant.isoformat(), words)


@register.filter
def rule_title(rule: str) -> str:
    return RULE_TITLES.get(rule, rule.replace("_", " ").capitalize())


def question_words(path: str) -> str:
    question = QUESTIONS.get(path)
    return f"“{question.label}”" if question else path


@register.filter
def step_words(paths: list[str]) -> str:
    if len(paths) == 1:
        return question_words(paths[0])
    return count(len(paths), "answer")


@register.simple_tag
def question_link(path: str) -> SafeString:
    question = QUESTIONS.get(path)
    several = path == TRACE or (question is not None and question.kind == "hops")
    target = field_id(path) if several else f"{field_id(path)}-input"
    return format_html('<a href="#{}" data-field>{}</a>', target, question.label if question else path)


@register.filter
def chances(probability: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(((style, chance) for style, chance in probability.items() if chance > 0), key=lambda pair: -pair[1])


@register.simple_tag
def chance_bar(style: str, chance: float) -> SafeString:
    return format_html(
        '<svg class="chance style-{}" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="chance-all" width="100" height="6"/><rect class="chance-part" width="{}" height="6"/></svg>',
        style,
        f"{100 * chance:.1f}",
    )


@register.simple_tag
def share_bar(style: str, outcome: StyleEvidence, evidence: Evidence) -> SafeString:
    """The share that is in time from 0 to 100 %, its interval as a thin line, and the wanted share as an upright one."""
    return format_html(
        '<svg class="share-bar style-{}" viewBox="0 0 100 16" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect class="chance-all" y="4" width="100" height="8"/><rect class="chance-part" y="4" width="{}" height="8"/>'
        '<path class="share-interval" d="M{} 8H{}"/><path class="share-wanted" d="M{} 0V16"/></svg>',
        style,
        share_in_words(outcome, evidence),
        f"{100 * outcome.good_share:.2f}",
        f"{100 * outcome.low:.2f}",
        f"{100 * outcome.high:.2f}",
        f"{100 * evidence.wanted_share:.2f}",
    )


@register.simple_tag
def answer_link(path: str, answers: Answers) -> SafeString:
    return format_html("{} {}", question_link(path), glued(value_words(path, value_at(answers.model_dump(), path))))


@register.filter
def of(mapping: Mapping[str, Any], key: str) -> Any:
    return mapping.get(key, ())


@register.simple_tag(name="flip_sentence")
def linked_flip(flip: Flip, recommendation: Recommendation, answers: Answers) -> SafeString:
    words = wording.flip_sentence(flip, recommendation, "", flip_condition(flip, answers))
    return format_html("{} {}", question_link(flip.field), glued(words))


@register.filter
def parameter(value: Any, name: str) -> str:
    return parameter_words(name, value)


@register.filter
def burstiness(trace: Trace) -> str:
    """What the dispersion of a recording says of its shape, at three scales: 1 is what independent senders make."""
    if trace.span_s <= 0:
        return "All requests come at the same time: a backlog to be worked off, which has no rate."
    statistics = trace.statistics
    figures = {scale: statistics.get(f"dispersion_{scale}s") for scale in (1, 10, 60)}
    known = {scale: figure for scale, figure in figures.items() if figure is not None}
    if not known:
        return "It is too short to say how its requests are spread."
    clumped = [f"{scale} s" for scale, figure in known.items() if figure >= CLUMPED]
    if len(clumped) == len(known):
        return "Bursty at every scale: requests come in clumps, so a rate alone would mislead."
    if clumped:
        smooth = next(f"{scale} s" for scale, figure in known.items() if figure < CLUMPED)
        return f"Bursty over {wording.listed(clumped)}, smooth over {smooth}: the load drifts rather than jumps."
    if all(figure <= EVEN for figure in known.values()):
        return "More even than independent senders would be: a rate describes it well."
    return "Smooth: much like independent senders at a steady rate."


@register.filter
def addresses_linked(text: str) -> SafeString:
    return format_html_join("", "{}", ((_link(part) if is_address else part,) for part, is_address in linked(text)))


def _link(address: str) -> SafeString:
    return format_html('<a href="{}" rel="noopener noreferrer">{}</a>', address, address)


@register.filter
def glued(sentence: str) -> str:
    return wording.unbroken(sentence)


@register.filter
def with_terms(text: str) -> SafeString:
    return mark_terms(conditional_escape(text))


class TermsNode(template.Node):
    def __init__(self, content: template.NodeList) -> None:
        self.content = content

    def render(self, context: template.Context) -> SafeString:
        return mark_terms(self.content.render(context))


@register.tag("terms")
def parse_terms(parser: Parser, _: Token) -> TermsNode:
    """Up to `endterms`: the first use of each term of the glossary in each section is marked."""
    content = parser.parse(("endterms",))
    parser.delete_first_token()
    return TermsNode(content)


@register.filter
def browser(user_agent: str) -> str:
    from ua_parser import parse  # its patterns take a tenth of a second, once

    parsed = parse(user_agent)
    program, system = parsed.user_agent, parsed.os
    name = " ".join(filter(None, (program.family, program.major))) if program else "An unknown browser"
    return f"{name} on {system.family}" if system else name


@register.filter
def coarse(seconds: float) -> str:
    """The remaining time, rounded as an estimate: a few seconds, about 20 s, about 3 min."""
    if seconds < 5:
        return "a few seconds"
    if seconds < 120:
        return f"about {duration(5 * round(seconds / 5))}"
    return f"about {duration(60 * round(seconds / 60))}"
