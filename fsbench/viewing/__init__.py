"""Looking at episodes: views, pictures, overlays and contact sheets."""
