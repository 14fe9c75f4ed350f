"""Where AWS is, and what its answers mean."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

from alertrouter.core.reason import FailureReason
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.integrations._text import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alertrouter.http_client import Response

FORM = {"Content-Type": "application/x-www-form-urlencoded"}

_LONGEST_SHOWN = 500

_TOO_FAST = frozenset(
    {
        "KMSThrottling",
        "KMSThrottlingException",
        "LimitExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)

# Where the names of a partition's hosts end otherwise than elsewhere.
_PARTITIONS = {
    "cn": "amazonaws.com.cn",
    "us-iso": "c2s.ic.gov",
    "us-isob": "sc2s.sgov.gov",
    "us-isof": "csp.hci.ic.gov",
    "eu-isoe": "cloud.adc-e.uk",
    "eusc": "amazonaws.eu",
}


def endpoint(service: str, region: str, environ: Mapping[str, str]) -> str:
    """The URL of a service in a region, unless the environment names another."""
    other = environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or environ.get("AWS_ENDPOINT_URL")
    if other:
        return other
    # "us-isob-east-1" belongs to "us-isob", and "cn-north-1" to "cn".
    begins = re.match(r"(?:(?:us|eu)-iso[a-z]?|[a-z]+)(?=-)", region)
    suffix = _PARTITIONS.get(begins[0] if begins else "", "amazonaws.com")
    return f"https://{service}.{region}.{suffix}/"


def element(xml: str, name: str) -> str:
    """The text of the first element of this name; empty when there is none.

    Answers of the query API are small and flat, so no XML parser has to be let near them.
    """
    found = re.search(rf"<{name}>([^<]*)</{name}>", xml)
    return unescape(found[1]) if found else ""


def code_of(response: Response) -> str:
    """The name that AWS has for what is wrong; empty when it gives none."""
    return element(response.text, "Code")


def said(response: Response) -> str:
    """What AWS says is wrong, on one line and shortened."""
    return shorten(" ".join(element(response.text, "Message").split()), _LONGEST_SHOWN)


def check_answer(response: Response, *, what: str = "") -> None:
    """Raise for an answer that is no success: 5xx and being too fast are worth another attempt."""
    if response.is_success:
        return
    status, code = response.status_code, code_of(response)
    parts = [what, f"unexpected status code {status}", code, said(response)]
    # Compat: the client that Alertmanager has from AWS takes these for a reason to wait, whatever the status.
    too_fast = status == 429 or code in _TOO_FAST
    raise (TemporaryError if too_fast or 500 <= status < 600 else RejectedError)(
        ": ".join([part for part in parts if part]),
        reason=FailureReason.RATE_LIMITED if too_fast else FailureReason.of(status),
        retry_after=response.retry_after,
    )
