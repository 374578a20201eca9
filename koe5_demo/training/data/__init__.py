"""What is trained on and what is measured on: triplets and evaluation sets, from the hub or from files."""
