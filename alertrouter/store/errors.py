"""What can go wrong with the store, told apart by what is done about it."""

from __future__ import annotations


class StoreError(Exception):
    """The database did not do what it was asked: what, where, and what helps. Never holds a password."""


class DamagedError(StoreError):
    """The database file is damaged; what can be read is saved into a new one, and this one is set aside."""


class UnstorableError(StoreError):
    """The database is well but cannot hold this value: a fault in the program; asking again will not help."""
