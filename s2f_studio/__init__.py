"""From a drawing to a face: what understands drawings, expects faces, and serves them; over `s2f_utils`."""
