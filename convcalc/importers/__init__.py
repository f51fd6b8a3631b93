"""What people have in other notations, read into the language of convcalc."""
