"""Drawings of every degree of abstraction, from a soft pencil portrait to an oval with dots, made
from portraits.
"""
