"""An alert routing daemon: a drop-in replacement for Prometheus Alertmanager."""

__version__ = "0.1.0"

#: The Alertmanager release whose behaviour, API and metrics this release follows.
ALERTMANAGER_VERSION = "0.34.0"
