"""Whether a service lives, and whether it can do its work."""

from collections.abc import Callable

from apiflask import APIBlueprint, APIFlask
from pydantic import BaseModel

from shared.auth import public
from shared.errors import Unavailable

Check = Callable[[], bool]


class Health(BaseModel):
    """What a healthy service answers."""

    status: str


def install(app: APIFlask, checks: dict[str, Check]) -> None:
    """Serve ``/health/live`` and ``/health/ready``; ready is who passes every check, by the name of what it checks."""
    blueprint = APIBlueprint("health", __name__, tag="Health", url_prefix="/health")

    @blueprint.get("/live")
    @public
    @blueprint.output(Health)
    @blueprint.doc(summary="Whether the process answers")
    def live() -> dict[str, str]:
        return {"status": "live"}

    @blueprint.get("/ready")
    @public
    @blueprint.output(Health)
    @blueprint.doc(summary="Whether everything that the service needs is there", responses={503: "Not ready"})
    def ready() -> dict[str, str]:
        missing = [name for name, check in checks.items() if not check()]
        if missing:
            raise Unavailable(f"Not ready: {', '.join(missing)} cannot be used at the moment.")
        return {"status": "ready"}

    app.register_blueprint(blueprint)
