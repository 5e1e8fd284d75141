"""Drawings: paper classified and cleaned, face and landmarks detected, warped to the mean shape."""

CLEAN = ("auto", "always", "never", "whole")  # how paper is cleaned (`prepare.prepare`)
