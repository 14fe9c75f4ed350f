"""Reads a file block by block, so that what is wrong with one does not hide what is wrong with another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from alertrouter.config.blocks import Blocks, IntegrationBlock, IntervalBlock, ReceiverBlock, RouteBlock
from alertrouter.config.globals import global_model
from alertrouter.config.globbing import matching_files
from alertrouter.config.http import HttpConfig, joined
from alertrouter.config.intervals import NamedIntervalConfig
from alertrouter.config.model import ConfigModel, expanded
from alertrouter.config.node import Node, Scalar, Sequence
from alertrouter.config.observability import EventRecorderConfig, TracingConfig
from alertrouter.config.problem import ConfigProblem
from alertrouter.config.reader import value_at
from alertrouter.config.schema import (
    FileConfig,
    InhibitRuleConfig,
    Options,
    ReceiverConfig,
    RouteConfig,
    configs_key,
    printed_kinds,
    receiver_model,
)
from alertrouter.integrations import discover

if TYPE_CHECKING:
    import pathlib

    from alertrouter.config.model import Decoding
    from alertrouter.config.reader import Path, Reader

Model = TypeVar("Model", bound=ConfigModel)

# Compat: relative paths in these integrations' ``http_config`` start at the working directory.
_PATHS_FROM_WORKING_DIRECTORY = frozenset({"incidentio"})


class FileReader:
    """Reads the blocks of one file; problems go to the reader."""

    def __init__(self, reader: Reader, decoding: Decoding, directory: pathlib.Path) -> None:
        self._reader = reader
        self._decoding = decoding
        self._directory = directory
        self._global_config: Any = global_model()()
        self._globals_are_good = True

    def read(self, root: Node | None) -> Blocks | None:
        """Every block of the document; None when it is not even a map."""
        if root is None or _is_null(root):
            self._reader.complain(None, (), "no route provided in config", "the file is empty")
            return None
        top = self._reader.read(FileConfig, root, ())
        if top is None:
            return None
        self._read_globals(top.globals)
        return Blocks(
            global_config=self._global_config,
            global_node=top.globals,
            route=self._read_root(top.route, root),
            inhibit_rules=[
                self._read_element(InhibitRuleConfig, node, ("inhibit_rules", place))
                for place, node in enumerate(top.inhibit_rules)
            ],
            receivers=[
                self._read_receiver(node, ("receivers", place)) for place, node in enumerate(top.receivers)
            ],
            templates=self._template_globs(top.templates, root),
            intervals=[
                self._read_interval(node, (key, place), key)
                for key in ("mute_time_intervals", "time_intervals")
                for place, node in enumerate(getattr(top, key))
            ],
            tracing=self._read_optional(TracingConfig, top.tracing, "tracing"),
            event_recorder=self._read_event_recorder(top.event_recorder),
            options=self._read_options(top.alertrouter),
        )

    def _read_optional(self, model: type[Model], node: Node | None, key: str) -> Model | None:
        return None if node is None or _is_null(node) else self._reader.read(model, node, (key,))

    def _read_event_recorder(self, node: Node | None) -> EventRecorderConfig | None:
        read = self._read_optional(EventRecorderConfig, node, "event_recorder")
        if read is None:
            return None
        if read.kafka_outputs:
            self._reader.warn_at(
                node,
                ("event_recorder",),
                ("kafka_outputs",),
                "events are not written to Kafka",
                "use file_outputs, stdout_outputs or webhook_outputs",
            )
        return read.in_directory(self._directory)

    def _read_options(self, node: Node | None) -> Options:
        if node is None or _is_null(node):
            return Options()
        return self._reader.read(Options, expanded(node, self._decoding), ("alertrouter",)) or Options()

    def _read_element(self, model: type[Model], node: Node, path: Path) -> Model:
        # Compat: an empty element is a block with nothing in it, and is not checked.
        if _is_null(node):
            return model.model_construct()
        return self._reader.read(model, node, path) or model.model_construct()

    def _read_globals(self, node: Node | None) -> None:
        if node is None or _is_null(node):
            return
        before = len(self._reader.problems)
        read = self._reader.read(global_model(), node, ("global",))
        self._globals_are_good = len(self._reader.problems) == before
        if read is not None:
            client = read.http_config.in_directory(self._directory)
            self._global_config = read.model_copy(update={"http_config": client})

    def _template_globs(self, globs: tuple[str, ...], root: Node) -> list[str]:
        absolute = [joined(self._directory, glob) for glob in globs]
        for place, glob in enumerate(absolute):
            try:
                matching_files(glob)
            except ValueError as error:
                self._reader.complain_at(root, (), ("templates", place), f"{error}", "escape it with \\")
        return absolute

    def _read_root(self, node: Node | None, root: Node) -> RouteBlock | None:
        if node is None or _is_null(node):
            self._reader.complain(root, (), "no routes provided", "add route: with a receiver")
            return None
        return self._read_route(node, ("route",))

    def _read_route(self, node: Node, path: Path) -> RouteBlock:
        if _is_null(node):
            self._reader.complain(node, path, "a route must not be empty", "remove the entry")
            return RouteBlock(config=RouteConfig(), node=node, path=path)
        config = self._reader.read(RouteConfig, node, path) or RouteConfig()
        children = value_at(node, ("routes",))
        below = children if isinstance(children, Sequence) else ()
        return RouteBlock(
            config=config,
            node=node,
            path=path,
            routes=[self._read_route(child, (*path, "routes", place)) for place, child in enumerate(below)],
        )

    def _read_interval(self, node: Node, path: Path, list_key: str) -> IntervalBlock:
        config = self._read_element(NamedIntervalConfig, node, path)
        if not config.name and not _is_null(node):
            kind = "mute time interval" if list_key == "mute_time_intervals" else "time interval"
            self._reader.complain_at(node, path, ("name",), f"missing name in {kind}", "add name:")
        return IntervalBlock(config=config, node=node, path=path, list_key=list_key)

    def _read_receiver(self, node: Node, path: Path) -> ReceiverBlock:
        if _is_null(node):
            # Compat: a receiver without a name, which no route can ask for.
            return ReceiverBlock(
                config=ReceiverConfig.model_construct(), node=node, path=path, integrations={}
            )
        config: ReceiverConfig | None = self._reader.read(receiver_model(), node, path)
        if config is None:
            name = value_at(node, ("name",))
            config = ReceiverConfig.model_construct(name=name.text if isinstance(name, Scalar) else "")
        integrations = {}
        for kind in printed_kinds():
            key = configs_key(kind)
            entries = value_at(node, (key,))
            if isinstance(entries, Sequence):
                integrations[kind] = self._read_integrations(kind, entries, (*path, key), config.name)
        return ReceiverBlock(config=config, node=node, path=path, integrations=integrations)

    def _read_integrations(
        self, kind: str, entries: Sequence, path: Path, receiver_name: str
    ) -> list[IntegrationBlock]:
        blocks = []
        for index, node in enumerate(entries):
            here = (*path, index)
            if _is_null(node):
                self._reader.complain(node, here, f"missing {kind} config", "remove the entry")
                continue
            before = len(self._reader.problems)
            written = self._reader.read(discover()[kind].config, node, here)
            if written is None or len(self._reader.problems) > before:
                continue
            http_config = getattr(written, "http_config", None)
            if isinstance(http_config, HttpConfig) and kind not in _PATHS_FROM_WORKING_DIRECTORY:
                client = http_config.in_directory(self._directory)
                written = written.model_copy(update={"http_config": client})
            try:
                config = written.completed(self._global_config, receiver_name)
            except ValueError as error:
                if self._globals_are_good:
                    inside, hint = (error.at, error.hint) if isinstance(error, ConfigProblem) else ((), "")
                    self._reader.complain_at(node, here, inside, str(error), hint)
                continue
            blocks.append(
                IntegrationBlock(
                    kind=kind, index=index, config=config, as_written=written, node=node, path=here
                )
            )
        return blocks


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.is_null
