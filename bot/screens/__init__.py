"""The screens of the bot, a package for each noun: what its taps do, its buttons and its texts."""
