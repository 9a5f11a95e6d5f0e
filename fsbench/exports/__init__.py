"""What leaves fsbench, in the forms of others: one module a form."""
