"""The network of the average face."""
