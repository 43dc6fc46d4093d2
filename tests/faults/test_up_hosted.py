"""Hosted mode behind a real reverse proxy that ends TLS: nginx, with a certificate made for the test."""

import http.client
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.proxies import TRUSTED, TlsProxy, Visitor
from tests.sites import END_S, START_S, Site, eventually, token_of

ADDRESSES = re.compile(r"^Crossover is at (https://\S+), .* (http://127\.0\.0\.1:\d+)$")
LINK = re.compile(r"^This link makes the first administrator, once: (https://\S+)$")


class HostedSite:
    """`up` in hosted mode on a data folder, and nginx before it."""

    def __init__(self, data: Path, folder: Path) -> None:
        self.proxy = TlsProxy(folder)
        self.certificate, self.url = self.proxy.certificate, self.proxy.url
        hosted = {"CROSSOVER_MODE": "hosted", "CROSSOVER_PUBLIC_URL": self.url, "CROSSOVER_TRUSTED_PROXIES": TRUSTED}
        self.up = Site(data, "--port", "0", "--workers", "1", **hosted)
        try:
            printed = self.up.until_printed(ADDRESSES, START_S)
            assert printed[1] == self.url
            self.upstream = printed[2]
            self.proxy.start([self.upstream.removeprefix("http://")])
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Both, by their process ids."""
        self.proxy.end()
        self.up.end()


@pytest.fixture
def hosted_site(data: Path, tmp_path: Path) -> Iterator[HostedSite]:
    folder = tmp_path / "nginx"
    folder.mkdir()
    site = HostedSite(data, folder)
    yield site
    site.end()


def test_hosted_mode_behind_a_reverse_proxy(hosted_site: HostedSite) -> None:
    link = hosted_site.up.until_printed(LINK, START_S)[1]
    ada, stranger, direct = Visitor(hosted_site.certificate), Visitor(hosted_site.certificate), Visitor()

    # Every page needs a sign-in; probes ask by address.
    assert stranger.open(f"{hosted_site.url}/decisions/new")[1].startswith(f"{hosted_site.url}/accounts/login/")
    assert direct.open(f"{hosted_site.upstream}/health/live")[0] == 200
    eventually(lambda: direct.open(f"{hosted_site.upstream}/health/ready")[0] == 200, START_S)

    # Who is not a trusted proxy is not believed.
    connection = http.client.HTTPConnection(hosted_site.upstream.removeprefix("http://"), timeout=START_S)
    spoofed = {"Host": hosted_site.url.removeprefix("https://"), "X-Forwarded-Proto": "https"}
    connection.request("HEAD", "/handbook", headers=spoofed)
    assert connection.getresponse().status == 301
    connection.close()

    # The first administrator, from the printed link, who finds what was made in local mode.
    status, _, page = ada.open(link, username="ada", password="too", again="other", name="Platform")
    assert status == 422
    assert "The two passwords differ" in page or "too short" in page
    password = "correct-horse-battery-9"
    status, address, page = ada.open(link, username="ada", password=password, again=password, name="Platform")
    assert (status, address) == (200, f"{hosted_site.url}/")
    assert ada.open(f"{hosted_site.url}/admin/")[0] == 200
    assert "My decisions" in ada.open(f"{hosted_site.url}/workspaces")[2]
    assert stranger.open(link)[0] == 404

    # And signs in with the password from then on.
    again = Visitor(hosted_site.certificate)
    signed_in = again.open(f"{hosted_site.url}/accounts/login/", username="ada", password=password)
    assert signed_in[:2] == (200, f"{hosted_site.url}/")


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"CROSSOVER_MODE": "hosted"}, "CROSSOVER_PUBLIC_URL: hosted mode needs the address"),
        ({"CROSSOVER_PUBLIC_URL": "https://x.example"}, "CROSSOVER_PUBLIC_URL: is for hosted mode"),
        ({"CROSSOVER_MODE": "hosted", "CROSSOVER_PUBLIC_URL": "http://x.example"}, "like https://crossover.example"),
        ({"CROSSOVER_MODE": "hosted", "CROSSOVER_TRUSTED_PROXIES": "nginx"}, "addresses or networks"),
    ],
)
def test_a_start_that_would_serve_the_wrong_people_is_refused(
    environment: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    refused = Site(tmp_path / "data", "--port", "0", **environment)
    assert refused.until_printed(re.compile(sentence), 30)
    assert refused.process.wait(END_S) == 1


def test_local_mode_listens_on_this_machine_alone(tmp_path: Path) -> None:
    refused = Site(tmp_path / "data", "--port", "0", "--host", "0.0.0.0")  # noqa: S104
    assert refused.until_printed(re.compile("local mode serves this machine alone"), START_S)
    assert refused.process.wait(END_S) == 1


@pytest.fixture(scope="module")
def restarted(prepared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The second site on a data folder, which everybody could read in between."""
    data = Path(shutil.copytree(prepared_data, tmp_path_factory.mktemp("restarted") / "data"))
    for path in [data, *data.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    site = Site.start(data, "--workers", "1")
    yield site
    site.end()


def test_the_printed_address_survives_a_restart(restarted: Site, prepared_data: Path) -> None:
    assert restarted.token == token_of(prepared_data)
    assert restarted.let_in().value
    assert restarted.until_printed(re.compile(r"^For another browser: .*\?token="), START_S)


def test_everything_in_the_data_folder_is_for_its_owner_alone(restarted: Site) -> None:
    site = restarted
    site.until_ready()
    site.let_in()
    paths = [site.data, *site.data.rglob("*")]
    assert [path for path in paths if path.lstat().st_mode & 0o077 and not path.is_symlink()] == []
