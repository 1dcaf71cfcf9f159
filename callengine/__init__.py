"""Calls: planned, carried, recorded. Each room is told in docs/architecture.md."""
