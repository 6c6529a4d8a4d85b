"""Updates in, calls out. Nothing here knows the game, the shop or a text."""
