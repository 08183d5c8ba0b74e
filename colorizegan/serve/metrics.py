"""Counts and times of the service for Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from colorizegan.serve.queue import PhotoQueue

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
        self.batches = Histogram(
            "colorizegan_batch_photos",
            "Photos that the network took at once.",
            buckets=(1, 2, 3, 4, 8),
            registry=registry,
        )
        self.gauge("colorizegan_queue_waiting", "Requests that wait for their turn.", lambda: queue.waiting)
        self.gauge("colorizegan_photos_under_way", "Photos that are worked on.", lambda: queue.working)
        self.gauge("colorizegan_spooled_bytes", "Uploads that lie on the disk.", lambda: queue.spooled)

    def gauge(self, name: str, about: str, read: Callable[[], float]) -> None:
        Gauge(name, about, registry=self.registry).set_function(read)
