"""`foretell.connect`: the verbs of the library, carried out by a server (`foretell serve`)."""
