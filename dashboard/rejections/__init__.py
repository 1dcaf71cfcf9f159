"""What was refused, and who is kept out."""
