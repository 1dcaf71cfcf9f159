"""API keys: what they may do, how they are made and taken back, and who guesses at them."""
