"""One view for each question: from a result to tables."""
