"""``python -m alertrouter`` is the daemon."""

from alertrouter.cli.main import alertrouter

if __name__ == "__main__":
    alertrouter()
