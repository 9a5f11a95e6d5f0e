"""Running methods over episodes, and scoring their masks."""
