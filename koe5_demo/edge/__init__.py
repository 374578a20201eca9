"""What stands between strangers and the page: headers, limits, health, logs. Plain ASGI; no gradio, no models."""
