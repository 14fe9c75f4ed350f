"""All SQL: tables, journal, loading, history and its retention."""

from alertrouter.store.entry import JournalSettings
from alertrouter.store.errors import StoreError
from alertrouter.store.journal import Journal
from alertrouter.store.store import Store

__all__ = ["Journal", "JournalSettings", "Store", "StoreError"]
