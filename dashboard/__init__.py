"""The pages: a folder for each place, and what places share in `parts`."""
