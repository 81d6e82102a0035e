"""Roles: who assumes them, who passes them, and that each may do what it is there for and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loopwright.wiring.findings import Finding
from loopwright.wiring.iam import allowed, as_list, principals, statements
from loopwright.wiring.needs import CALLS, needs
from loopwright.wiring.stack import parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopwright.graph.model import Node
    from loopwright.wiring.stack import Stack

__all__ = ["RULES"]

SAGEMAKER = "sagemaker.amazonaws.com"
# By type and input, the service that assumes the role there.
ASSUMED = {
    "aws:lambda/function:Function": ("role", "lambda.amazonaws.com"),
    "aws:sagemaker/featureGroup:FeatureGroup": ("roleArn", SAGEMAKER),
    "aws:sagemaker/mlflowApp:MlflowApp": ("roleArn", SAGEMAKER),
    "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer": ("roleArn", SAGEMAKER),
    "aws:sagemaker/model:Model": ("executionRoleArn", SAGEMAKER),
    "aws:sagemaker/pipeline:Pipeline": ("roleArn", SAGEMAKER),
}
# Actions that know no resource, and what is said of them instead.
NO_RESOURCE = {
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "sagemaker:ListEndpointConfigs",
    "sagemaker:ListModels",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
LAMBDA = {"logs:CreateLogStream", "logs:PutLogEvents"}
TRACING = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


def uses(stack: Stack) -> Iterator[tuple[Node, str, Node, str]]:
    """Yield where a role is used: node, path, role, and the service that assumes it."""
    for node in stack.graph.resources():
        field, service = ASSUMED.get(node.type, ("", ""))
        if role := stack.at(stack.inputs(node).get(field), "role"):
            yield node, field, role, service
    for node in stack.of("schedule"):
        if role := stack.at((stack.inputs(node).get("target") or {}).get("roleArn"), "role"):
            yield node, "target.roleArn", role, "scheduler.amazonaws.com"
    for node, where, role in step_roles(stack):
        yield node, f"{where}.Arguments.RoleArn", role, SAGEMAKER


def step_roles(stack: Stack) -> Iterator[tuple[Node, str, Node]]:
    """Yield the roles of the steps of pipelines."""
    for node, body in stack.definitions.values():
        for where, step in stack.steps(body):
            if role := stack.at(step.get("Arguments", {}).get("RoleArn"), "role"):
                yield node, where, role


def trust(stack: Stack) -> Iterator[Finding]:
    """A role lets the service assume it that is to use it; one that no service uses is for nothing."""
    used = set()
    for node, where, role, service in uses(stack):
        stack.proven["roles in use"] += 1
        used.add(role.id)
        given = [
            each
            for each in statements(stack.json(role, "assumeRolePolicy"))
            if service in principals(each, "Service") and "sts:AssumeRole" in as_list(each.get("Action"))
        ]
        # Who assumes it is no resource; a role's trust has none.
        if not allowed([{**each, "Resource": "*"} for each in given], "sts:AssumeRole", "*", stack.context):
            because = f"{service} uses it, and the trust policy of {role.id} does not let it"
            yield _broken("roles.trust", node, where, f"{stack.name(role)} cannot be assumed", because)
    for role in stack.of("role") if stack.functions else ():
        services = [each for each in statements(stack.json(role, "assumeRolePolicy")) if principals(each, "Service")]
        if services and role.id not in used:
            because = "no function, job, model, pipeline or schedule of the stack has it"
            yield _broken("roles.idle", role, "", f"nobody uses {stack.name(role)}", because)


def passed(stack: Stack) -> Iterator[Finding]:
    """Whoever hands a role on may pass exactly the roles that it hands on, to exactly the service that takes them."""
    if not stack.functions:
        return
    wanted = _wanted(stack)
    for role in stack.of("role"):
        given: dict[str, list[Any]] = {}
        for statement in stack.policy(role):
            if "iam:PassRole" in as_list(statement.get("Action")):
                services = (statement.get("Condition") or {}).get("StringEquals", {}).get("iam:PassedToService")
                given |= {resource: as_list(services) for resource in as_list(statement.get("Resource"))}
        needed = wanted.get(role.id, set())
        for arn in sorted(needed - set(given)):
            because = f"it hands {arn} on, and its policy does not let it pass that role"
            yield _broken("roles.pass", role, "policy", f"{stack.name(role)} is refused", because)
        for arn in sorted(set(given) - needed):
            because = f"nothing it starts runs as {arn}"
            yield _broken("roles.pass", role, "policy", f"{stack.name(role)} may pass a role too many", because)
        for arn in sorted(set(given) & needed):
            if given[arn] != [SAGEMAKER]:
                because = f"iam:PassedToService is {', '.join(given[arn]) or 'not said'}, and {SAGEMAKER} takes {arn}"
                yield _broken("roles.pass", role, "policy", f"{stack.name(role)} is refused", because)


def _wanted(stack: Stack) -> dict[str, set[str]]:
    """Return the ARNs of the roles that each role hands on."""
    wanted: dict[str, set[str]] = {}
    for node, _, role in step_roles(stack):
        if starter := stack.at(stack.inputs(node).get("roleArn"), "role"):
            wanted.setdefault(starter.id, set()).add(stack.arn(role))
    for word, node in stack.functions.items():
        handed = stack.variables(word).get("SERVING_ROLE_ARN")
        mine = stack.at(stack.inputs(node).get("role"), "role")
        if handed and mine:
            wanted.setdefault(mine.id, set()).add(handed)
    return wanted


def narrow(stack: Stack) -> Iterator[Finding]:
    """A statement on every resource is only about actions that know none, and a condition narrows it."""
    for role in stack.of("role"):
        for statement in stack.policy(role):
            actions = as_list(statement.get("Action"))
            stack.proven["IAM actions"] += len(actions)
            if "*" not in as_list(statement.get("Resource")):
                continue
            wide = sorted(set(actions) - NO_RESOURCE)
            if wide or not statement.get("Condition"):
                what = f"{statement.get('Sid')} is about every resource"
                because = f"{', '.join(wide)} know narrower ones" if wide else "no condition narrows it"
                yield _broken("roles.star", role, "policy", what, because)


def calls(stack: Stack) -> Iterator[Finding]:
    """Every call that a handler makes is allowed on what it is about, and nothing is allowed that none makes."""
    for word, node in stack.functions.items():
        role = stack.at(stack.inputs(node).get("role"), "role")
        if role is None:
            continue
        given, used = stack.policy(role), set(_of_lambda(stack, node))
        for call in stack.sources.calls(word):
            stack.proven["calls of handlers"] += 1
            place = f"infra/mlops/handlers/{call.module}.py:{call.line}"
            if (call.service, call.method) not in CALLS:
                because = "loopwright/wiring/needs.py does not list it, so nobody knows what it needs"
                yield _broken("roles.call", role, place, f"{call.service}.{call.method} is not known", because)
            for need in needs(stack, word, call):
                used.add(need.action)
                context = {**stack.context, **need.context}
                if not allowed(given, need.action, need.resource, context):
                    said = f" for {', '.join(need.context.values())}" if any(need.context.values()) else ""
                    because = f"{place} calls {call.method}: {need.action} on {need.resource}{said}"
                    yield _broken("roles.action", role, "policy", f"the {word} is refused {need.action}", because)
        granted = {action for each in given for action in as_list(each.get("Action"))}
        for action in sorted(granted - used):
            because = f"nothing that handlers/{word}.py imports calls it"
            yield _broken("roles.unused", role, "policy", f"the {word} is allowed {action} for nothing", because)


def _of_lambda(stack: Stack, node: Node) -> Iterator[str]:
    """Yield what Lambda itself does in a function's name."""
    yield from LAMBDA
    if (stack.inputs(node).get("tracingConfig") or {}).get("mode") == "Active":
        yield from TRACING
    if stack.inputs(node).get("deadLetterConfig"):
        yield "sqs:SendMessage"


