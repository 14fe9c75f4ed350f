"""All live state, and every decision about it, without I/O: events and a moment in, values out."""
