"""How firm an engine stands under attack."""
