"""The generator of faces, trained on."""
