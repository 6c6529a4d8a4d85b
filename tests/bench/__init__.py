"""`make bench`: what the product does, measured beside what plain PostgreSQL does in the same run."""
