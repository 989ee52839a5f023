"""Training a small model on what a large one says, and the comparison of both at the end."""
