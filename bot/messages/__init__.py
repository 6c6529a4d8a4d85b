"""What the bot says on its own: notices, reminders and broadcasts."""
