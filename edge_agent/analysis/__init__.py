"""The analysis thread: each camera's frames, in turn, through its pipeline and the one detector."""
