"""The page: gradio and markup. What is shown is computed in the rooms below."""
