"""What hears the loop's events."""
