"""HTTP in m3ter's wire shape: commands and queries. It knows no rules: it reads, asks, and words the answer."""
