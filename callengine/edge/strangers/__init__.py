"""What those nobody knows may cost, decided before a message is read."""
