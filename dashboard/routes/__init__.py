"""Routes, and where a number would go."""