def images(stack: Stack) -> Iterator[Finding]:
    """Whatever runs the image may pull it, and write to its own log."""
    running = {role.id: role for _, _, role in step_roles(stack)}
    for node in stack.of("model"):
        if role := stack.at(stack.inputs(node).get("executionRoleArn"), "role"):
            running[role.id] = role
    for role in running.values():
        for repository in stack.of("repository"):
            for action in PULL:
                if not allowed(stack.policy(role), action, stack.arn(repository), stack.context):
                    because = f"it runs the image, and its policy does not allow {action} on {repository.id}"
                    yield _broken("roles.image", role, "policy", f"{stack.name(role)} cannot start", because)
        if not allowed(stack.policy(role), "ecr:GetAuthorizationToken", "*", stack.context):
            because = "it runs the image, and may not log in to the registry"
            yield _broken("roles.image", role, "policy", f"{stack.name(role)} cannot start", because)
    yield from _logs(stack)


def _logs(stack: Stack) -> Iterator[Finding]:
    for node in stack.of("function"):
        group = f"log-group:/aws/lambda/{stack.name(node)}:x"
        if role := stack.at(stack.inputs(node).get("role"), "role"):
            yield from _writes(stack, role, group)
    for _, body in stack.definitions.values():
        for _, step in stack.steps(body):
            if role := stack.at(step.get("Arguments", {}).get("RoleArn"), "role"):
                yield from _writes(stack, role, f"log-group:/aws/sagemaker/{step.get('Type')}Jobs:x")
    for name, node in stack.named("endpoint").items():
        config = stack.at(stack.inputs(node).get("endpointConfigName"), "endpoint-config")
        for variant in (stack.inputs(config).get("productionVariants") or []) if config else []:
            model = stack.at(variant.get("modelName"), "model")
            if model and (role := stack.at(stack.inputs(model).get("executionRoleArn"), "role")):
                yield from _writes(stack, role, f"log-group:/aws/sagemaker/Endpoints/{name}:x")


