"""What runs a model's two towers: one contract, a file for each runtime."""
