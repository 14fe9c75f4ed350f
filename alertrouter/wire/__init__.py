"""JSON as it goes over the wire: reading what clients post, writing what they get (`api-and-cli.md` 4 and 5)."""

from __future__ import annotations

from alertrouter.wire.errors import SchemaError
from alertrouter.wire.posted_alert import (
    RawAlert,
    decode_alerts,
    pairs_from_raw,
    read_moment,
)
from alertrouter.wire.posted_silence import PostedMatcher, PostedSilence, decode_silence
from alertrouter.wire.shared import Names, share_texts, shared_text

__all__ = [
    "Names",
    "PostedMatcher",
    "PostedSilence",
    "RawAlert",
    "SchemaError",
    "decode_alerts",
    "decode_silence",
    "pairs_from_raw",
    "read_moment",
    "share_texts",
    "shared_text",
]
