"""A JAX research framework: one config takes a model from data to a served artifact."""
