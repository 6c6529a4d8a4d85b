"""The API of promos: redeeming and testing codes, running campaigns, taking back grants."""
