"""Makes what answers drawings from painted people: see the README of tools/shipped."""
