"""Training for any method that learns with torch: recipes, and a loop that survives being killed."""
