"""Values to rows and back, a file for each noun. The order of a row is the order of its table's columns."""
