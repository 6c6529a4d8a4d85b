"""The ground that the API stands on: clients, scopes, problems, and every effect only once."""
