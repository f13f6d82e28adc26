"""Measurements that are no tests: they take long or depend on the machine."""
