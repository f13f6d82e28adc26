"""The writer thread: what the analysis found, made durable with its pictures."""
