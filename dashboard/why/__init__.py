"""Why something was refused, asked with whatever a person has at hand."""
