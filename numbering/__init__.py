"""Telephone numbers: which country's they are, what they cost, what they become on the way."""
