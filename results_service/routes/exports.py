"""Results as files for other programs, for everybody."""

from typing import Any, Literal

from apiflask import APIBlueprint
from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from results_service import actions
from results_service.actions import exports as made
from results_service.actions.answers import Answer
from results_service.routes import NO_ELECTION, NO_VOTES, OfNow, caching, desk, is_known
from results_service.rules.places import Level
from shared.auth import public

TABLE = {**NO_VOTES, 200: "CSV by RFC 4180, in UTF-8", 422: "There is no such parameter"}

exports = APIBlueprint("exports", __name__, url_prefix="/api/elections", tag="Exports")


class ReportQuery(BaseModel):
    """How small the places are whose counts are in a report."""

    model_config = ConfigDict(extra="forbid")

    level: Literal["region", "constituency", "municipality", "centre", "station"] = Field(
        "municipality", description="Counts of the whole, and of every place of this level."
    )


@exports.get("/<int:election_id>/results.csv")
@public
@exports.input(OfNow, location="query", arg_name="_query")
@exports.doc(summary="The lists of a result, as CSV", responses=TABLE)
def lists_as_csv(election_id: int, _query: OfNow) -> Response:
    result = actions.read_result(desk(), election_id)
    result.body.refuse_votes()
    if is_known(result.tag):
        return Response(status=304, headers=caching(result))
    content = result.form("csv", made.as_list_table)
    return _file(content, "text/csv; charset=utf-8", f"election-{election_id}-lists.csv", caching(result))


@exports.get("/<int:election_id>/results/stations.csv")
@public
@exports.input(OfNow, location="query", arg_name="_query")
@exports.doc(
    summary="What was counted at each polling station, as CSV",
    responses=TABLE,
)
def stations_as_csv(election_id: int, _query: OfNow) -> Response:
    answer = made.stations_as_csv(desk(), election_id, is_known)
    return _answered(answer, "text/csv; charset=utf-8", f"election-{election_id}-stations.csv")


@exports.get("/<int:election_id>/results.nist.json")
@public
@exports.input(ReportQuery, location="query", arg_name="query")
@exports.doc(
    summary="The result as a report of NIST SP 1500-100",
    responses={
        **NO_ELECTION,
        200: "An ElectionResults.ElectionReport; see docs/results-export.md",
        409: "The election was cancelled, or its votes are held back",
        422: "There is no such level",
    },
)
def nist_report(election_id: int, query: ReportQuery) -> Response:
    answer = made.as_nist_report(desk(), election_id, Level(query.level), is_known)
    return _answered(answer, "application/json", f"election-{election_id}-nist.json")


def _answered(answer: Answer[made.Document], mimetype: str, name: str) -> Response:
    if answer.body is None:
        return Response(status=304, headers=caching(answer))
    return _file(answer.body.content, mimetype, name, caching(answer))


def _file(content: bytes, mimetype: str, name: str, headers: dict[str, Any]) -> Response:
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, content_type=mimetype, headers={**headers, **disposition})
