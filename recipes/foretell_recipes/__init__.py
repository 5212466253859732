"""foretell's own recipes; the engine finds them through the entry-point group `foretell.recipes`."""
