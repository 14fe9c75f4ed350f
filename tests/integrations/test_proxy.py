from __future__ import annotations

import pytest

from alertrouter.http_client.proxy import Proxies, from_environment

PROXY = "http://proxy:8080"


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("example.org", "http://example.org/", True),
        ("example.org", "http://sub.example.org/", True),
        ("example.org", "http://notexample.org/", False),
        (".example.org", "http://example.org/", False),
        (".example.org", "http://sub.example.org/", True),
        ("*.example.org", "http://sub.example.org/", True),
        ("*.example.org", "http://example.org/", False),
        ("example.org:80", "http://example.org/", True),
        ("example.org:80", "https://example.org/", False),
        ("example.org:8080", "http://example.org:8080/", True),
        ("EXAMPLE.org", "http://example.ORG/", True),
        ("10.0.0.0/8", "http://10.1.2.3/", True),
        ("10.0.0.0/8", "http://11.1.2.3/", False),
        ("10.1.2.3", "http://10.1.2.3:99/", True),
        ("10.1.2.3:99", "http://10.1.2.3:98/", False),
        ("fd00::/8", "http://[fd00::1]/", True),
        ("[fd00::1]:80", "http://[fd00::1]/", True),
        ("fd00::1", "http://[fd00::1]:81/", True),
        ("*", "http://any.where/", True),
        ("a, example.org ,b", "http://example.org/", True),
        (",,", "http://example.org/", False),
        ("other", "http://localhost/", True),
        ("other", "http://127.1.2.3/", True),
        ("other", "http://[::1]:80/", True),
    ],
)
def test_who_is_reached_directly(no_proxy: str, url: str, direct: bool) -> None:
    proxies = Proxies(http=PROXY, https=PROXY, no_proxy=no_proxy)

    assert proxies.for_url(url) == (None if direct else PROXY)


def test_a_proxy_alone_is_for_everybody() -> None:
    proxies = Proxies(http=PROXY, https=PROXY, always=True)

    assert proxies.for_url("http://localhost/") == PROXY


def test_the_environment_in_either_case() -> None:
    upper = from_environment({"HTTP_PROXY": "p:1", "HTTPS_PROXY": "http://q:2", "NO_PROXY": "x"})
    lower = from_environment({"http_proxy": "p:1", "https_proxy": "http://q:2", "no_proxy": "x"})

    assert upper == lower == Proxies(http="http://p:1", https="http://q:2", no_proxy="x")
    assert not from_environment({})
