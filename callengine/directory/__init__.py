"""What is asked for a call, of the database or of memory that is kept up to date."""
