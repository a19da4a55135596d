"""Descriptions of what is spoken over HTTP and Kafka, of settings and of metrics, all made from the code."""
