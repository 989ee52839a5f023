"""Command lines for what comes after training."""
