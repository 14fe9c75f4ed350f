"""`alertmanager.yml` becomes one immutable value, or every problem in it, each with its place."""
