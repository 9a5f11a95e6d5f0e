"""What scores are: rows of frames, their means, results, and statistics of them."""
