"""Who did what: written as rows are saved, by whatever way; rows are only added."""
