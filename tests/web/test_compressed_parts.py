"""Responses of parts that were compressed one by one."""

import gzip

from django.test import RequestFactory
from hypothesis import example, given
from hypothesis import strategies as st

from advisor.web.compressed_parts import Part, SecretPart, response_of_parts

PARTS = st.lists(st.tuples(st.sampled_from([Part, SecretPart]), st.binary(max_size=300)))
LONGER_THAN_ITS_ZEROS = b"ab" * 1_500_000


@given(PARTS)
@example([])
@example([(Part, b"")])
@example([(Part, b"before"), (Part, LONGER_THAN_ITS_ZEROS), (SecretPart, b"after")])
def test_they_make_one_gzip_stream_of_their_texts(texts: list[tuple[type[Part], bytes]]) -> None:
    parts = [kind(text) for kind, text in texts]
    whole = b"".join(text for _, text in texts)
    packed = response_of_parts(RequestFactory().get("/", headers={"Accept-Encoding": "br, gzip"}), parts)
    assert packed["Content-Encoding"] == "gzip" and gzip.decompress(packed.content) == whole
    plain = response_of_parts(RequestFactory().get("/"), parts)
    assert "Content-Encoding" not in plain.headers and plain.content == whole


def test_a_secret_is_not_compressed() -> None:
    """Otherwise a page would be shorter if text on it that another person chose were equal to it."""
    secret = b"s3cr3t" * 8
    assert secret in SecretPart(secret).deflated and secret not in Part(secret).deflated
