"""Scenes rendered for benchmarks: nothing in them is a person."""
