"""Recorders' folders: clips that a household's recorder uploads.

find     which files are complete clips, whose they are and when they were recorded
ledger   which files there were, and what became of each; in the outbox's database
ingest   the thread that analyses the clips, each once
"""
