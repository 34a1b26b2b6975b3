"""Faults, seeded one at a time, to prove that the clauses can fail: each must be caught, each clause must catch one."""
