"""Limits that a setting changes: what raising them does, tried."""

import math

from advisor.advice.answers import answers_from
from advisor.advice.evaluation import Evaluation
from advisor.advice.evidence import evidence_of
from advisor.advice.raised_limits import with_limits
from advisor.advice.recommendation import advise
from advisor.advice.templates import TEMPLATES

LOOPS = TEMPLATES["agent_loops"].answers


def test_the_synchronous_design_meets_the_deadline_with_the_limits_that_it_is_said_to_need() -> None:
    raised = advise(LOOPS, flips=False).raised_limits
    assert raised is not None
    assert raised.to_s is not None
    evidence = evidence_of(Evaluation.from_answers(with_limits(LOOPS, raised.to_s)))
    assert evidence is not None
    assert evidence.styles["synchronous"].conclusion == "meets"


def test_a_limit_that_no_setting_changes_stays_and_so_do_longer_ones() -> None:
    answers = answers_from(
        {
            "synchronous": {
                "hops": [
                    "aws_api_gateway_rest",
                    "nginx",
                    {"name": "own", "limit_s": 90, "kind": "total", "adjustable": True},
                ],
                "client_timeout_s": 30,
            }
        }
    )
    raised = with_limits(answers, 70.0).synchronous
    assert [hop if isinstance(hop, str) else (hop.name, hop.limit_s) for hop in raised.hops] == [
        "aws_api_gateway_rest",
        ("nginx", 70.0),
        ("own", 90.0),
    ]
    assert raised.client_timeout_s == 70
    lifted = with_limits(answers, math.inf).synchronous
    assert (list(lifted.hops), lifted.client_timeout_s) == (["aws_api_gateway_rest"], None)


def test_raising_helps_nothing_where_a_fixed_limit_or_too_few_workers_are_the_reason() -> None:
    for name in ("speech_transcription", "document_extraction"):
        raised = advise(TEMPLATES[name].answers, flips=False).raised_limits
        assert raised is not None
        assert raised.to_s is None, raised


def test_a_synchronous_design_that_meets_the_deadline_needs_no_raised_limit() -> None:
    assert advise(TEMPLATES["form_classification"].answers, flips=False).raised_limits is None
