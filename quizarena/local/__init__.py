"""Everything between a fresh clone and running processes; no part of it is needed in production."""
