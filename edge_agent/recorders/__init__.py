"""Recorders' folders: clips that a household's recorder uploads.

find     which files are complete clips, whose they are and when they were recorded
"""
