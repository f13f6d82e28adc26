"""Trying detectors: on labelled pictures (how good), and on this box (how dear)."""
