"""What is said if no design is feasible: what is missed, and the nearest single change that helps."""

from advisor.advice.answers import answers_from
from advisor.advice.contract import Evidence, StyleEvidence
from advisor.advice.evidence_sentences import evidence_shortfall
from advisor.advice.recommendation import advise
from advisor.advice.variations import changed


def test_without_retries_a_retry_is_the_remedy_and_is_enough() -> None:
    """2 % of the calls fail, and 0.1 % of the requests always."""
    answers = answers_from({"failures": {"transient_percent": 2, "max_retries": 0}})
    advice = advise(answers)
    assert not advice.feasible
    assert "2.1" in advice.shortfall
    assert "failed for good); 1 % may be." in advice.shortfall
    assert advice.remedy is not None
    assert advice.remedy.field == "failures.max_retries"
    assert "would be missed" in advice.remedy.text
    assert advise(changed(answers, advice.remedy.field, advice.remedy.to), flips=False).feasible


def test_the_headline_adds_up_what_is_missed_against_what_may_be() -> None:
    late = StyleEvidence(
        conclusion="misses",
        good_share=0.97,
        low=0.96,
        high=0.98,
        late_share=0.02,
        failed_share=0.01,
        timed_out_share=0.0,
    )
    lost = StyleEvidence(conclusion="misses", good_share=0.5, low=0.4, high=0.6, refused_share=0.5)
    evidence = Evidence(
        jobs=1000,
        replications=3,
        deadline_s=60.0,
        wanted_share=0.99,
        styles={"synchronous": lost, "event_driven": late},
    )
    assert evidence_shortfall(evidence).endswith(
        "Of the event-driven 3 % are missed (2 % late and 1 % failed for good); 1 % may be."
    )
