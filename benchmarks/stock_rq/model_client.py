"""A blocking call to the model, as rq's job and gunicorn's application make it."""

from http.client import HTTPConnection


def call_model(port: int, job: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", f"/{job}")
        return connection.getresponse().status == 200
    finally:
        connection.close()
