"""What pages and engines tell each other, a type for each message."""
