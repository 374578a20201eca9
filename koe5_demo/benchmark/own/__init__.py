"""Which model for my data: a visitor's own questions and passages, from a spreadsheet to an answer. Knows no page."""
