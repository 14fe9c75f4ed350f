"""What is given to those who run it."""
