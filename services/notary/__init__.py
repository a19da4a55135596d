"""Signs the log, quarter hour by quarter hour: what auditors rest on."""
