"""Start the page: settings, models, page, server."""

import gc
import sys
from threading import Event, Thread

from koe5_demo.catalog import EMBEDDED_MODEL
from koe5_demo.edge.logs import configure_logging
from koe5_demo.encoding.cache import VectorCache
from koe5_demo.encoding.endpoint import is_endpoint
from koe5_demo.encoding.fast.memory import prepare_memory, share_heaps
from koe5_demo.encoding.host import ModelHost
from koe5_demo.encoding.opening import find_source
from koe5_demo.errors import DemoError
from koe5_demo.ranking.examples import rank_first_example
from koe5_demo.settings import Settings, load_settings
from koe5_demo.ui.build import build_page
from koe5_demo.ui.launch import launch
from koe5_demo.words import Language

BAD_INPUT = 2


def main() -> int:
    """Load the settings and serve until interrupted; return the exit code."""
    language = Language.KO
    try:
        settings = load_settings()
        language = settings.language
        serve(settings)
    except DemoError as error:
        print(error.text(language), file=sys.stderr)  # noqa: T201 the one line that says why there is no page
        return BAD_INPUT
    return 0


def serve(settings: Settings) -> None:
    """Serve the page until interrupted."""
    share_heaps()
    prepare_memory(large_pages=settings.model != EMBEDDED_MODEL)
    configure_logging(settings.log_format)
    if not is_endpoint(settings.model):
        find_source(settings.model)  # a name that means nothing is told now, not by a page without its model
    host = ModelHost(settings, VectorCache(settings.cache_mb * 1_000_000), warm_up=rank_first_example)
    host.start()
    page = build_page(settings, host)
    launch(page, settings, host)
    host.open_wanted()  # not before the page is up: this imports torch
    Thread(target=settle, args=[host.request(EMBEDDED_MODEL)], daemon=True).start()
    page.block_thread()


def settle(loaded: Event) -> None:
    """Leave what the start has made, the first model too, out of the garbage collector's rounds.

    It puts a full round off until there are a quarter as many new objects as old ones. With 350,000 old ones visitors'
    garbage piles up for minutes, and the round then looks at everything.
    """
    loaded.wait()
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    sys.exit(main())
