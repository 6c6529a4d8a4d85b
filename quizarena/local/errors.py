class LocalError(Exception):
    """The environment is not as it must be; the text is one sentence that says what to do."""
