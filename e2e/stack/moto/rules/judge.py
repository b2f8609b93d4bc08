"""Judges a request by policy documents.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html: an explicit Deny wins, then an
Allow, else nothing is said. moto's own judge refuses where a condition of an Allow does not hold, knows no NotResource, and
takes a Deny without a resource (as trust policies have it) for an Allow.
"""

import functools
import json
import re
from datetime import datetime, timezone

ALLOW, DENY, NEUTRAL = "Allow", "Deny", "Neutral"

_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnLike",
    "ArnNotLike": "ArnLike",
}


def judge(documents, action, resource, context):
    """Allow, Deny or Neutral. In: texts of policies, "iam:GetUser", an ARN or "*", lists by condition key in lower case."""
    return _verdict(documents, lambda statement: _covers(statement, action, resource, context))


def judge_trust(document, action, principals, context):
    """The element of `principals` that a trust policy allows, or None. A Deny for any of them wins over each Allow."""
    named = [name for name in principals if _trusts(document, action, [name], context) == ALLOW]
    return named[0] if named and _trusts(document, action, principals, context) == ALLOW else None


def _trusts(document, action, principals, context):
    def covers(statement):
        return _names(statement, principals) and _covers({**statement, "Resource": "*"}, action, "*", context)

    return _verdict([document], covers)


def _verdict(documents, covers):
    verdict = NEUTRAL
    for document in documents:
        for statement in _listed(parsed(document).get("Statement")):
            if not covers(statement):
                continue
            if statement["Effect"] == DENY:
                return DENY
            verdict = ALLOW
    return verdict


@functools.lru_cache(maxsize=4096)
def parsed(document):
    return json.loads(document)


def _covers(statement, action, resource, context):
    if "NotAction" in statement:
        named = not _any_like(statement["NotAction"], action, context, ignore_case=True)
    else:
        named = _any_like(statement.get("Action"), action, context, ignore_case=True)
    if not named:
        return False
    if "NotResource" in statement:
        if _any_like(statement["NotResource"], resource, context):
            return False
    elif not _any_like(statement.get("Resource"), resource, context):
        return False
    return all(
        _holds(operator, key, _listed(wanted), context)
        for operator, tests in statement.get("Condition", {}).items()
        for key, wanted in tests.items()
    )


def _names(statement, principals):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html"""
    if "NotPrincipal" in statement:
        raise NotImplementedError("NotPrincipal is not judged here")
    principal = statement.get("Principal")
    if principal == "*":
        return True
    named = [f"{kind}:{value}" for kind, values in (principal or {}).items() for value in _listed(values)]
    return any(value == "AWS:*" or value in principals for value in named)


def _holds(operator, key, wanted, context):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"""
    actual = context.get(key.lower())
    if operator == "Null":
        return all((actual is None) == (str(value).lower() == "true") for value in wanted)
    quantifier, _, plain = operator.rpartition(":")
    if_exists = plain.endswith("IfExists")
    plain = plain.removesuffix("IfExists")
    positive = _NEGATED.get(plain, plain)
    negated = positive != plain
    if actual is None:
        return if_exists or negated or quantifier == "ForAllValues"
    met = [any(_compares(positive, value, one, context) for one in wanted) != negated for value in actual]
    return any(met) if quantifier == "ForAnyValue" else all(met)


def _compares(operator, actual, wanted, context):
    if operator == "StringEquals":
        return actual == _filled(wanted, context)
    if operator == "StringEqualsIgnoreCase":
        return actual.lower() == str(_filled(wanted, context)).lower()
    if operator in ("StringLike", "ArnLike", "ArnEquals"):
        return _like(wanted, actual, context)
    if operator == "Bool":
        return actual.lower() == str(wanted).lower()
    if operator in ("DateLessThan", "DateGreaterThan"):
        left, right = _time(actual), _time(wanted)
        return left < right if operator == "DateLessThan" else left > right
    raise NotImplementedError(f"the condition operator {operator} is not judged here")


def _time(text):
    time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def _filled(pattern, context):
    """With its policy variables; None where one of them has no value."""
    names = re.findall(r"\$\{([^}]+)\}", pattern)
    for name in names:
        values = context.get(name.lower())
        if values is None:
            return None
        pattern = pattern.replace("${" + name + "}", values[0])
    return pattern


def _any_like(patterns, text, context, ignore_case=False):
    return any(_like(pattern, text, context, ignore_case) for pattern in _listed(patterns))


def _like(pattern, text, context, ignore_case=False):
    filled = _filled(pattern, context)
    return filled is not None and _compiled(filled, ignore_case).fullmatch(text) is not None


@functools.lru_cache(maxsize=4096)
def _compiled(pattern, ignore_case):
    parts = ({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return re.compile("".join(parts), (re.IGNORECASE if ignore_case else 0) | re.DOTALL)


def _listed(value):
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
