"""Acting on decisions: attempts, backoff, limits per receiver, and what came of it.

`alertrouter.delivery.deliver.Delivery` is the way in; `alertrouter.delivery.ports` says what it needs around it.
"""
