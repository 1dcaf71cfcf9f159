"""The pages, one module for each place in the rail: fetch, form, service, render."""
