"""From the nodes of a rule file to its groups; what Prometheus refuses is refused in its words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alertrouter.config.node import Mapping, Scalar, Sequence
from alertrouter.rules.decode import Decoder
from alertrouter.rules.document import legacy_hint, read_root, second_document
from alertrouter.rules.group_extras import GROUP_EXTRAS, read_extras
from alertrouter.rules.missing_policy import NOTHING_SAID
from alertrouter.rules.model import KeySet, RuleError, RuleGroup, RuleProblem, Stage
from alertrouter.rules.own_keys import OWN, read_own
from alertrouter.rules.read_rule import RULE_EXTRAS, RULE_KEYS, Source, draft_of, rule_of

if TYPE_CHECKING:
    from alertrouter.config.node import Node
    from alertrouter.core.time import Duration
    from alertrouter.rules.decode import Entry
    from alertrouter.rules.model import Dialect

_GROUP_KEYS: Final = frozenset({"name", "interval", "query_offset", "limit", "labels", "rules"})
_HINTS: Final = {"tenant": "the tenant belongs into --query.config.file"}


def read_groups(
    text: str, file: str, dialect: Dialect, keys: KeySet
) -> tuple[list[RuleGroup], list[RuleProblem]]:
    """The groups of one file, and what is unwise in it. Raises RuleError with everything that is wrong."""
    reader = _Reader(text, file, dialect, keys)
    groups = reader.read()
    if reader.decoder.problems or reader.problems:
        of_form = sorted(reader.decoder.problems, key=lambda problem: (problem.line, problem.column))
        raise RuleError(of_form + reader.problems)
    return groups, reader.warnings


class _Reader:
    """Reads one file. What has the wrong form is in the decoder's problems, what means nothing in ours."""

    def __init__(self, text: str, file: str, dialect: Dialect, keys: KeySet) -> None:
        self.decoder = Decoder(file, dialect, takes_any_key=keys is KeySet.ANY)
        self.problems: list[RuleProblem] = []
        self.warnings: list[RuleProblem] = []
        self._text = text
        self._file = file
        self._dialect = dialect
        self._takes_more = keys is KeySet.ALL_KNOWN
        self._keys_of_groups = _GROUP_KEYS | (GROUP_EXTRAS.keys() if self._takes_more else set())
        self._keys_of_rules = RULE_KEYS | (RULE_EXTRAS.keys() if self._takes_more else set())
        self._hints_for_groups = _HINTS if self._takes_more else _of_others(GROUP_EXTRAS)
        self._hints_for_rules = {} if self._takes_more else _of_others(RULE_EXTRAS)
        self._names: set[str] = set()

    def read(self) -> list[RuleGroup]:
        root = read_root(self._text, self._file)
        if line := second_document(self._text):
            self.warnings.append(
                RuleProblem(
                    file=self._file,
                    line=line,
                    column=1,
                    message="only the first document of a rule file is read: what begins here is ignored",
                    hint="put it into a file of its own",
                )
            )
        if root is None or (isinstance(root, Scalar) and root.is_null):
            return []
        return [group for each in self._group_nodes(root) if (group := self._group(each)) is not None]

    def _group_nodes(self, root: Node) -> list[Node]:
        if isinstance(root, Scalar) and (hint := legacy_hint(self._text, self._file)):
            shown = root.text if len(root.text) <= 10 else root.text[:7] + "..."
            self.decoder.complain(root, f"cannot unmarshal !!str `{shown}` into rulefmt.RuleGroups", hint)
            return []
        if isinstance(root, Mapping) and self._takes_more:
            entries = Decoder(self._file, self._dialect).entries(root)
            if "groups" not in entries and "rules" in entries and "name" in entries:
                return [root]
            if "kind" in entries:
                return self._of_kubernetes(entries)
        return self._groups_of(root)

    def _groups_of(self, node: Node) -> list[Node]:
        # The files that mimirtool loads say for which namespace they are.
        keys = {"groups", "namespace"} if self._takes_more else {"groups"}
        entries = self.decoder.object(node, "rulefmt.RuleGroups", keys, {}) or {}
        if "groups" not in entries:
            return []
        return self.decoder.items(entries["groups"].value, "[]rulefmt.RuleGroup")

    def _of_kubernetes(self, entries: dict[str, Entry]) -> list[Node]:
        """The groups of a PrometheusRule, or of a list of them."""
        kind = entries["kind"].value
        match kind.text if isinstance(kind, Scalar) else "":
            case "PrometheusRule":
                spec = entries.get("spec")
                return self._groups_of(spec.value) if spec else []
            case "PrometheusRuleList" | "List":
                members = entries.get("items")
                found: list[Node] = []
                if members and isinstance(members.value, Sequence):
                    for each in members.value:
                        found += self._of_member(each)
                return found
        self.decoder.complain(
            kind, "only objects of kind PrometheusRule have rules", "leave this file out", stage=Stage.VALUE
        )
        return []

    def _of_member(self, node: Node) -> list[Node]:
        entries = self.decoder.entries(node) if isinstance(node, Mapping) else {}
        kind = entries["kind"].value if "kind" in entries else None
        if isinstance(kind, Scalar) and kind.text == "PrometheusRule":
            return self._of_kubernetes(entries)
        return []

    def _group(self, node: Node) -> RuleGroup | None:
        decoder = self.decoder
        entries = decoder.object(node, "rulefmt.RuleGroup", self._keys_of_groups, self._hints_for_groups)
        if entries is None:
            return None
        values = {key: entry.value for key, entry in entries.items()}
        name = decoder.text(values["name"]) if "name" in values else ""
        labels = (
            decoder.map(values["labels"], "map[string]string", decoder.text) if "labels" in values else {}
        )
        nodes = decoder.items(values["rules"], "[]rulefmt.Rule") if "rules" in values else []
        drafts = [
            draft
            for each in nodes
            if (draft := draft_of(each, decoder, self._keys_of_rules, self._hints_for_rules)) is not None
        ]
        self._check_name(name, values.get("name", node))
        for label, (entry, _) in labels.items():
            if not label or label == "__name__":
                self._complain(entry.key, f"invalid label name: {label}")
        source = Source(
            file=self._file,
            text=self._text,
            dialect=self._dialect,
            group=name,
            problems=self.problems,
            warnings=self.warnings,
            missing=read_own(values[OWN], decoder) if OWN in values else NOTHING_SAID,
        )
        rules = [rule_of(draft, number, labels, source) for number, draft in enumerate(drafts, start=1)]
        interval = decoder.duration(values["interval"]) if "interval" in values else None
        return RuleGroup(
            file=self._file,
            name=name,
            # Compat: an interval of zero is none.
            interval=interval or None,
            query_offset=self._query_offset(values),
            limit=(decoder.integer(values["limit"]) or 0) if "limit" in values else 0,
            labels={label: text for label, (_, text) in labels.items()},
            rules=tuple([rule for rule in rules if rule is not None]),
            line=node.line,
            **read_extras(values, interval, decoder),
        )

    def _check_name(self, name: str, node: Node) -> None:
        if not name:
            self._complain(node, "Groupname must not be empty", places="0:0: ")
        elif name in self._names:
            self._complain(node, f'groupname: "{name}" is repeated in the same file', places="0:0: ")
        self._names.add(name)

    def _query_offset(self, values: dict[str, Node]) -> Duration | None:
        for key in ("query_offset", "evaluation_delay"):
            if key in values and (found := self.decoder.duration(values[key])) is not None:
                return found
        return None

    def _complain(self, node: Node, message: str, *, places: str = "") -> None:
        self.problems.append(
            RuleProblem(file=self._file, line=node.line, column=node.column, message=message, places=places)
        )


def _of_others(keys: dict[str, str]) -> dict[str, str]:
    return {key: f"a key of {system}, not of Prometheus" for key, system in keys.items()}
