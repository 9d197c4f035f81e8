"""How the two sides speak: what crosses, where an implementation runs, what is said of the answers."""
