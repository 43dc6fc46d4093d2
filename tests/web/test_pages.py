"""The other pages: the list, the templates, exports, errors, and what all pages have in common."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.core.paginator import Paginator
from django.db import DataError, OperationalError
from django.test import Client
from django.urls import reverse
from plotly.offline import get_plotlyjs_version
from pytest_django import Settings

from advisor.configuration import Configuration
from advisor.decisions import stored
from advisor.decisions.errors import TooManyTasks
from advisor.decisions.models import Decision, Revision, Run, State, Status
from advisor.decisions.services.decisions import change_status, create_decision
from advisor.decisions.services.revisions import freeze_revision, save_answers
from advisor.teams.models import User, Workspace
from advisor.web.views import answers, decisions
from tests.conftest import local_client
from tests.fakes.engines import a_result
from tests.sites import ROOT
from tests.web.conftest import MakeRun


def test_the_list_is_empty_at_first_and_offers_the_first_step(client: Client, workspace: Workspace) -> None:
    page = client.get(reverse("home")).content.decode()
    assert "No decisions yet" in page
    assert reverse("new-decision") in page


def test_a_value_that_the_database_refuses_is_the_askers_mistake(
    client: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")

    monkeypatch.setattr(Paginator, "get_page", refuse)
    answer = client.get("/")
    assert answer.status_code == 422
    assert "cannot be stored" in answer.content.decode()
    assert "Nothing was saved" in answer.content.decode()
    assert len([record for record in caplog.records if "The database refused a value at /" in record.message]) == 1


def test_the_list_says_of_which_revision_the_last_simulation_is(
    client: Client, decision: Decision, make_run: MakeRun, user: User
) -> None:
    make_run(State.SUCCEEDED)
    assert "At revision" not in client.get("/").content.decode()
    freeze_revision(decision.latest())
    save_answers(decision, {"template": "form_classification", "name": "Forms"}, user, decision.draft_version)
    page = " ".join(client.get("/").content.decode().replace("\xa0", " ").split())
    assert page.count("At revision 1: There is no deadline.") == page.count("Simulated on 10 requests") == 1


def test_the_list_says_verdict_and_last_run(client: Client, decision: Decision, run: Run) -> None:
    page = client.get(reverse("home")).content.decode()
    assert "Event-driven, clearly. Deliver by polling." in page
    assert "Simulated" in page


@pytest.mark.parametrize("page", ["0", "-1", "x", "9" * 30, "٣", "\x00", "1e3", ""])
def test_a_bad_page_number_is_clamped(page: str, client: Client, decision: Decision) -> None:
    assert client.get(reverse("home"), {"page": page}).status_code == 200


def test_a_stranger_sees_what_it_is_for(client: Client, hosted: Configuration, db: None) -> None:
    page = client.get(reverse("home")).content.decode()
    assert "Synchronous or event-driven?" in page
    assert reverse("login") in page


def test_every_template_is_offered_with_what_it_leads_to(client: Client, workspace: Workspace) -> None:
    page = client.get(reverse("new-decision")).content.decode()
    assert page.count('class="template-card"') == 10
    assert page.count("clearly.") >= 6


def test_status_and_deletion(client: Client, decision: Decision) -> None:
    assert client.post(reverse("decision-status", args=[decision.pk]), {"status": "accepted"}).status_code == 302
    assert client.post(reverse("delete-decision", args=[decision.pk])).status_code == 422
    assert client.post(reverse("decision-status", args=[decision.pk]), {"status": "x\x00"}).status_code == 422
    Revision.objects.update(status=Status.DRAFT)
    assert client.post(reverse("delete-decision", args=[decision.pk]))["Location"] == reverse("home")
    assert not Decision.objects.exists()


@pytest.mark.parametrize(("extension", "start"), [("md", b"---"), ("html", b"<!"), ("pdf", b"%PDF"), ("json", b"{")])
def test_a_report_is_a_file_with_a_name_of_our_own(
    extension: str, start: bytes, client: Client, decision: Decision
) -> None:
    Decision.objects.update(title="../../etc\r\nX: 1")
    answer = client.get(reverse("report", args=[decision.pk, extension]))
    assert answer.content.lstrip().lower().startswith(start.lower())
    assert re.fullmatch(rf'attachment; filename="[a-z0-9-]+\.{extension}"', answer["Content-Disposition"])
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_a_report_can_leave_its_appendices_out(client: Client, decision: Decision) -> None:
    page = client.get(reverse("decision", args=[decision.pk])).content.decode()
    (short,) = re.findall(r'href="([^"]*/report\.pdf\?appendix=no)"', page)
    url = short.replace(".pdf", ".html")
    assert "Appendix A: Answers" not in client.get(url).content.decode()
    assert "Appendix A: Answers" in client.get(url.partition("?")[0]).content.decode()


@pytest.mark.parametrize("revision", ["0", "2", "x", "9" * 40, "-1", "\x00"])
def test_a_revision_that_is_not_there_has_no_report(revision: str, client: Client, decision: Decision) -> None:
    assert client.get(reverse("report", args=[decision.pk, "md"]), {"revision": revision}).status_code == 404


def test_the_addresses_in_a_report_are_the_public_ones(
    client: Client, hosted: Configuration, settings: Settings, vera: User, decision: Decision
) -> None:
    settings.CONFIGURATION = hosted.model_copy(update={"public_url": "https://crossover.example/"})
    client.force_login(vera)
    report = client.get(reverse("report", args=[decision.pk, "json"])).json()
    assert report["address"] == f"https://crossover.example{reverse('revision', args=[decision.pk, 1])}"
    assert (
        report["workspace_address"] == f"https://crossover.example{reverse('workspace', args=[decision.workspace_id])}"
    )


def test_a_report_says_the_status_of_its_own_revision(client: Client, decision: Decision, alice: User) -> None:
    change_status(decision, alice, Status.ACCEPTED)
    save_answers(decision, {"processing": {"p95_s": 44}}, alice, decision.draft_version)
    change_status(decision, alice, Status.ACCEPTED)
    url = reverse("report", args=[decision.pk, "json"])
    statuses = [client.get(url, {"revision": number}).json()["status"] for number in (1, 2)]
    assert [(one["status"], one["revision"], one["set_by"]) for one in statuses] == [
        ("superseded", 1, "alice"),
        ("accepted", 2, "alice"),
    ]
    assert statuses[0]["words"] == "Revision 2 accepted"


def test_the_report_of_a_runs_page_is_of_that_run(client: Client, make_run: MakeRun, decision: Decision) -> None:
    older = make_run(State.SUCCEEDED, result_json=stored.dump(a_result(seed=11)))
    make_run(State.SUCCEEDED, result_json=stored.dump(a_result(seed=22)))
    page = client.get(reverse("run", args=[older.pk])).content.decode()
    url = unescape(re.findall(r'href="([^"]*/report\.json[^"]*)"', page)[0])
    assert client.get(url).json()["result"]["seed"] == 11
    assert client.get(reverse("report", args=[decision.pk, "json"])).json()["result"]["seed"] == 22


@pytest.mark.parametrize("state", [State.CANCELLED, State.RUNNING])
def test_a_run_without_a_result_has_no_report(state: State, client: Client, make_run: MakeRun) -> None:
    run = make_run(state)
    url = reverse("report", args=[run.revision.decision_id, "json"])
    for given in (str(run.pk), "x", "\x00"):
        assert client.get(url, {"run": given}).status_code == 404


@pytest.mark.parametrize(
    "path", ["/decisions/x", "/runs/" + "a" * 8000, "/decisions/" + "0" * 36, "/nothing", "/runs/%00"]
)
def test_what_is_not_there_is_404(path: str, client: Client, user: User) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()


def fails(error: Exception) -> Any:
    def view(*args: Any, **kwargs: Any) -> Any:
        raise error

    return view


def test_a_database_that_does_not_answer_is_503(monkeypatch: pytest.MonkeyPatch, decision: Decision) -> None:
    client = local_client(raise_request_exception=False)
    monkeypatch.setattr(decisions, "find_decision", fails(OperationalError("database is locked")))
    answer = client.get(reverse("decision", args=[decision.pk]))
    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"
    assert "locked" not in answer.content.decode()


def test_anything_else_is_500_without_its_details(monkeypatch: pytest.MonkeyPatch, decision: Decision) -> None:
    client = local_client(raise_request_exception=False)
    monkeypatch.setattr(decisions, "find_decision", fails(RuntimeError("secret")))
    answer = client.get(reverse("decision", args=[decision.pk]))
    assert answer.status_code == 500
    assert "secret" not in answer.content.decode()


def test_too_many_runs_is_429(monkeypatch: pytest.MonkeyPatch, client: Client, decision: Decision) -> None:
    monkeypatch.setattr(answers.jobs, "start_run", fails(TooManyTasks(1000, "simulations are queued")))
    answer = client.post(reverse("simulate", args=[decision.pk]), {"version": "1", "idempotency_key": "k"})
    assert answer.status_code == 429
    assert answer["Retry-After"]


def test_a_form_over_the_limit_is_413(client: Client, decision: Decision) -> None:
    answer = client.post(reverse("save-answers", args=[decision.pk]), {"version": "1", "name": "x" * 3_000_000})
    assert answer.status_code == 413


def test_a_form_with_a_thousand_fields_is_400(client: Client, decision: Decision) -> None:
    data = {f"field-{number}": "" for number in range(2_000)}
    assert client.post(reverse("save-answers", args=[decision.pk]), data).status_code == 400


TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_no_page_has_inline_style_or_script(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|\|safe|<script(?![^>]*\ssrc=)", text)


def test_the_drawing_library_is_the_one_that_figures_are_written_for() -> None:
    path = finders.find("vendor/plotly/plotly-cartesian.min.js")
    assert path
    head = Path(str(path)).read_text()[:200]
    assert f"v{get_plotlyjs_version()}" in head
    table = (ROOT / "static" / "vendor" / "VENDORED.md").read_text()
    assert f"| {get_plotlyjs_version()} |" in table


def test_every_vendored_folder_has_its_licence() -> None:
    folders = [path for path in (ROOT / "static" / "vendor").iterdir() if path.is_dir()]
    assert folders
    assert all((folder / "LICENSE").exists() for folder in folders)


def test_nothing_is_loaded_from_elsewhere(client: Client, decision: Decision) -> None:
    page = client.get(reverse("decision", args=[decision.pk])).content.decode()
    sources = re.findall(r'(?:src|href|hx-[a-z]+)="([^"]*)"', page)
    assert sources
    assert not [source for source in sources if re.match(r"(https?:)?//", source)]


def test_the_policy_allows_nothing_inline(client: Client, workspace: Workspace) -> None:
    policy = client.get(reverse("home"))["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


def test_a_long_list_comes_in_pages(client: Client, user: User, workspace: Workspace) -> None:
    for number in range(decisions.DECISIONS_PER_PAGE + 1):
        create_decision(workspace, user, {"template": "chat_assistant", "name": f"Number {number}"})
    first, second = (client.get(reverse("home"), {"page": page}).content.decode() for page in ("1", "99"))
    assert 'href="?page=2"' in first
    assert "Number 0<" in second


def test_the_list_looks_again_while_a_simulation_is_under_way(client: Client, make_run: MakeRun) -> None:
    run = make_run(State.RUNNING)
    assert 'hx-trigger="every 2s"' in client.get(reverse("home")).content.decode()
    run.delete()
    make_run(State.SUCCEEDED)
    assert "hx-trigger" not in client.get(reverse("home")).content.decode()


def test_pages_are_compressed_for_who_accepts_it(client: Client, decision: Decision) -> None:
    address = reverse("decision", args=[decision.pk])
    answer = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert answer["Content-Encoding"] == "gzip" and len(answer.content) < 50_000
    assert "Content-Encoding" not in client.get(address)


def test_the_header_leads_administrators_to_their_pages_and_no_one_else(client: Client, vera: User) -> None:
    assert reverse("django_rq:home") in client.get(reverse("home")).content.decode()
    client.force_login(vera)
    assert reverse("django_rq:home") not in client.get(reverse("home")).content.decode()
