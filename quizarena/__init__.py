"""Quiz Arena: a self-hosted Telegram quiz game for learners of German."""
