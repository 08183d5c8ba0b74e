"""Counts and times of the service for Prometheus."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import HistogramMetricFamily

from colorizegan.serve.queue import PhotoQueue

BATCHES = ("1.0", "2.0", "3.0", "4.0", "8.0", "+Inf")
SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60)


class Metrics:
    """What is counted, in a registry of its own: several services in one process do not mix."""

    def __init__(self, queue: PhotoQueue) -> None:
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # memory and open descriptors, where the system tells
        self.requests = Counter(
            "colorizegan_requests", "Requests by route and status.", ("route", "status"), registry=registry
        )
        self.seconds = Histogram(
            "colorizegan_request_seconds", "Time from request to answer.", buckets=SECONDS, registry=registry
        )
        self.body_bytes = Counter("colorizegan_received_bytes", "Bytes of bodies that were read.", registry=registry)
        self.photos = Counter("colorizegan_photos", "Photos that were colorized.", registry=registry)
        self.batch_sizes = queue.network.batch_sizes
        registry.register(self)
        self.gauge("colorizegan_queue_waiting", "Requests that wait for their turn.", lambda: queue.waiting)
        self.gauge("colorizegan_photos_under_way", "Photos that are worked on.", lambda: queue.working)
        self.gauge("colorizegan_spooled_bytes", "Uploads that lie on the disk.", lambda: queue.spooled)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """What the registry asks for: how many photos the network took at once."""
        sizes = self.batch_sizes.copy()
        buckets = [(top, sum(n for size, n in sizes.items() if size <= float(top))) for top in BATCHES]
        about, photos = "Photos that the network took at once.", sum(size * n for size, n in sizes.items())
        yield HistogramMetricFamily("colorizegan_batch_photos", about, buckets=buckets, sum_value=photos)

    def gauge(self, name: str, about: str, read: Callable[[], float]) -> None:
        Gauge(name, about, registry=self.registry).set_function(read)
