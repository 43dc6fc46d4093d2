"""The expiry of queued jobs on the page of the advice."""

from django.template.loader import render_to_string
from django.utils.html import escape

from advisor.advice.answers import answers_from
from advisor.advice.recommendation import advise
from advisor.reports.wording import expiry_sentence


def test_the_page_says_when_jobs_expire_and_why() -> None:
    advice = advise(answers_from({"template": "image_moderation"}), flips=False)
    page = render_to_string("decisions/_advice.html#retries", {"recommendation": advice})
    first_words = expiry_sentence(advice).split(" that ")[0]
    assert escape(first_words) in page.split('data-mark="expiry">')[1]
    assert advice.plan is not None
    without = advice.model_copy(update={"plan": advice.plan.model_copy(update={"expiry": None})})
    assert "expire" not in render_to_string("decisions/_advice.html#retries", {"recommendation": without})
