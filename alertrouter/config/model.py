"""The base of all configuration models, and what is known while one is read."""

from __future__ import annotations

import types
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator

from alertrouter.config.environment import expand
from alertrouter.config.merge import as_object
from alertrouter.config.node import Kind, Mapping, Node, Scalar, Sequence, describe
from alertrouter.config.problem import ConfigProblem, did_you_mean
from alertrouter.config.scalar import resolve
from alertrouter.core.matcher_syntax import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from collections.abc import Mapping as MappingType

    from alertrouter.config.inline_template import FoundTemplate

OUR_KEY = "alertrouter"
"""The key under which everything stands that Alertmanager does not know."""


class Complaint(NamedTuple):
    """A problem that does not keep its model from being made."""

    node: Node
    message: str
    hint: str = ""


@dataclass(slots=True, kw_only=True)
class Decoding:
    """What models are read with: the context of pydantic's validation.

    ``environ`` None leaves ``${NAME}`` as it is. ``complaints``, ``warnings`` and ``templates`` gather while reading.
    """

    environ: MappingType[str, str] | None = None
    mode: Mode = Mode.FALLBACK
    complaints: list[Complaint] = field(default_factory=list)
    warnings: list[Complaint] = field(default_factory=list)
    templates: list[FoundTemplate] = field(default_factory=list)


def complain_to(decoding: Decoding | None) -> Callable[[Node, str], None]:
    """Where problems go that need not stop the reading; without a decoding they are raised."""

    def complain(node: Node, message: str) -> None:
        if decoding is None:
            raise ConfigProblem(message)
        decoding.complaints.append(Complaint(node, message))

    return complain


class _Null(Enum):
    """What an explicit null means to a field."""

    NONE = auto()
    ZERO = auto()
    LEFT_OUT = auto()


class ConfigModel(BaseModel):
    """A block of the configuration: unknown and duplicate keys are errors, null follows `config.md` 1.3.

    ``type_name`` is the block's type in Alertmanager's messages. Where ``scalar_key`` is set, a bare scalar
    in place of the block is the value of that key. With ``null_is_empty`` a null element of a list is
    a block without keys.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
        # Most integrations are not in a configuration: nothing is built that would read theirs.
        defer_build=True,
    )

    type_name: ClassVar[str] = "config.plain"
    null_is_empty: ClassVar[bool] = False
    scalar_key: ClassVar[str] = ""
    always_printed: ClassVar[frozenset[str]] = frozenset()
    """Keys that a printed configuration shows even when they are empty."""

    _nulls: ClassVar[dict[str, _Null]]

    def html_keys(self) -> Collection[str]:
        """The keys whose templates are rendered in HTML mode because another key says so."""
        return ()

    @model_validator(mode="before")
    @classmethod
    def _from_node(cls, value: Any, info: ValidationInfo) -> Any:
        match value:
            case Mapping():
                return cls._entries(value, info.context)
            case Scalar() if cls.null_is_empty and value.is_null:
                return {}
            case Scalar() if cls.scalar_key and not value.is_null:
                return {cls.scalar_key: value}
            case Scalar() | Sequence():
                hint = "remove it, or say what it should be" if describe(value).startswith("!!null") else ""
                raise ConfigProblem(f"cannot unmarshal {describe(value)} into {cls.type_name}", hint=hint)
        return value

    @classmethod
    def _entries(cls, mapping: Mapping, decoding: Decoding | None) -> dict[str, Any]:
        nulls = cls._null_by_key()
        found: dict[str, Any] = {}
        for name, (key, value) in as_object(mapping, complain_to(decoding), cls.type_name).items():
            if name not in nulls:
                message = f"field {name} not found in type {cls.type_name}"
                hint = did_you_mean(name, nulls)
                if decoding is None:
                    raise ConfigProblem(message, hint=hint)
                decoding.complaints.append(Complaint(key, message, hint))
            elif isinstance(value, Scalar) and value.is_null:
                match nulls[name]:
                    case _Null.NONE:
                        found[name] = None
                    case _Null.ZERO:
                        found[name] = value
            else:
                found[name] = expanded(value, decoding) if name == OUR_KEY else value
        return found

    @classmethod
    def _null_by_key(cls) -> dict[str, _Null]:
        """What null means to each key; made when first asked for, when all annotations are resolved."""
        if "_nulls" not in cls.__dict__:
            cls._nulls = {
                each.alias or name: _meaning_of_null(each.annotation)
                for name, each in cls.model_fields.items()
            }
        return cls._nulls


def _meaning_of_null(annotation: Any) -> _Null:
    if get_origin(annotation) in {Union, types.UnionType} and type(None) in get_args(annotation):
        return _Null.NONE
    if get_origin(annotation) in {list, tuple, dict}:
        return _Null.LEFT_OUT
    if isinstance(annotation, type) and issubclass(annotation, ConfigModel):
        return _Null.LEFT_OUT
    return _Null.ZERO


def expanded(node: Node, decoding: Decoding | None) -> Node:
    """The node with every ``${NAME}`` below it replaced; what then looks like a number is one."""
    match node:
        case Scalar():
            if "${" not in node.text:
                return node
            try:
                text = expand(node.text, decoding)
            except ConfigProblem as problem:
                if decoding is None:
                    raise
                decoding.complaints.append(Complaint(node, str(problem), problem.hint))
                # One problem is enough: what the text would have been is anybody's guess.
                return replace(node, text="", kind=Kind.NULL, value=None)
            kind, value = resolve(text) if node.plain else (node.kind, text)
            return replace(node, text=text, kind=kind, value=value)
        case Sequence():
            copy = Sequence(node.line, node.column)
            copy += [expanded(item, decoding) for item in node]
            return copy
        case Mapping():
            mapping = Mapping(node.line, node.column)
            mapping.entries = [(key, expanded(value, decoding)) for key, value in node.entries]
            return mapping
