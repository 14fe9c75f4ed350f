"""Acting on decisions: attempts, backoff, limits per receiver, and what came of it."""
