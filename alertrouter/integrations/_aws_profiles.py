"""The two files that all tools of AWS share, and the account that an integration names."""

from __future__ import annotations

import configparser
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from alertrouter.delivery.errors import RejectedError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Profiles:
    """The sections of the two shared files of AWS, read when made. A file that is not there is empty."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        home = Path(environ.get("HOME") or "~").expanduser() / ".aws"
        self._found: dict[str, dict[str, str]] = {}
        config = environ.get("AWS_CONFIG_FILE") or str(home / "config")
        credentials = environ.get("AWS_SHARED_CREDENTIALS_FILE") or str(home / "credentials")
        for title, values in _sections(config):
            if title == "default" or title.startswith("profile "):
                name = title.removeprefix("profile ").strip().strip('"')
                self._found.setdefault(name, {}).update(values)
        for name, values in _sections(credentials):
            self._found.setdefault(name, {}).update(values)

    def get(self, name: str) -> dict[str, str] | None:
        """The keys of a profile; None when no file has it."""
        return self._found.get(name)


def _sections(path: str) -> list[tuple[str, dict[str, str]]]:
    parser = configparser.ConfigParser(
        interpolation=None, default_section="", delimiters=("=",), strict=False, allow_no_value=True
    )
    try:
        parser.read_string(Path(path).read_text(encoding="utf-8"), path)
    except OSError:
        return []
    except (configparser.Error, UnicodeDecodeError):
        # Its text is not shown: it is made of keys.
        raise RejectedError(f"{path} is no AWS configuration file") from None
    return [(name, {key: value or "" for key, value in parser[name].items()}) for name in parser.sections()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who to be: what an integration's ``sigv4`` block says. Empty texts are not set."""

    region: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    profile: str = ""
    role_arn: str = ""
    external_id: str = ""

    def find_region(self, environ: Mapping[str, str]) -> str:
        """The region: its own, or the environment's, or the profile's; empty when none is told."""
        told = self.region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
        if told:
            return told
        profile = Profiles(environ).get(self._profile_name(environ))
        return (profile or {}).get("region", "")

    def _profile_name(self, environ: Mapping[str, str]) -> str:
        return self.profile or environ.get("AWS_PROFILE") or "default"
