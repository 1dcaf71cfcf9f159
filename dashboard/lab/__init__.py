"""The codec lab: what one may ask, and what is shown of it."""
