"""Running methods over episodes: units of work to prediction parts and score rows."""
