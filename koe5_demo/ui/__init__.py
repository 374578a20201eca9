"""The page. The only package that imports gradio, and of its modules only `boundary`, `build`, `theme` and the tabs."""
