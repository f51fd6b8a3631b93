"""Rendering: one table model, shown in a terminal, as plain text, CSV, Markdown, HTML or JSON."""
