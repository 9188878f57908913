"""Fill in the missing cells of a table."""
