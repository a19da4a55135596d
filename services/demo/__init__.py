"""`trueup demo`: bills a month of real requests under commitments, and proves the bills by the audit."""
