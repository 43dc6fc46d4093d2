"""A browser, and a site for it to visit: a real `up`, never this process's own database."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from playwright.sync_api import StorageState, StorageStateCookie, expect

from simulator.live.run import machine_capacity
from tests.e2e import browser
from tests.fakes.machines import calm_machine
from tests.sites import Site

HERE = Path(__file__).parent
expect.set_options(timeout=30_000)
"""As long as Playwright waits for an element by default: its 5 s for what is expected are too few on a busy machine."""
QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything else first, after all other orderings: what is quick should fail first, and the browser keeps this thread's event loop for good."""
    items.sort(key=lambda item: item.path.is_relative_to(HERE))


@pytest.fixture(scope="session", autouse=True)
def _playwright_with_django() -> None:
    """Playwright keeps an event loop in this thread, which Django's guard takes for asynchronous code, up to the very last teardown."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"


@pytest.fixture(scope="session")
def browser_path() -> Path:
    """`manage.py test` allows its installation."""
    find = browser.find_or_install if "CROSSOVER_INSTALLS_BROWSER" in os.environ else browser.find
    path = os.environ.get("CROSSOVER_BROWSER") or find()
    if not path:
        pytest.skip(browser.HOW)
    return Path(path)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], browser_path: Path) -> dict[str, Any]:
    """Chromium refuses to run as root inside its own sandbox."""
    unsandboxed = ("--no-sandbox",) if os.geteuid() == 0 else ()
    return browser_type_launch_args | {"executable_path": str(browser_path), "args": [*QUIET, *unsandboxed]}


@pytest.fixture(scope="session")
def running(prepared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One `up` for all tests in a browser, on a machine that is known already: it need not be measured, however busy it is."""
    data = Path(shutil.copytree(prepared_data, tmp_path_factory.mktemp("site") / "data"))
    with TemporaryDirectory(prefix="ce-", dir="/tmp") as temporary:  # a short path: sockets lie in it
        with pytest.MonkeyPatch.context() as here:
            here.setattr("tempfile.tempdir", temporary)
            machine_capacity.keep(calm_machine())
        site = Site.start(data, TMPDIR=temporary)
        yield site
        site.end()


@pytest.fixture(scope="session")
def site(running: Site) -> str:
    """Its address."""
    return running.url


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any], running: Site) -> dict[str, Any]:
    """Each browser of a test has opened the printed address before."""
    return browser_context_args | {"storage_state": signed_in(running)}


def signed_in(site: Site) -> StorageState:
    """What a browser keeps that has opened the site's printed address."""
    cookie = site.let_in()
    kept: StorageStateCookie = {
        "name": cookie.name,
        "value": cookie.value or "",
        "domain": "127.0.0.1",
        "path": "/",
        "expires": float(cookie.expires or -1),
        "httpOnly": True,
        "secure": False,
        "sameSite": "Lax",
    }
    return {"cookies": [kept], "origins": []}
