"""What is written of calls, by one thread; read again, masked, and deleted in time."""
