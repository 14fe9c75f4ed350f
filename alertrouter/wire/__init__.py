"""JSON as it goes over the wire: reading what clients post, writing what they get (`api-and-cli.md` 4 and 5)."""

from __future__ import annotations

from alertrouter.wire.errors import SchemaError
from alertrouter.wire.posted_alert import (
    RawAlert,
    decode_alerts,
    labels_from_raw,
    read_moment,
    share_texts,
    shared_text,
)
from alertrouter.wire.posted_silence import PostedMatcher, PostedSilence, decode_silence

__all__ = [
    "PostedMatcher",
    "PostedSilence",
    "RawAlert",
    "SchemaError",
    "decode_alerts",
    "decode_silence",
    "labels_from_raw",
    "read_moment",
    "share_texts",
    "shared_text",
]
