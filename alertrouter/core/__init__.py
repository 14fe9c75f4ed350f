"""Nouns and rules of alerting, without state, clock or I/O."""
