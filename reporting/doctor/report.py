"""The report of a probe: Markdown for users to read and send, with one JSON block. Does no probing itself."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
from typing import Any

from livegold.reporting.doctor.exchanges import Redactor
from livegold.reporting.doctor.probe import Probed
from livegold.reporting.doctor.questions import DIFFERS, QUESTIONS, verdict_on
from livegold.reporting.powerbi.limits import REQUEST_ID_HEADER


def as_json(probed: Probed, redact: Redactor, service: str) -> dict[str, Any]:
    """The report as one JSON document with ids removed by `redact`. `service` is the address of the API."""
    for value, name in probed.ids.items():
        redact.name(value, name)
    findings = []
    for key, question in QUESTIONS.items():
        result = probed.results.get(key)
        verdict, meaning = verdict_on(key, result.answer if result else None)
        evidence = result.evidence if result else ()
        for exchange in evidence:
            redact.keep(exchange.headers.get(REQUEST_ID_HEADER, ""))
        findings.append(
            {
                "key": key,
                "question": question.text,
                "answer": result.answer if result else "not asked",
                "detail": result.detail if result else "",
                "assumed": list(question.assumed),
                "verdict": verdict,
                "means": meaning,
                "exchanges": [e.as_json() for e in evidence],
            }
        )
    document = {
        "livegold": importlib.metadata.version("livegold"),
        "service": service,
        "began": dt.datetime.fromtimestamp(probed.began, dt.UTC).isoformat(timespec="seconds"),
        "seconds": round(probed.seconds, 1),
        "leftovers": probed.leftovers,
        "undeleted": probed.undeleted,
        "findings": findings,
    }
    redacted: dict[str, Any] = redact.everywhere(document)
    return redacted


def as_markdown(document: dict[str, Any]) -> str:
    """The document of `as_json` in readable form, with the document itself as the JSON block at the end."""
    findings = document["findings"]
    verdicts = [f["verdict"] for f in findings]
    counted = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts))
    lines = [
        "# livegold probe",
        "",
        f"livegold {document['livegold']} against {document['service']}, {document['began']}, "
        f"{document['seconds']:.0f} s: {counted}.",
        "",
    ]
    for key, what in (("leftovers", "Left behind by earlier probes"), ("undeleted", "Could not be deleted")):
        if document[key]:
            lines += [f"{what}, delete in the workspace: " + ", ".join(f"`{n}`" for n in document[key]), ""]
    lines += ["| question | answer | verdict |", "|---|---|---|"]
    for finding in findings:
        said = finding["answer"] + (f" ({finding['detail']})" if finding["detail"] else "")
        verdict = finding["verdict"]
        if verdict == DIFFERS:
            verdict = f"**differs** from {' / '.join(finding['assumed'])}: {finding['means']}"
        lines.append(f"| {_cell(finding['question'])} | {_cell(said)} | {_cell(verdict)} |")
    text = json.dumps(document, indent=1, ensure_ascii=False)
    # A fence longer than any in the response bodies.
    fence = "```"
    while fence in text:
        fence += "`"
    return "\n".join([*lines, "", "Every answer word for word:", "", f"{fence}json", text, fence, ""])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
