"""`make bench`: what the product does, beside what plain PostgreSQL does in the same run."""
