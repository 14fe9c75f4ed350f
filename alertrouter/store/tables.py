"""The tables. What is current, what is history, and nothing about how they are read or written.

Current state lies in small tables that a start reads as a whole; history is append-only and goes with its retention.
Sets of alerts are kept by ``Labels.identity`` as signed 64 bits, groups and slots by a hash made in ``rows``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    event,
    text,
)
from sqlalchemy.types import TypeDecorator

from alertrouter.core.time import EARLIEST, LATEST

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Instant(TypeDecorator[int]):
    """A moment: nanoseconds since 1970-01-01T00:00:00Z in 64 bits. Dates and floats cannot get in."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: object, dialect: object) -> int | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Refuse what is no moment."""
        if value is None or (isinstance(value, int) and EARLIEST <= value <= LATEST):
            return value
        raise ValueError(f"not a moment in nanoseconds: {value!r}")


metadata = MetaData(naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(column_0_N_label)s"})

# SQLite counts rows of its own accord only under a key that is called INTEGER.
_Number = BigInteger().with_variant(Integer, "sqlite")


def _number() -> Column[int]:
    # The journal numbers the lines of all history in one row, so that a replay finds what happened in its order.
    return Column("id", _Number, primary_key=True, autoincrement=True)


def _hash(name: str) -> Column[int]:
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _moment(name: str) -> Column[int]:
    return Column(name, Instant, nullable=False)


def _moment_or_none(name: str) -> Column[int]:
    return Column(name, Instant, nullable=True)


def _integer(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


def _bool(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


def _identities(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


# A BIGINT key makes SQLite append the rows and index the key apart. Keyed by the hash itself, every new alert would
# dirty a page of its own: measured, that takes in a third as many alerts.
alerts = Table(
    "alerts",
    metadata,
    _hash("identity"),
    _text("labels"),
    _text("annotations"),
    _moment("starts_at"),
    _moment_or_none("ends_at"),
    _moment("updated_at"),
    _text("generator_url"),
    _bool("timeout"),
    _integer("starts_offset"),
    _integer("ends_offset"),
)

# Ends that heartbeats moved. Narrow, and apart from the alerts, so that 50,000 of them fit 200 pages instead of
# dirtying one page each of the wide table.
alert_ends = Table(
    "alert_ends",
    metadata,
    _hash("identity"),
    _moment("ends_at"),
    _moment("updated_at"),
    _bool("timeout"),
    _integer("ends_offset"),
)

# The labels of alerts that were forgotten but that history speaks of. Apart, so that a start reads current ones only.
past_alerts = Table(
    "past_alerts",
    metadata,
    _hash("identity"),
    _text("labels"),
    _moment("collected_at"),
    Index(None, "collected_at"),
)

_REPLACED = text("replaced_annotations IS NOT NULL")

# ``replaced_annotations``: those that ended with this transition; NULL when they stayed. An alert's annotations at
# some moment are those that the next such transition replaced, or the current ones. So a new alert's annotations are
# written once, and deleting old history takes nothing from younger lines.
alert_transitions = Table(
    "alert_transitions",
    metadata,
    _number(),
    _moment("at"),
    Column("identity", BigInteger, nullable=False),
    _text("kind"),
    _moment("starts_at"),
    _moment_or_none("ends_at"),
    Column("replaced_annotations", Text, nullable=True),
    Index(None, "at"),
    # Only of the few lines that replace any, so that it costs a new alert nothing.
    Index(
        "ix_alert_transitions_replaced",
        "identity",
        "at",
        sqlite_where=_REPLACED,
    ),
)


@event.listens_for(alert_transitions, "before_create")
def _on_postgresql(table: Table, connection: Connection, **_: object) -> None:
    # To name its option above would import the dialect, two megabytes, for who has SQLite.
    if connection.dialect.name == "postgresql":
        for index in table.indexes:
            if index.name == "ix_alert_transitions_replaced":
                index.dialect_kwargs["postgresql_where"] = _REPLACED


groups = Table(
    "groups",
    metadata,
    _hash("id"),
    _text("route"),
    _text("labels"),
    _text("receiver"),
    _text("key"),
    _text("path"),
    _moment("created_at"),
    _moment("due"),
    _moment_or_none("tick"),
    _moment_or_none("settled_at"),
    Column("flush_number", BigInteger, nullable=False),
    _bool("held"),
)

# What groups are called, for the history that speaks of them; ``used_at`` is right to a day.
group_names = Table(
    "group_names",
    metadata,
    _hash("id"),
    _text("route"),
    _text("labels"),
    _text("group_key"),
    _moment("used_at"),
)

notification_log = Table(
    "notification_log",
    metadata,
    _hash("slot"),
    _text("route"),
    _text("labels"),
    _text("receiver"),
    _text("integration"),
    _text("group_key"),
    Column("revision", BigInteger, nullable=False),
    _moment("flushed_at"),
    _moment("sent_at"),
    _identities("firing"),
    _identities("resolved"),
    _identities("pending"),
    _text("receiver_data"),
    _moment("expires_at"),
)

decisions = Table(
    "decisions",
    metadata,
    _number(),
    _moment("at"),
    Column("group_id", BigInteger, nullable=False),
    _text("receiver"),
    _text("integration"),
    _moment("tick"),
    Column("flush_number", BigInteger, nullable=False),
    _text("outcome"),
    Column("reason", Text, nullable=True),
    Column("why_not", Text, nullable=True),
    _identities("firing"),
    _identities("resolved"),
    Column("muted", Text, nullable=True),
    _integer("attempts"),
    _text("error"),
    Column("failure", Text, nullable=True),
    _bool("possible_duplicate"),
    Index(None, "at"),
    Index(None, "receiver", "at"),
    Index(None, "group_id", "at"),
)

attempts = Table(
    "attempts",
    metadata,
    _number(),
    _moment("started_at"),
    Column("group_id", BigInteger, nullable=False),
    _text("receiver"),
    _text("integration"),
    _moment("tick"),
    _integer("number"),
    Column("latency", BigInteger, nullable=False),
    _text("error"),
    Column("reason", Text, nullable=True),
    Index(None, "started_at"),
)

intents = Table(
    "intents",
    metadata,
    _hash("slot"),
    _text("route"),
    _text("labels"),
    _text("receiver"),
    _text("integration"),
    _moment("begun_at"),
)

silences = Table(
    "silences",
    metadata,
    Column("id", Text, primary_key=True),
    _text("matchers"),
    _moment("starts_at"),
    _moment("ends_at"),
    _moment("updated_at"),
    _text("created_by"),
    _text("comment"),
    _text("annotations"),
)

silence_versions = Table(
    "silence_versions",
    metadata,
    _number(),
    _moment("at"),
    _text("action"),
    _text("silence_id"),
    _text("matchers"),
    _moment("starts_at"),
    _moment("ends_at"),
    _moment("updated_at"),
    _text("created_by"),
    _text("comment"),
    _text("annotations"),
    Index(None, "at"),
    Index(None, "silence_id"),
)

reloads = Table(
    "reloads",
    metadata,
    _number(),
    _moment("at"),
    Column("hash", BigInteger, nullable=False),
    _text("config"),
    Index(None, "at"),
)

# What people did besides silences. ``author`` and ``address``: who is known to have, empty when nobody is.
actions = Table(
    "actions",
    metadata,
    _number(),
    _moment("at"),
    _text("action"),
    _text("subject"),
    _text("author"),
    _text("address"),
    _text("outcome"),
    Index(None, "at"),
)

# The index by label over ``alert_transitions`` and ``decisions`` (``source``): see ``chunk``. Written later, for many
# lines at once: an index that the database keeps would dirty a page for every new alert.
history_chunks = Table(
    "history_chunks",
    metadata,
    Column("source", Text, primary_key=True),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    _moment("oldest"),
    _moment("newest"),
    _bool("in_order"),
    _identities("offsets"),
    _identities("positions"),
)

history_labels = Table(
    "history_labels",
    metadata,
    Column("source", Text, primary_key=True),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    _identities("postings"),
    _text("label_values"),
)

# The alerts of our own rules. They are written when their state changes or they are sent, so that annotations and value
# are those that the router was told last. ``rule`` is who the rule is, ``id`` a hash of it and the labels.
rule_alerts = Table(
    "rule_alerts",
    metadata,
    _hash("id"),
    Column("rule", BigInteger, nullable=False),
    _text("labels"),
    _text("annotations"),
    _text("value"),
    _text("state"),
    _moment("active_at"),
    _moment_or_none("fired_at"),
    _moment_or_none("keep_firing_since"),
    _moment_or_none("resolved_at"),
    _moment_or_none("last_sent_at"),
)

# When each group of rules was evaluated last.
rule_groups = Table(
    "rule_groups",
    metadata,
    _hash("id"),
    _text("key"),
    _moment("evaluated_at"),
)

# Flushes that said or changed something, and messages that said something else when they were sent: what a replay needs
# to do at the same moments what was done.
flushes = Table(
    "flushes",
    metadata,
    _number(),
    _moment("at"),
    Column("group_id", BigInteger, nullable=False),
    _moment("due"),
    _moment("tick"),
    Index(None, "at"),
)

renewals = Table(
    "renewals",
    metadata,
    _number(),
    _moment("at"),
    Column("group_id", BigInteger, nullable=False),
    _text("receiver"),
    _text("integration"),
    Index(None, "at"),
)

# Starts, stops, configurations, checkpoints; ``content`` as ``forms`` writes it.
milestones = Table(
    "milestones",
    metadata,
    _number(),
    _moment("at"),
    _text("kind"),
    Column("content", LargeBinary, nullable=True),
    Index(None, "at"),
)

#: The tables whose lines share one row of numbers.
NUMBERED = (
    alert_transitions,
    flushes,
    renewals,
    decisions,
    attempts,
    silence_versions,
    reloads,
    actions,
    milestones,
)

# What was posted, as it came, while the rows of its alerts are not written yet: see ``store.posted``. ``id`` is the number
# of the first line of history that it makes, ``lines`` how many those are. ``places``: which alerts of the body made one,
# four bytes each; empty when all did.
posted = Table(
    "posted",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _moment("at"),
    Column("resolve_timeout", BigInteger, nullable=False),
    _integer("lines"),
    Column("places", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

# ``seen_at``: up to when everything that happened is in the database. ``stopped_at``: there after a clean stop only.
meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
