"""Signs the log at the end of each quarter hour, so that auditors can prove what was in it."""
