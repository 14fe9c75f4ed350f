"""`artool template`: try a template before it words a page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alertrouter.cli.errors import Failure
from alertrouter.cli.flags import Kind, flag

if TYPE_CHECKING:
    from alertrouter.cli.command import Command
    from alertrouter.cli.session import Session
    from alertrouter.core.time import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateRender:
    """What to render, and with what."""

    glob: tuple[str, ...] = flag(
        "template.glob",
        Kind.TEXTS,
        "Template files, as a pattern; repeatable.",
        required=True,
        placeholder="GLOB",
    )
    text: str = flag("template.text", Kind.TEXT, "The text to render.", required=True)
    type: str = flag(
        "template.type",
        Kind.TEXT,
        "Type of the text: text or html.",
        default="text",
        choices=("html", "text"),
    )
    data: str = flag(
        "template.data",
        Kind.TEXT,
        "File with the alerts to render for, as JSON in the form that webhooks get; without it, an example.",
        placeholder="FILE",
    )
    alert: str = flag(
        "template.alert",
        Kind.TEXT,
        "Render for the first group of alerts on the server with an alert that these matchers select.",
        placeholder="MATCHERS",
    )


_RENDER = """Render a given definition in a template file to standard output.

For example: artool template render --template.glob='templates/*.tmpl' --template.text='{{ template "x.title" . }}'

With --template.alert='alertname=DiskFull, severity=critical' the text is rendered for alerts that fire now, as
--alertmanager.url knows them, alertrouter or Alertmanager. A text that begins with {# jinja2 #} is a Jinja2 template."""


def register(program: Command) -> None:
    """Add the group to the program."""
    group = program.group("template", "Render template files.")
    group.command("render", _RENDER, TemplateRender, run_render)


def run_render(options: TemplateRender, session: Session) -> int:
    """Print the text, rendered with the files and our default templates; no line break is added."""
    from alertrouter.cli.output import write
    from alertrouter.templating.data import DataFromJson
    from alertrouter.templating.errors import TemplateError
    from alertrouter.templating.mode import Mode
    from alertrouter.templating.templates import Templates

    now = session.now()
    members = _members(options, session, now)
    try:
        data = DataFromJson(members)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Failure(f"{options.data}: not the data of a notification: {error}") from None
    labels = members.get("routeLabels") or {}
    mode = Mode.HTML if options.type == "html" else Mode.TEXT
    try:
        templates = Templates.load(_files(options.glob))
        write(
            templates.render(
                options.text, data, now=now, route_label=lambda name: labels.get(name, ""), mode=mode
            )
        )
    except TemplateError as error:
        raise Failure(str(error)) from None
    return 0


def _members(options: TemplateRender, session: Session, now: Moment) -> dict[str, Any]:
    """What to render for, in the form of a webhook's payload."""
    if options.alert and options.data:
        raise Failure("--template.data and --template.alert exclude each other")
    if options.alert:
        from alertrouter.cli.live_group import live_group

        return live_group(options.alert, session, now)
    return _read(options.data) if options.data else _example(now)


def _files(globs: tuple[str, ...]) -> list[Path]:
    """The files that match, each pattern's in order of their names; one that matches none gives none."""
    from alertrouter.config.globbing import matching_files

    try:
        return [each for glob in globs for each in matching_files(glob)]
    except ValueError as error:
        raise Failure(str(error)) from None


def _read(file: str) -> dict[str, Any]:
    import json

    try:
        found = json.loads(Path(file).read_bytes())
    except FileNotFoundError:
        raise Failure(f"open {file}: no such file or directory") from None
    except OSError as error:
        raise Failure(f"read {file}: {error.strerror}") from None
    except json.JSONDecodeError as error:
        if error.pos >= len(error.doc.rstrip()):
            raise Failure("unexpected end of JSON input") from None
        raise Failure(f"{file}:{error.lineno}:{error.colno}: {error.msg}") from None
    except ValueError as error:
        raise Failure(f"{file}: {error}") from None
    if not isinstance(found, dict):
        raise Failure(f"{file}: a JSON object with receiver, status and alerts is wanted")
    return found


def _example(now: Moment) -> dict[str, Any]:
    """One alert that fires and one that is resolved, with the names amtool's users know."""
    from alertrouter.core.time import MINUTE, format_rfc3339

    common_labels = {"commonlabelkey1": "commonlabelvalue1", "commonlabelkey2": "commonlabelvalue2"}
    common_annotations = {
        "commonannotationkey1": "commonannotationvalue1",
        "commonannotationkey2": "commonannotationvalue2",
    }

    def alert(
        number: int,
        status: str,
        labels: dict[str, str],
        annotations: dict[str, str],
        starts_at: Moment,
        ends_at: Moment,
    ) -> dict[str, Any]:
        return {
            "status": status,
            "labels": common_labels | labels,
            "annotations": common_annotations | annotations,
            "startsAt": format_rfc3339(starts_at),
            "endsAt": format_rfc3339(ends_at),
            "generatorURL": "https://generatorurl.com",
            "fingerprint": f"fingerprint{number}",
        }

    labels = {"instance": "foo.bar:1234", "label1": "value1", "label2": "value2"}
    annotations = {"annotation1": "value1", "annotation2": "value2"}
    return {
        "receiver": "receiver",
        "status": "alertstatus",
        "alerts": [
            alert(1, "firing", labels, annotations, now - 5 * MINUTE, now),
            alert(
                2,
                "resolved",
                {"foo": "bar", "baz": "qux"},
                {"aaa": "bbb", "ccc": "ddd"},
                now - 10 * MINUTE,
                now,
            ),
        ],
        "groupLabels": {"grouplabelkey1": "grouplabelvalue1", "grouplabelkey2": "grouplabelvalue2"},
        "commonLabels": common_labels,
        "commonAnnotations": common_annotations,
        "externalURL": "https://example.com",
    }
