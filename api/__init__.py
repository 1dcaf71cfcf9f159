"""The REST API: keys, what every resource shares, and one room for each resource."""
