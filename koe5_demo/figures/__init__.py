"""Plotly figures from arrays and texts; knows no model. `of_ranking` makes the views of a ranking."""
