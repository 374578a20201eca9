"""Start the page: settings, models, page, server."""

import sys

from koe5_demo.edge.logs import configure_logging
from koe5_demo.encoding.cache import VectorCache
from koe5_demo.encoding.host import ModelHost
from koe5_demo.errors import DemoError
from koe5_demo.settings import Settings, load_settings
from koe5_demo.ui.build import build_page
from koe5_demo.ui.handlers import rank_first_example
from koe5_demo.ui.launch import QUEUE_OPTIONS, launch_options


def main() -> None:
    """Load the settings and serve until interrupted."""
    try:
        serve(load_settings())
    except DemoError as error:
        sys.exit(str(error))


def serve(settings: Settings) -> None:
    """Serve the page until interrupted."""
    configure_logging(settings.log_format)
    host = ModelHost(settings, VectorCache(settings.cache_mb * 1_000_000), warm_up=rank_first_example)
    host.start()
    page = build_page(settings, host)
    page.queue(**QUEUE_OPTIONS)
    page.launch(**launch_options(settings, host), prevent_thread_lock=True)
    host.open_wanted()  # not before the page is up: this imports torch
    page.block_thread()


if __name__ == "__main__":
    main()
