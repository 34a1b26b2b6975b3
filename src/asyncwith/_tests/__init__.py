"""The engine's own tests, and the faulty loops, libraries and statements by which the clauses prove that they can fail."""
