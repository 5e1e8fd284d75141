"""What is made of them: pairs, piles, drawn sets, splits, and the manifest."""
