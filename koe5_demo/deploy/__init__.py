"""Puts the project on a Hugging Face Space. The page never imports this."""
