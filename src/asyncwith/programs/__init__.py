"""Random programs made of managers, judged against an executable specification."""
