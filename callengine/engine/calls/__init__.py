"""The calls in progress: each with its snapshot, kept up by what is heard; the book of all."""
