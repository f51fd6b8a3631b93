"""Rendering: from results to what people and programs read.

A view (``views/``) makes tables and texts of a result (``table``), an ``answer`` gathers them, and ``text``,
``data``, ``html`` and ``terminal`` write them. ``numbers`` says how a number, a size or a closed form is
written; ``pictures/`` draws.
"""
