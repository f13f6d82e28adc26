"""Tuning as an experiment: a recording is decoded and inferred once, and decided many times."""
