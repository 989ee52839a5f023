"""Trials as JobSets on TPU slices of Google Kubernetes Engine, ordered and admitted by Kueue."""
