"""`/v1/agents`: voice agents, in the shape that their vendors use."""
