"""What questions are made of: a lexicon of German, as files that a teacher reads and edits."""
