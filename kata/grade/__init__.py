"""A class: submissions taken in, put to the exam in a sandbox, marked, kept in a ledger and reported."""
