"""The line form: its text, expressions, stages, arguments and errors."""
