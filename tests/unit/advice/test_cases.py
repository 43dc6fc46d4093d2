"""What an expert would advise, case by case: the few answers that differ from a template, and what comes out."""

import pytest

from advisor.advice.answers import answers_from
from advisor.advice.recommendation import advise

TEMPLATES = [
    ("document_extraction", "event_driven", "clear", "polling"),
    ("form_classification", "synchronous", "clear", "inline"),
    ("email_triage", "event_driven", "clear", "none"),
    ("chat_assistant", "synchronous", "clear", "inline"),
    ("retrieval_ingestion", "event_driven", "clear", "none"),
    ("image_moderation", "event_driven", "clear", "sse"),
    ("speech_transcription", "event_driven", "clear", "webhook"),
    ("batch_enrichment", "event_driven", "clear", "none"),
]


@pytest.mark.parametrize(("template", "style", "strength", "method"), TEMPLATES)
def test_each_template_gets_the_advice_of_an_expert(template: str, style: str, strength: str, method: str) -> None:
    advice = advise(answers_from({"template": template}), flips=False)
    assert (advice.style, advice.strength, advice.delivery.method) == (style, strength, method)
