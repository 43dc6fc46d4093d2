"""A small OpenID Connect provider on this machine: discovery, keys, and the token endpoint with PKCE."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET = "crossover", "a-secret-of-the-client"


@dataclass
class OpenIdProvider:
    issuer: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1", "use": "sig", "alg": "RS256"}))
    published: RSAKey | None = None
    """Another key than the one that signs, if set."""
    described_issuer: str = ""
    """In its metadata, instead of its own."""
    redirected: str = ""
    """The path that it answers with a redirect to one that works."""
    signs: Callable[[dict[str, Any]], str] | None = None
    """In place of its key and algorithm."""
    waiting: dict[str, tuple[dict[str, Any], str]] = field(default_factory=dict)
    """By code: the claims of its id token, and the PKCE challenge."""
    refused: list[str] = field(default_factory=list)

    def authorize(self, address: str, claims: dict[str, Any]) -> dict[str, str]:
        """What the browser brings back after the person with these claims has signed in at the address."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["client_id"] == CLIENT_ID and asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256" and "openid" in asked["scope"].split()
        now = int(time.time())
        defaults = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 60, "nonce": asked["nonce"]}
        code = f"code-{len(self.waiting)}"
        self.waiting[code] = (defaults | claims, asked["code_challenge"])
        return {"code": code, "state": asked["state"]}

    def token(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        claims, challenge = self.waiting.pop(form.get("code", ""), ({}, ""))
        given = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        expected = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if authorization != expected or base64.urlsafe_b64encode(given).rstrip(b"=").decode() != challenge:
            self.refused.append(form.get("code", ""))
            return None
        signed = self.signs(claims) if self.signs else jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.key)
        return {"access_token": "unused", "token_type": "Bearer", "expires_in": 60, "id_token": signed}

    def document(self, path: str) -> dict[str, Any]:
        if path.endswith("/keys"):
            return {"keys": [(self.published or self.key).as_dict(private=False)]}
        return {
            "issuer": self.described_issuer or self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "id_token_signing_alg_values_supported": ["RS256"],
        }


@contextmanager
def running_provider() -> Iterator[OpenIdProvider]:
    provider = OpenIdProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == provider.redirected:
                self.send_response(302)
                self.send_header("Location", f"/moved{self.path}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self._answer(200, provider.document(self.path))

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(text).items()}
            token = provider.token(form, self.headers.get("Authorization", ""))
            self._answer(200 if token else 400, token or {"error": "invalid_grant"})

        def _answer(self, status: int, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
