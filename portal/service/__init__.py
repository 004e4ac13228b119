"""Floor 3: the rules. No SQL strings, no HTTP, no HTML."""
