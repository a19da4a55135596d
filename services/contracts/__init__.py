"""Contracts for machines: what is spoken over HTTP and through Kafka, as documents that are made from the code."""
