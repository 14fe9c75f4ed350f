"""All SQL: tables, journal, loading, history and its retention."""

from alertrouter.store.errors import StoreError
from alertrouter.store.journal import Journal
from alertrouter.store.store import Store
from alertrouter.store.writer import JournalSettings

__all__ = ["Journal", "JournalSettings", "Store", "StoreError"]
