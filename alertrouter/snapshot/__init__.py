"""What an Alertmanager leaves behind in its storage directory: its files `silences` and `nflog`, read and translated."""
