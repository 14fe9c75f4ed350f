"""What is unwise in rules, though they load."""
