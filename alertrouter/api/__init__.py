"""HTTP: Alertmanager's API v2, the management endpoints and what stands around them."""
