"""An SMTP server on the loopback address, which keeps what it is sent."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from queue import Queue


class LoopbackMailServer(socketserver.ThreadingTCPServer):
    """It takes emails, refuses recipients at `refused.example`, and if it is `hung`, answers nothing."""

    daemon_threads = True

    def __init__(self, *, hung: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.received: Queue[EmailMessage] = Queue()
        self.ended = threading.Event()
        self.hung = hung

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Conversation(socketserver.StreamRequestHandler):
    server: LoopbackMailServer

    def handle(self) -> None:
        if self.server.hung:
            self.server.ended.wait()
            return
        self.answer("220 loopback")
        while line := self.rfile.readline():
            command = line.strip().upper()
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
def running_mail_server(*, hung: bool = False) -> Iterator[LoopbackMailServer]:
    with LoopbackMailServer(hung=hung) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()
