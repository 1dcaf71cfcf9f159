"""What every resource of the API shares: keys asked for, bodies read, errors, pages of lists."""
