"""The people who run the game: roles and the audit log."""
