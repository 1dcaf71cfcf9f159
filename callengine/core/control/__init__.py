"""What engine, fork server and call processes say to each other, a type for each message."""
