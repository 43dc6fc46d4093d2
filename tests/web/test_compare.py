"""Runs side by side: picked, compared, and the address that holds the choice."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from advisor.decisions import stored
from advisor.decisions.models import Decision, Run, State
from advisor.teams.models import User, Workspace
from tests.fakes.engines import a_result
from tests.rows import SCENARIO
from tests.web.test_live_runs import a_report

MakeRun = Callable[..., Run]


def address(*runs: Run, name: str = "compare") -> str:
    return reverse(name) + "?" + "&".join(f"run={run.pk}" for run in runs)


def test_two_runs_are_compared_side_by_side_with_what_differs(client: Client, make_run: MakeRun) -> None:
    other = SCENARIO.model_copy(update={"jobs": 4_321})
    first, second = (
        make_run(State.SUCCEEDED, scenario_json=stored.dump(SCENARIO)),
        make_run(State.SUCCEEDED, scenario_json=stored.dump(other)),
    )
    page = client.get(address(first, second)).content.decode()
    row = page.split(">Jobs</th>")[1][:250]
    assert ">100</td>" in row and 'class="differs">4,321</td>' in row
    assert "B − A" in page
    assert page.index(str(first.pk)) < page.index(str(second.pk))


def test_the_same_scenario_differs_in_nothing(client: Client, make_run: MakeRun) -> None:
    page = client.get(address(make_run(State.SUCCEEDED), make_run(State.SUCCEEDED))).content.decode()
    assert "Nothing: every setting is the same" in page


def test_fewer_than_two_are_picked_from_those_that_succeeded(client: Client, make_run: MakeRun) -> None:
    run, other, failed = make_run(State.SUCCEEDED), make_run(State.SUCCEEDED), make_run(State.FAILED)
    page = client.get(address(run)).content.decode()
    ticked = page.split(f'value="{run.pk}"')[1].split(">")[0]
    assert "checked" in ticked
    assert "checked" not in page.split(f'value="{other.pk}"')[1].split(">")[0]
    assert str(failed.pk) not in page


def test_one_without_a_result_is_named_and_left_out(client: Client, make_run: MakeRun) -> None:
    runs = make_run(State.SUCCEEDED), make_run(State.SUCCEEDED), make_run(State.RUNNING)
    page = client.get(address(*runs)).content.decode()
    assert "is left out, for it has no result: running" in " ".join(page.split())


def test_the_same_run_twice_is_one(client: Client, make_run: MakeRun) -> None:
    run = make_run(State.SUCCEEDED)
    assert "Pick 2 to 6" in client.get(address(run, run)).content.decode()


def test_more_than_six_are_refused_with_the_choice_kept(client: Client, make_run: MakeRun) -> None:
    runs = [make_run(State.SUCCEEDED) for _ in range(7)]
    answer = client.get(address(*runs))
    assert answer.status_code == 422 and answer.content.decode().count("checked") == 7
    assert client.get(address(*runs, name="compare-charts")).status_code == 404


@pytest.mark.parametrize("given", ["5a2b7c1e-0d43-4f6a-9b8e-1c2d3e4f5a6b"])
def test_a_run_that_does_not_exist_is_404(client: Client, user: User, given: str) -> None:
    assert client.get(reverse("compare"), {"run": given}).status_code == 404


def test_a_run_of_another_workspace_is_404(client: Client, make_run: MakeRun, hosted: object, bob: User) -> None:
    run = make_run(State.SUCCEEDED)
    elsewhere = Workspace.objects.create(name="Elsewhere")
    foreign = make_run(State.SUCCEEDED, workspace=elsewhere)
    client.force_login(bob)
    assert client.get(address(run, foreign)).status_code == 404
    assert client.get(address(run, foreign, name="compare-charts")).status_code == 404


def test_the_charts_hold_a_line_a_run(client: Client, make_run: MakeRun) -> None:
    runs = make_run(State.SUCCEEDED), make_run(State.SUCCEEDED)
    figures = client.get(address(*runs, name="compare-charts")).json()
    assert [bar["name"] for bar in figures["good"]["data"]] == ["Synchronous", "Event-driven"]
    assert figures["good"]["data"][0]["y"] == ["A", "B"]
    assert client.get(address(*runs, name="compare-charts") + "&theme=dark").json() != figures


def test_nothing_to_compare_offers_the_first_step(client: Client, user: User) -> None:
    assert "Nothing to compare yet" in client.get(reverse("compare")).content.decode()


def test_a_decision_that_compares_its_own_runs_keeps_their_revisions_apart(
    client: Client, run: Run, make_run: MakeRun, decision: Decision
) -> None:
    page = client.get(address(run, make_run(State.SUCCEEDED))).content.decode()
    assert page.count(f"{decision.title}, revision 1") == 2


def test_a_live_run_is_compared_by_the_window_that_it_ran(client: Client, make_run: MakeRun) -> None:
    kernel = make_run(State.SUCCEEDED)
    window = SCENARIO.model_copy(update={"jobs": 77})
    report = a_report(kernel).model_copy(update={"scenario": window})
    result = a_result().model_copy(update={"engine": "live", "live": report})
    live = make_run(State.SUCCEEDED, engine="live", result_json=stored.dump(result))
    page = client.get(address(kernel, live)).content.decode()
    assert 'class="differs">3 minutes around the peak</td>' in page
    assert 'class="differs">10x</td>' in page and 'class="differs">live</td>' in page
    assert ">77</td>" in page.split(">Jobs</th>")[1][:250]
    assert client.get(address(kernel, live, name="compare-charts")).status_code == 200
