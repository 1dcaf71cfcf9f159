"""Live and the page of one call: what they show, and what they are told as it changes."""
