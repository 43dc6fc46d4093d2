"""An SMTP server on the loopback address, which keeps what it is sent."""

import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from queue import Queue
from typing import Any


class LoopbackMailServer(socketserver.ThreadingTCPServer):
    """It takes emails, refuses recipients at `refused.example`, and if it is `hung`, answers nothing.

    With a `certificate` and its key it takes emails over TLS only: from the first byte, or after STARTTLS.
    """

    daemon_threads = True

    def __init__(
        self, *, hung: bool = False, certificate: tuple[Path, Path] | None = None, starttls: bool = False
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if certificate else None
        if self.tls and certificate:
            self.tls.load_cert_chain(*certificate)
        self.starttls = starttls
        self.received: Queue[EmailMessage] = Queue()
        self.ended = threading.Event()
        self.hung = hung

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Conversation(socketserver.StreamRequestHandler):
    server: LoopbackMailServer
    is_encrypted = False

    def handle(self) -> None:
        if self.server.hung:
            self.server.ended.wait()
            return
        try:
            self.converse()
        except ssl.SSLError:
            return  # the client does not trust the certificate

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def converse(self) -> None:
        if self.server.tls and not self.server.starttls:
            self.encrypt(self.server.tls)
        self.answer("220 loopback")
        while line := self.rfile.readline():
            command = line.strip().upper()
            if self.server.tls and not self.is_encrypted:
                self.begin_tls(command, self.server.tls)
                continue
            if command.startswith(b"DATA"):
                self.answer("354 go on")
                self.server.received.put(self.message())
            if command.startswith(b"RCPT") and b"REFUSED.EXAMPLE" in command:
                self.answer("550 no such mailbox")
            elif command.startswith(b"QUIT"):
                self.answer("221 bye")
                return
            else:
                self.answer("250 OK")

    def begin_tls(self, command: bytes, tls: ssl.SSLContext) -> None:
        if command.startswith(b"EHLO"):
            self.answer("250-loopback\r\n250 STARTTLS")
        elif command == b"STARTTLS":
            self.answer("220 go on")
            self.encrypt(tls)
        else:
            self.answer("530 Must issue a STARTTLS command first")

    def encrypt(self, tls: ssl.SSLContext) -> None:
        self.request = tls.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", buffering=0)
        self.is_encrypted = True

    def message(self) -> EmailMessage:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line)
        parsed = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    def answer(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def running_mail_server(**options: Any) -> Iterator[LoopbackMailServer]:
    with LoopbackMailServer(**options) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()
