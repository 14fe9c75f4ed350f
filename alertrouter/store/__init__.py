"""All SQL: tables, journal, loading, history and its retention."""

from alertrouter.store.errors import StoreError
from alertrouter.store.journal import Journal, JournalSettings
from alertrouter.store.store import Store

__all__ = ["Journal", "JournalSettings", "Store", "StoreError"]
