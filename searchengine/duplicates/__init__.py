"""Copies of the same picture, and pictures like each other: groups with a suggested keeper."""
