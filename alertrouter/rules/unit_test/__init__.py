"""Tests of rules that need no metrics server: what it would answer stands in the test."""
