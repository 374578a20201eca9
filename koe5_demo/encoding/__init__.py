"""Text to unit vectors: files from the hub, engines, caches, and the host of a running page."""
