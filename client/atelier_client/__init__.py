"""The Python client of Atelier.

with Client() as client:
    job = client.generate("a red fox", n=2).wait().raise_for_status()
    paths = [image.save("pictures") for image in job.images]
"""

from atelier_client.aio import AsyncBatch, AsyncClient, AsyncImage, AsyncJob
from atelier_client.client import Batch, Client, Image, Job
from atelier_client.errors import ApiError, AtelierError, JobFailed, Unreachable
from atelier_client.live import LiveState, Message, reduce
from atelier_client.parameters import Entry, ImageFilters, JobFilters, Parameters, Providers
from atelier_client.planned import DryRun
from atelier_client.retry import Retry
from atelier_client.values import Provider, Update

__all__ = [
    "ApiError",
    "AsyncBatch",
    "AsyncClient",
    "AsyncImage",
    "AsyncJob",
    "AtelierError",
    "Batch",
    "Client",
    "DryRun",
    "Entry",
    "Image",
    "ImageFilters",
    "Job",
    "JobFailed",
    "JobFilters",
    "LiveState",
    "Message",
    "Parameters",
    "Provider",
    "Providers",
    "Retry",
    "Unreachable",
    "Update",
    "reduce",
]
