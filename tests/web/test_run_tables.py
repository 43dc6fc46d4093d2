"""*Export* on a run's page: its tables in a zip."""

import io
import zipfile
from collections.abc import Callable

import polars as pl
import pytest
from django.test import Client
from django.urls import reverse

from advisor.decisions.models import Run, State
from simulator.result_tables import tabulate
from tests.web.conftest import MakeRun

READERS: dict[str, Callable[..., pl.DataFrame]] = {"csv": pl.read_csv, "parquet": pl.read_parquet}


@pytest.mark.parametrize("ending", READERS)
def test_the_menu_of_a_run_has_its_tables(client: Client, run: Run, ending: str) -> None:
    address = reverse("run-tables", args=[run.pk, ending])
    assert address in client.get(reverse("run", args=[run.pk])).content.decode()
    answer = client.get(address)
    assert answer["Content-Type"] == "application/zip" and f"-{ending}.zip" in answer["Content-Disposition"]
    assert run.result is not None
    tables = tabulate(run.result)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        assert file.namelist() == [f"{name}.{ending}" for name in tables]
        for name, table in tables.items():
            assert len(READERS[ending](io.BytesIO(file.read(f"{name}.{ending}")))) == len(table)


def test_a_run_without_a_result_and_other_endings_have_none(client: Client, make_run: MakeRun, run: Run) -> None:
    waiting = make_run(State.QUEUED)
    assert client.get(reverse("run-tables", args=[waiting.pk, "csv"])).status_code == 404
    assert client.get(reverse("run-tables", args=[run.pk, "xlsx"])).status_code == 404