def _writes(stack: Stack, role: Node, group: str) -> Iterator[Finding]:
    arn = f"arn:aws:logs:{stack.region}:{stack.context['aws:SourceAccount']}:{group}"
    if not allowed(stack.policy(role), "logs:PutLogEvents", arn, stack.context):
        because = f"its policy does not allow logs:PutLogEvents on {arn.removesuffix(':x')}"
        yield _broken("roles.log", role, "policy", f"{stack.name(role)} writes no log", because)


def guarded(stack: Stack) -> Iterator[Finding]:
    """SageMaker reads the rollback alarms in the name of the endpoint's role while it moves traffic."""
    names = parsed(stack.variables("deployer").get("ROLLBACK_ALARMS"))
    role = stack.at(stack.variables("deployer").get("SERVING_ROLE_ARN"), "role")
    serverless = any(
        "serverlessConfig" in variant
        for node in stack.of("endpoint-config")
        for variant in stack.inputs(node).get("productionVariants") or []
    )
    if role is None or not isinstance(names, list) or serverless:
        return
    for name in names:
        alarm = stack.at(name, "alarm")
        if alarm and not allowed(stack.policy(role), "cloudwatch:DescribeAlarms", stack.arn(alarm), stack.context):
            because = f"a deployment with automatic rollback needs cloudwatch:DescribeAlarms on {name} for this role"
            yield _broken("roles.rollback", role, "policy", "SageMaker cannot see the rollback alarm", because)


def pipelines(stack: Stack) -> Iterator[Finding]:
    """The role of a pipeline may start, see and stop its jobs, and register what it is to register."""
    for name, (node, body) in stack.definitions.items():
        role = stack.at(stack.inputs(node).get("roleArn"), "role")
        for _, step in stack.steps(body) if role else ():
            for action, resource in _asked(stack, step):
                if role and not allowed(stack.policy(role), action, resource, stack.context):
                    because = f"the step {step.get('Name')} of {name} needs {action} on {resource}"
                    yield _broken("roles.step", role, "policy", f"{name} cannot run", because)


def _asked(stack: Stack, step: dict[str, Any]) -> Iterator[tuple[str, str]]:
    here = f"arn:aws:sagemaker:{stack.region}:{stack.context['aws:SourceAccount']}"
    kind, arguments = step.get("Type"), step.get("Arguments", {})
    if kind in {"Processing", "Training"}:
        for verb in ("Create", "Describe", "Stop"):
            yield f"sagemaker:{verb}{kind}Job", f"{here}:{str(kind).lower()}-job/pipelines-x"
        yield "sagemaker:AddTags", f"{here}:{str(kind).lower()}-job/pipelines-x"
    if kind == "RegisterModel":
        group = arguments.get("ModelPackageGroupName")
        yield "sagemaker:CreateModelPackage", f"{here}:model-package-group/{group}"
        yield "sagemaker:CreateModelPackage", f"{here}:model-package/{group}/1"


def _broken(rule: str, node: Node, where: str, what: str, because: str) -> Finding:
    attempt = "mend infra/mlops/policies/roles.py, where each duty has one function"
    return Finding(rule=rule, node=node.id, path=where, what=what, because=because, attempt=attempt)


RULES = (trust, passed, narrow, calls, images, guarded, pipelines)
