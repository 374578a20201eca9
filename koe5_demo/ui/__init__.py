"""The page. The only package that imports gradio; its modules named handlers, render, state and text do without."""
