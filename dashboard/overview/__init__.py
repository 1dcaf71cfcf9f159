"""The first page: what goes on, and what needs somebody."""
