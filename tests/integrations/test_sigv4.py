"""Our signatures, and those of AWS's own library for the same requests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertrouter.core.time import SECOND
from alertrouter.integrations._sigv4 import Credentials, host_of, signed_headers

WHEN = 1_440_938_160  # 2015-08-30T12:36:00Z
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

URLS = [
    "https://sns.us-east-1.amazonaws.com/",
    "https://sns.us-east-1.amazonaws.com",
    "http://127.0.0.1:4566/",
    "http://[::1]:4566/",
    "https://example.org:443/a/b",
    "http://example.org:80/a%20b/~c",
    "https://example.org:8443/a?b=c&a=%20x&a=&z",
]


def signed(url: str, content: bytes, credentials: Credentials, region: str, seconds: int) -> dict[str, str]:
    return signed_headers(
        url=url,
        content=content,
        headers=FORM,
        credentials=credentials,
        region=region,
        service="sns",
        now=seconds * SECOND + 999_999_999,
    )


def judged(url: str, content: bytes, credentials: Credentials, region: str, seconds: int) -> str:
    """The Authorization header that botocore makes."""
    auth: Any = pytest.importorskip("botocore.auth")
    awsrequest: Any = pytest.importorskip("botocore.awsrequest")
    known: Any = pytest.importorskip("botocore.credentials")
    request = awsrequest.AWSRequest(method="POST", url=url, data=content, headers=FORM)
    keys = known.Credentials(
        credentials.access_key, credentials.secret_key, credentials.session_token or None
    )

    class AtThatMoment(auth.SigV4Auth):  # type: ignore[misc]  # botocore has no types
        def add_auth(self, request: Any) -> None:
            stamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%SZ")
            request.context["timestamp"] = stamp
            self._modify_request_before_signing(request)
            canonical = self.canonical_request(request)
            text = self.string_to_sign(request, canonical)
            self._inject_signature_to_request(request, self.signature(text, request))

    AtThatMoment(keys, "sns", region).add_auth(request)
    header: str = request.headers["Authorization"]
    return header


@pytest.mark.parametrize("token", ["", "a/session+token=="])
@pytest.mark.parametrize("url", URLS)
def test_signatures_are_those_of_botocore(url: str, token: str) -> None:
    credentials = Credentials(
        access_key="AKIDEXAMPLE", secret_key="wJalrXUtnFEMI/K7MDENG", session_token=token
    )
    ours = signed(url, b"Action=Publish&Message=x", credentials, "us-east-1", WHEN)

    assert ours["Authorization"] == judged(url, b"Action=Publish&Message=x", credentials, "us-east-1", WHEN)
    assert ours["X-Amz-Date"] == "20150830T123600Z"
    assert ours.get("X-Amz-Security-Token", "") == token
    assert ours["Content-Type"] == FORM["Content-Type"]


@settings(max_examples=60)
@given(
    content=st.binary(max_size=200),
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60),
    token=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60),
    region=st.sampled_from(["us-east-1", "cn-north-1", "eu-west-3"]),
    seconds=st.integers(min_value=0, max_value=4_000_000_000),
    path=st.text(st.sampled_from("ab/~-_.%20"), max_size=8).filter(
        lambda text: "//" not in text and "." not in text and "%" not in text
    ),
)
def test_signatures_of_anything_are_those_of_botocore(
    content: bytes, secret: str, token: str, region: str, seconds: int, path: str
) -> None:
    credentials = Credentials(access_key="AK", secret_key=secret, session_token=token)
    url = f"https://sns.example/{path.lstrip('/')}"

    ours = signed(url, content, credentials, region, seconds)

    assert ours["Authorization"] == judged(url, content, credentials, region, seconds)


def test_a_signature_that_amazon_has_published() -> None:
    """Task 3 of "Examples of the complete Signature Version 4 signing process": the key, derived for IAM."""
    from alertrouter.integrations import _sigv4

    key = _sigv4._key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830/us-east-1/iam/aws4_request")

    assert key.hex() == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"


@pytest.mark.parametrize("url", URLS)
def test_the_host_that_is_signed_is_the_host_that_is_sent(url: str) -> None:
    from alertrouter.http_client import direct

    assert host_of(url) == direct._parts(url)[1]
    assert urlsplit(url).hostname is not None


def test_credentials_do_not_show_their_secrets() -> None:
    shown = repr(Credentials(access_key="AK", secret_key="hunter2", session_token="hunter3", ends_at=5))

    assert shown == "Credentials(access_key='AK', ends_at=5)"
