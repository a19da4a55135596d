"""What if a commitment, a plan or a price were different: the bills that would follow, beside today's. Nothing is
written, and the address keeps the question.
"""

from typing import Any
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from services.console.asking import ApiRefused, or_missing, together
from services.console.looks import HEADERS
from services.console.prices import plans_of
from services.console.supposable import KINDS
from services.console.supposing import Subject, refusal, subject_of
from services.console.visits import Visit

#: The last day that is billed.
_TO = "to"
#: Statuses with which the API refuses a question; any other status is an error of the page.
_REFUSED = (400, 404, 409)


async def page(visit: Visit) -> Response:
    """The question, and its answer once something is changed."""
    asking, id = visit.asking, visit.request.path_params["account"]
    answers = await together(
        account=asking.get("accounts", id),
        commitments=or_missing(asking.get("commitments", accountId=id)),
        balances=or_missing(asking.get("balances", accountId=id)),
        plans=or_missing(plans_of(asking, id, every_price=True)),
        config=asking.get("organizationconfig"),
        **{name: asking.get(kind.path, chosen) for name, kind in KINDS.items() if (chosen := visit.query.get(name))},
    )
    query = _typed(visit)
    zone = answers["account"].get("timezone") or answers["config"]["timezone"]
    subjects = [subject_of(kind, answers[name], query, zone) for name, kind in KINDS.items() if name in answers]
    question = _question(subjects, query)
    if question.keys() != query.keys():  # a form also sends unchanged fields
        return RedirectResponse(_address(visit, question), 303, HEADERS)
    answer, problem = await _answered(visit, id, subjects)
    values = {"subjects": subjects, "question": question, "answer": answer, "problem": problem}
    values["of"] = lambda **subject: _address(visit, question | subject)
    values["without"] = lambda kind: _address(visit, _without(question, kind))
    refused = problem or any(field.problem for subject in subjects for field in subject.fields.values())
    return await visit.page("what_if.html", 400 if refused else 200, **answers, **values)


def _typed(visit: Visit) -> dict[str, str]:
    """The parameters in the address, including blank ones: a blank term is to be removed."""
    return {name: text.strip() for name, text in visit.request.query_params.items()}


def _question(subjects: list[Subject], query: dict[str, str]) -> dict[str, str]:
    """The parameters that repeat the question: its subject, and the changed terms."""
    question = {subject.kind.name: query[subject.kind.name] for subject in subjects}
    question |= {field.key: field.text for subject in subjects for field in subject.changed}
    return question | ({_TO: query[_TO]} if query.get(_TO) else {})


def _without(question: dict[str, str], kind: str) -> dict[str, str]:
    return {key: text for key, text in question.items() if key.partition(".")[0] != kind}


def _address(visit: Visit, question: dict[str, str]) -> str:
    """The address of the page with this question; blank parameters are kept, because they have a meaning."""
    path = visit.to.to("accounts", visit.request.path_params["account"], "what-if")
    return f"{path}?{urlencode(question)}" if question else path


async def _answered(visit: Visit, account: str, subjects: list[Subject]) -> tuple[Any, str]:
    """The bills side by side once something is changed, or an error of the whole question; errors of a field stand
    beside the field.
    """
    supposed = {subject.kind.listed: [subject.document()] for subject in subjects if subject.changed}
    if not supposed or any(field.problem for subject in subjects for field in subject.fields.values()):
        return None, ""
    body = {"accountId": account, **supposed}
    if last := visit.query.get(_TO):
        body["lastDateInBillingPeriod"] = last
    try:
        return await visit.asking.send("POST", "bills", "whatif", body=body), ""
    except ApiRefused as error:
        if error.status not in _REFUSED:
            raise
        return None, refusal(subjects, str(error))
