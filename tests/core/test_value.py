"""Values that are cheap to make are values all the same."""

from __future__ import annotations

from dataclasses import replace

from alertrouter.core.alert import Alert
from alertrouter.core.labels import Labels


def test_equal_values_are_equal_and_can_be_keys() -> None:
    alert = Alert(labels=Labels({"a": "1"}), annotations=Labels(), starts_at=1, ends_at=2, updated_at=3)
    same = replace(replace(alert, ends_at=5), ends_at=2)

    assert same == alert
    assert same is not alert
    assert {alert: "found"}[same] == "found"
    assert not hasattr(alert, "__dict__")
