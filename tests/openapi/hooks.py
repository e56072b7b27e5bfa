"""What no schema can say: kept out of the requests that Schemathesis takes to be right."""

import itertools
import json

import schemathesis

NUMBERS = itertools.count()


def whole(value):
    """JSON Schema takes 3.0 for a whole number; Jeton takes plain digits alone (docs/reference.md, Requests)."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, dict):
        return {name: whole(member) for name, member in value.items()}
    return value


@schemathesis.hook
def before_call(context, case, kwargs):
    # Under one key the first answer would be all that is ever seen.
    if case.headers and case.headers.get("Idempotency-Key") == "article-7f3a":
        case.headers["Idempotency-Key"] = f"article-{next(NUMBERS)}"
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    # There is no test clock behind an account's own time, and what that is depends on the requests before.
    if case.headers:
        case.headers.pop("Jeton-Clock", None)
    # Who comes with a service key says whom a read is about.
    if case.operation.method == "get" and any(item.name == "userId" for item in case.operation.query):
        case.query.setdefault("userId", "alice")
    # A range must end after it begins, and not be too long.
    if case.operation.path == "/api/usage":
        case.query.pop("from", None)
        if "to" in case.query:
            case.query["to"] = "2026-11-30T00:00:00Z"
    if isinstance(case.body, dict):
        case.body = whole(case.body)
        # It must lie in the future.
        if "expiresAt" in case.body:
            case.body["expiresAt"] = "2099-12-31T23:00:00Z"
        metadata = case.body.get("metadata")
        if len(json.dumps(metadata, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")) > 2048:
            del case.body["metadata"]
