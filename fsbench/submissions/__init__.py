"""Masks that were made anywhere: reading, validating and scoring them, and writing a run's."""
