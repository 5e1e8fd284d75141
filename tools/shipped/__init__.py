"""What makes the weights that come along: their data, their trainings, their graphs."""
