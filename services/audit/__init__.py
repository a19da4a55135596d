"""The audit: folds the log again into other tables, by the code of the projector, and compares them with the live
tables.
"""
