"""One line of text, looked for everywhere."""
