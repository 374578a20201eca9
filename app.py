"""Start the page: settings, models, page, server."""

import logging

from koe5_demo.encoding.cache import VectorCache
from koe5_demo.encoding.host import ModelHost
from koe5_demo.settings import load_settings
from koe5_demo.ui.build import build_page
from koe5_demo.ui.launch import QUEUE_SIZE, launch_options

LOCAL_MODEL_SECONDS = 4.0


def main() -> None:
    """Load the settings and the embedded model, and serve until interrupted."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = load_settings()
    host = ModelHost(settings, VectorCache(settings.cache_mb * 1_000_000))
    host.start(wait=LOCAL_MODEL_SECONDS)
    page = build_page(settings, host)
    page.queue(max_size=QUEUE_SIZE, default_concurrency_limit=2)
    page.launch(**launch_options(settings))


if __name__ == "__main__":
    main()
