from __future__ import annotations

from hypothesis import settings

# How long an example takes is the machine's, which may have much else to do.
settings.register_profile("suite", settings(settings.default, deadline=None))
settings.load_profile("suite")
