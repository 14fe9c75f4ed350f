"""Reading the record: what happened, why, and what would have happened."""
