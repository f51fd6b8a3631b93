"""The live page: what answers it, the server, and the site that needs none."""
