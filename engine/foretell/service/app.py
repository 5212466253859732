"""The HTTP application: a server's state, the guard, and the routes."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from foretell.service import problems
from foretell.service.asking import Server
from foretell.service.auth import LOOPBACK
from foretell.service.database import Database
from foretell.service.guard import Guard, allowed_hosts
from foretell.service.home import Home
from foretell.service.openapi import complete
from foretell.service.page import routes as page
from foretell.service.rates import Rates
from foretell.service.routes import (
    backtests,
    datasets,
    docs,
    explanations,
    forecasts,
    health,
    jobs,
    metrics,
    models,
    monitors,
    open_inference,
    overrides,
    pipelines,
    predict,
    scenarios,
    totals,
    uploads,
)
from foretell.service.sessions import Sessions
from foretell.service.warm import Warm

logger = logging.getLogger(__name__)

API = "/api/v1"
_ROUTERS = (
    *(uploads.router, datasets.router, models.router, predict.router, backtests.router, forecasts.router),
    *(
        totals.router,
        overrides.router,
        scenarios.router,
        explanations.router,
        monitors.router,
        jobs.router,
        pipelines.router,
    ),
)


def make_app(
    home: Home,
    database: Database,
    *,
    host: str = "127.0.0.1",
    hosts: Sequence[str] | None = None,
    wake: Callable[[], None] = lambda: None,
    testing: bool = False,
) -> FastAPI:
    """The application for a server at `host`. `hosts` are the names that it answers to, by default those that fit `host`."""
    allowed = allowed_hosts(host, home.config.hosts)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(app.state.server.warm.close)

    app = FastAPI(
        lifespan=lifespan,
        title="foretell",
        version=version("foretell"),
        summary="Self-hosted probabilistic demand forecasting",
        openapi_url="/openapi.json",
        docs_url=None,  # FastAPI's own comes from a foreign host
        redoc_url=None,
    )
    limits = home.config.limits
    warm = Warm()
    app.state.server = Server(
        home=home,
        database=database,
        sessions=Sessions(home.key()),
        local=host in LOOPBACK,
        wake=wake,
        warm=warm,
        rates=Rates(limits.requests),
    )
    app.add_middleware(
        Guard, hosts=allowed if hosts is None else hosts, most_body=limits.body, most_upload=limits.upload
    )
    problems.install(app)
    app.include_router(health.router)
    app.include_router(metrics.router)
    _add_amazon(app, home, database, wake=wake, testing=testing)
    app.include_router(page.router)
    app.include_router(open_inference.router)
    app.include_router(docs.router)
    for each in _ROUTERS:
        app.include_router(each, prefix=API)
    app.openapi = complete(app)  # type: ignore[method-assign]
    return app


def _add_amazon(
    app: FastAPI, home: Home, database: Database, *, wake: Callable[[], None], testing: bool
) -> None:
    """The endpoint that boto3 calls, where `foretell[amazon]` is installed."""
    try:
        from foretell.service.amazon.installing import amazon_app
    except ModuleNotFoundError as error:
        logger.info("POST / answers no boto3: %s is not installed (foretell[amazon])", error.name)
        return
    amazon = amazon_app(home, database, wake=wake, testing=testing)
    for path in amazon.paths:
        app.router.routes.append(Route(path, endpoint=amazon, methods=["POST"], include_in_schema=False))
