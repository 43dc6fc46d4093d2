"""A real reverse proxy that ends TLS, nginx with a certificate made for the test, and clients that go through it."""

import re
import shutil
import socket
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from tests.selection import IN_CI
from tests.sites import END_S, START_S, eventually

TRUSTED = "127.0.0.2"
"""The address that nginx calls from. Requests of the test itself come from 127.0.0.1, which is not trusted."""
NGINX = """
daemon off; error_log stderr; pid {folder}/nginx.pid;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream web {{ {servers} }}
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/certificate.pem; ssl_certificate_key {folder}/key.pem;
    location / {{
      proxy_pass http://web; proxy_bind {trusted};
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
  }}
}}
"""
TOKEN_NAME = "csrfmiddlewaretoken"
TOKEN_FIELD = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Of localhost, signed by itself, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


class Visitor:
    """A client with cookies, redirects followed, that trusts the test's certificate."""

    def __init__(self, certificate: Path | None = None, cookies: CookieJar | None = None) -> None:
        context = ssl.create_default_context(cafile=str(certificate) if certificate else None)
        self.cookies = CookieJar() if cookies is None else cookies
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=context),
            urllib.request.HTTPCookieProcessor(self.cookies),
        )

    def open(self, address: str, form_at: str | None = None, **posted: str) -> tuple[int, str, str]:
        """Status, the address that redirects led to, and the page. Fields are posted with the token of the page with the form, unless it is given."""
        data = None
        if posted:
            token = posted.pop(TOKEN_NAME, None) or self.token_at(form_at or address)
            data = urllib.parse.urlencode(posted | {TOKEN_NAME: token}).encode()
        request = urllib.request.Request(address, data, headers={"Referer": address})  # noqa: S310
        try:
            with self.opener.open(request, timeout=START_S) as answer:
                return answer.status, answer.url, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.url or "", refused.read().decode()

    def token_at(self, form_at: str) -> str:
        page = self.open(form_at)[2]
        match = TOKEN_FIELD.search(page)
        assert match, page
        return match[1]


class TlsProxy:
    """nginx, before one web server or several. `url` is what people open. It ends by its process id."""

    def __init__(self, folder: Path) -> None:
        for program in ("nginx", "openssl"):
            if not shutil.which(program):
                (pytest.fail if IN_CI else pytest.skip)(
                    f"{program} is not installed: apt-get install nginx-light openssl"
                )
        self.folder = folder
        self.certificate = folder / "certificate.pem"
        self.port = free_port()
        self.url = f"https://localhost:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, upstreams: Sequence[str]) -> None:
        """`upstreams`: HOST:PORT of each web server."""
        make_certificate(self.folder)
        # Without max_fails=0, nginx leaves a web server out for seconds after it has come back: if the other is restarted then, none is left.
        servers = " ".join(f"server {upstream} max_fails=0;" for upstream in upstreams)
        settings = self.folder / "nginx.conf"
        settings.write_text(NGINX.format(folder=self.folder, port=self.port, servers=servers, trusted=TRUSTED))
        self.folder.chmod(0o755)  # its workers run as another user
        with (self.folder / "nginx.log").open("wb") as log:
            self.process = subprocess.Popen(["nginx", "-e", "stderr", "-c", settings], stderr=log)
        eventually(lambda: listens(self.port), START_S, lambda: "nginx does not listen")

    def end(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(END_S)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
