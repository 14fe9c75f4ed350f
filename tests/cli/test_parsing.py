"""The grammar of the command lines, on a small program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from alertrouter.cli.command import Command
from alertrouter.cli.errors import UsageError
from alertrouter.cli.flags import Flag, Kind, argument, flag
from alertrouter.cli.parsing import parse

if TYPE_CHECKING:
    from pathlib import Path

    from alertrouter.cli.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    source: str = flag("source", Kind.TEXT, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look(Shared):
    quiet: bool = flag("quiet", Kind.BOOL, "", short="q")
    output: str = flag("output", Kind.TEXT, "", short="o", default="simple", choices=("simple", "json"))
    note: tuple[str, ...] = flag("note", Kind.TEXTS, "", short="n")
    within: int = flag("with.in", Kind.DURATION, "")
    count: int = flag("count", Kind.INTEGER, "", default=8)
    ratio: float = flag("ratio", Kind.FLOAT, "", default=0.5)
    words: tuple[str, ...] = argument("words", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    file: str = argument("file", "", kind=Kind.FILE)


def _run(_: object, __: Session) -> int:
    return 0


def program() -> Command:
    root = Command(name="tool", about="")
    root.flags = [
        Flag(name="help", short="h"),
        Flag(name="version"),
        Flag(name="url", field="url", kind=Kind.TEXT),
    ]
    group = root.group("thing", "", shared=Shared)
    group.command("look", "", Look, _run, is_default=True)
    group.command("read", "", Read, _run)
    strict = root.group("strict", "")
    strict.command("read", "", Read, _run)
    return root


def options(*words: str) -> Look:
    """The options of a line that is right."""
    root = program()
    parsed = parse(root, words)
    if parsed.error:
        raise parsed.error
    command = parsed.command
    flags = [each for above in command.path() for each in above.flags if each.field != "url"]
    made = parsed.options(Look, [*flags, *command.arguments], {})
    assert isinstance(made, Look)
    return made


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("thing", Look()),
        ("thing look", Look()),
        ("thing look a b", Look(words=("a", "b"))),
        ("thing a b", Look(words=("a", "b"))),
        ("thing read2 read", Look(words=("read2", "read"))),
        ("thing -q", Look(quiet=True)),
        ("thing --quiet look", Look(quiet=True, words=("look",))),
        ("thing look --no-quiet", Look(quiet=False)),
        ("thing look --quiet=true", Look(quiet=True, words=("true",))),
        ("thing look -qojson", Look(quiet=True, output="json")),
        ("thing look -qo json", Look(quiet=True, output="json")),
        ("thing look --output=json a", Look(output="json", words=("a",))),
        ("thing look a --output json b", Look(output="json", words=("a", "b"))),
        ("thing look -n a -n b=c", Look(note=("a", "b=c"))),
        ("thing look --note=a=b", Look(note=("a=b",))),
        ("--url=x thing --source=s look", Look(source="s")),
        ("thing look --source=s --url=x", Look(source="s")),
        ("thing look --with.in=1d1h", Look(within=25 * 3600 * 10**9)),
        ("thing look --count=12", Look(count=12)),
        ("thing look --count=1.5", Look(count=1)),
        ("thing look --ratio=0.25", Look(ratio=0.25)),
        ("thing look -- -q --output", Look(words=("-q", "--output"))),
        ("thing look a -- --", Look(words=("a", "--"))),
        ("thing look -", Look(words=("-",))),
    ],
)
def test_a_line_means(line: str, wanted: Look) -> None:
    assert options(*line.split(" ")) == wanted


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("thing look -o=json", "enum value must be one of simple,json, got '=json'"),
        ("thing look --output= a", "enum value must be one of simple,json, got ''"),
        ("thing look --with.in=1x", 'time: unknown unit "x" in duration "1x"'),
        ("thing look --count=x", 'strconv.ParseFloat: parsing "x": invalid syntax'),
        ("thing look --count=٣", 'strconv.ParseFloat: parsing "٣": invalid syntax'),
        ("thing look --count=1e99", 'strconv.ParseFloat: parsing "1e99": value out of range'),
        ("thing look --output", "expected argument for flag '--output'"),
        ("thing look -o -q", "expected argument for flag '-o'"),
        ("thing look --output --quiet", "expected argument for flag '--output'"),
        ("thing look -x", "unknown short flag '-x'"),
        ("thing look -qx", "unknown short flag '-x'"),
        ("thing look --nothing", "unknown long flag '--nothing'"),
        ("thing look --no-output", "unknown long flag '--no-output'"),
        ("thing look --out=json", "unknown long flag '--out'"),
        ("thing look -q -q", "flag 'quiet' cannot be repeated"),
        ("thing look --quiet --no-quiet", "flag 'quiet' cannot be repeated"),
        ("-q thing", "unknown short flag '-q'"),
        ("strict --nothing", "unknown long flag '--nothing'"),
        ("strict nothing", 'expected command but got "nothing"'),
        ("nothing", 'expected command but got "nothing"'),
        ("strict read a b", "unexpected b"),
        ("--help strict nothing", 'expected command but got "nothing"'),
        (
            "@there-is-none",
            'failed to open arguments file "there-is-none": open there-is-none: no such file or directory',
        ),
    ],
)
def test_a_line_is_refused(line: str, complaint: str) -> None:
    with pytest.raises(UsageError) as error:
        options(*line.split(" "))

    assert str(error.value) == complaint


def test_arguments_are_read_from_a_file_in_place(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.write_text("b c\n--quiet\n")
    outer = tmp_path / "outer"
    outer.write_text(f"thing\n# a comment\n\na\n@{inner}\r\nd\n")

    assert options(f"@{outer}", "e") == Look(quiet=True, words=("a", "b c", "d", "e"))


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("none", "path '{}' does not exist"), ("", "path '' does not exist"), (".", "'.' is a directory")],
)
def test_a_file_must_be_there(tmp_path: Path, name: str, complaint: str) -> None:
    path = str(tmp_path / name) if name == "none" else name
    parsed = parse(program(), ["strict", "read", path])

    with pytest.raises(UsageError) as error:
        parsed.options(Read, parsed.command.arguments, {})

    assert str(error.value) == complaint.format(path)


def test_what_was_read_before_an_error_is_known() -> None:
    parsed = parse(program(), ["thing", "--version", "look", "--nothing"])

    assert parsed.asked == {"version"}
    assert parsed.error is not None


def test_help_keeps_default_commands_out() -> None:
    assert parse(program(), ["--help", "thing"]).command.name == "thing"
    assert parse(program(), ["thing"]).command.name == "look"


def test_defaults_fill_what_is_not_given() -> None:
    root = program()
    parsed = parse(root, ["thing", "-o", "json"])
    flags = [each for above in parsed.command.path()[1:] for each in above.flags]

    found = parsed.options(Look, flags, {"output": "simple", "quiet": "true", "note": "a", "unknown": "x"})

    assert found == Look(output="json", quiet=True, note=("a",))
    with pytest.raises(UsageError, match=r'strconv\.ParseBool: parsing "yes": invalid syntax'):
        parsed.options(Look, flags, {"quiet": "yes"})
