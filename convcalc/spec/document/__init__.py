"""The document form: YAML, its schema, and the documents that come with convcalc."""
