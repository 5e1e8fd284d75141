"""What a sketch pad knows and is told, the same for every page that shows it."""
