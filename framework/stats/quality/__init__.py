"""Arithmetic on the quality of data: duplicates, suspect labels, anomalous examples."""
