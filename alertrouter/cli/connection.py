"""From artool's global flags to a client of the server."""

from __future__ import annotations

import os
import re
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from alertrouter import ALERTMANAGER_VERSION, __version__
from alertrouter.cli.errors import Failure
from alertrouter.client import ApiError, Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from alertrouter.cli.session import GlobalOptions

USER_AGENT = {"User-Agent": f"artool/{__version__}"}
_HOST_AND_PORT = re.compile(r"[A-Za-z0-9_.-]+:[0-9]+(?:/.*)?|\[[0-9A-Fa-f:.]+\](?::[0-9]+)?(?:/.*)?")


def connect(options: GlobalOptions, *, seconds_left: Callable[[], float]) -> Client:
    """A client of the server that the flags name. Nothing is sent yet."""
    url = server_url(options.url)
    http = http_for(options, url)
    if options.verbose:
        http.event_hooks = {"request": http.event_hooks["request"], "response": [_tell]}
    return Client(url, http, seconds_left=seconds_left)


def without_number(error: Exception) -> str:
    """What went wrong with a connection, without the number that the system has for it."""
    return re.sub(r"^\[Errno -?[0-9]+\] ", "", str(error)).lower()


def http_for(options: GlobalOptions, url: str) -> httpx.Client:
    """A connection with the TLS, authentication and proxy that the flags ask for."""
    if not options.http_config_file:
        return httpx.Client(
            # The certificates that this system trusts, as every other program on it.
            verify=ssl.create_default_context(),
            proxy=_environment_proxy(url),
            trust_env=False,
            follow_redirects=True,
            headers=USER_AGENT,
        )
    if urlsplit(url).username is not None:
        raise Failure(
            "a user in --alertmanager.url and --http.config.file exclude each other: put the user into the file"
        )
    from alertrouter.cli import http_config

    return http_config.connect(http_config.load(Path(options.http_config_file)), url)


def _tell(answer: httpx.Response) -> None:
    """What ``--verbose`` says of each answer."""
    url = answer.request.url.copy_with(userinfo=b"")
    print(f"{answer.request.method} {url}: {answer.status_code}", file=sys.stderr)


def server_url(text: str) -> str:
    """The URL of ``--alertmanager.url``; ``host:port`` alone means http. Failure when it is none."""
    url = f"http://{text}" if _HOST_AND_PORT.fullmatch(text) else text
    try:
        _ = urlsplit(url).port
    except ValueError as error:
        raise Failure(f"--alertmanager.url: {text!r} is not a URL: {error}") from None
    return url


def _environment_proxy(url: str) -> str | None:
    """The proxy for this URL, by Go's rules: never for this machine itself."""
    if not any(name.lower() in {"http_proxy", "https_proxy"} for name in os.environ):
        return None  # asking takes longer than the rest of the command
    from alertrouter.http_client.proxy import from_environment

    return from_environment(os.environ).for_url(url)


def warn_of_another_version(program: str, client: Client) -> None:
    """Say on standard error when the server follows another release of Alertmanager than this program."""
    try:
        theirs = client.status()["versionInfo"].get("version", "")
    except ApiError:
        return  # the command itself will tell
    if _minor(theirs) != _minor(ALERTMANAGER_VERSION):
        print(
            f"Warning: {program} version ({ALERTMANAGER_VERSION}) and alertmanager version ({theirs}) are different.",
            file=sys.stderr,
        )


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]
