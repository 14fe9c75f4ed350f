"""Outgoing HTTP: everything an ``http_config`` says about a request (`config.md` 7)."""

from alertrouter.http_client.client import USER_AGENT, HttpClient
from alertrouter.http_client.pool import HttpClients
from alertrouter.http_client.response import Response
from alertrouter.http_client.tls import WatchedContext

__all__ = ["USER_AGENT", "HttpClient", "HttpClients", "Response", "WatchedContext"]
