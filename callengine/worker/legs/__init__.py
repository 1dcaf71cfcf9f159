"""What legs of every kind have: the party a runner speaks to, who hears whom, what is lent."""
