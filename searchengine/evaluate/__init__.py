"""How good and how fast: retrieval metrics, recall against exact search, tuning."""
