"""Voice agents: their settings, the formats and dialects they speak, one to try calls with."""
