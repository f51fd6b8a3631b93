"""Pictures of layers at work: one file a kind, listed in :mod:`convcalc.render.pictures.draw.answer`."""
