"""The game: questions, selection and rounds."""
