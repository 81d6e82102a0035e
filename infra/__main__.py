"""The whole loop on AWS, for one stack: settings, then components, then exports. Only here do components meet.

A stack is built in two goes. Without `imageDigest` there is the foundation: roles, key, buckets, and the repository to
push the image to. With it there is the rest. No model is needed for either.
"""

from typing import Any

import pulumi
import pulumi_aws as aws

from mlops import loop
from mlops.controller import Controller
from mlops.costs import CostGuard, CostGuardArgs
from mlops.delivery import Delivery, DeliveryArgs
from mlops.deployer import Deployer
from mlops.features import FeatureStore, FeatureStoreArgs
from mlops.identity import Roles, RolesArgs
from mlops.images import ImageRepository, ImageRepositoryArgs
from mlops.monitoring import Monitor, MonitorArgs
from mlops.naming import Names
from mlops.network import Network, NetworkArgs
from mlops.registry import ModelRegistry, ModelRegistryArgs
from mlops.serving import Endpoint, EndpointArgs
from mlops.settings import load_contract, load_settings
from mlops.storage import ArtifactStore, ArtifactStoreArgs
from mlops.tracking import Tracking, TrackingArgs
from mlops.training import TrainingPipeline, TrainingPipelineArgs
from mlops.triggers import DeadLetters, DeadLettersArgs, Triggers, TriggersArgs

project, stack = pulumi.get_project(), pulumi.get_stack()
settings, contract = load_settings(project, stack), load_contract(project)
tags = {"Loop": f"{project}-{stack}", "Project": project, "Stack": stack, "Owner": settings.owner or project}
provider = aws.Provider("aws", region=settings.region, default_tags={"tags": tags})
ours = pulumi.ResourceOptions(providers=[provider])
asking = pulumi.InvokeOptions(provider=provider)
account, partition = aws.get_caller_identity(opts=asking).account_id, aws.get_partition(opts=asking).partition
names = Names(project=project, stack=stack, partition=partition, account=account, region=settings.region)

# --- the foundation: there before any image or model
roles = Roles("roles", RolesArgs(names=names, duties=loop.duties(names, settings)), ours).arns
kept = ArtifactStoreArgs(names=names, settings=settings, key_users=[*roles.values()], row_days=loop.row_days(contract))
store = ArtifactStore("store", kept, ours)
images = ImageRepository("images", ImageRepositoryArgs(names=names, settings=settings, key_arn=store.key_arn), ours)
registry = ModelRegistry("registry", ModelRegistryArgs(names=names), ours)
pulumi.export("foundation", {"image_repository": images.url, "data_bucket": store.data_bucket})
if settings.github:
    delivery = Delivery("delivery", DeliveryArgs(names=names, settings=settings), ours)
    pulumi.export("github_roles", delivery.arns)

# --- the loop: from the first image on
if settings.image_digest:
    network = tracking = None
    if settings.network == "create":
        inside = NetworkArgs(names=names, cidr=settings.network_cidr, spread=loop.spread())
        network = Network("network", inside, ours).placement
    if settings.tracking != "none":
        server = TrackingArgs(names=names, settings=settings, role_arn=roles["tracking"], uri=store.uri("mlflow"))
        tracking = Tracking("tracking", server, ours).arn
    environment = loop.environment(settings, images.url, placement=network, tracking=tracking)
    jobs = loop.jobs(environment, store.key_arn, store.data_bucket, store.artifacts_bucket, store.labelled_uri)
    pipeline = TrainingPipelineArgs(
        names=names,
        jobs=jobs(roles["training"]),
        pipeline_role_arn=roles["pipeline"],
        group_name=registry.group_name,
        approval=contract.approval,
    )
    training = TrainingPipeline("training", pipeline, ours)
    endpoint = EndpointArgs(
        names=names,
        environment=environment,
        settings=settings,
        role_arn=roles["serving"],
        key_arn=store.key_arn,
        capture_uri=store.capture_uri,
    )
    serving = Endpoint("serving", endpoint, ours)
    watching = MonitorArgs(
        names=names,
        jobs=jobs(roles["monitoring"]),
        pipeline_role_arn=roles["pipeline"],
        places=store.watched,
        limits=loop.limits(contract),
        feature_event=loop.feature_event(),
        key_arn=store.key_arn,
        settings=settings,
    )
    monitor = Monitor("monitor", watching, ours)
    guard = CostGuardArgs(names=names, monthly_usd=contract.budget.monthly_usd, topic_arn=monitor.topic_arn)
    budget = CostGuard("budget", guard, ours)

    failed = DeadLetters("failed", DeadLettersArgs(names=names, key_arn=store.key_arn), ours).queue_arn
    told = loop.told(names, store.artifacts_bucket, monitor.topic_arn) | {"MODEL_PACKAGE_GROUP": registry.group_name}
    deciding: dict[str, Any] = {"PIPELINE_NAME": training.pipeline_name, "BUDGET_NAME": budget.budget_name}
    deciding |= {"DATA_BUCKET": store.data_bucket, **loop.retraining(contract, account, monitor.alarm_names)}
    rolling: dict[str, Any] = {"BASE_CONFIG": serving.base_config_name, "SERVING_ROLE_ARN": roles["serving"]}
    rolling |= {"NAME_PREFIX": names.prefix, **loop.rollout(contract, environment, monitor.alarm_names)}
    handler = loop.handler(names, settings, key_arn=store.key_arn, queue_arn=failed)
    controller = Controller("controller", handler(roles["controller"], told | deciding), ours).function_arn
    deployer = Deployer("deployer", handler(roles["deployer"], told | rolling), ours).function_arn
    events = TriggersArgs(
        names=names,
        wakes=loop.wakes(names, contract, controller, deployer),
        schedules=loop.schedules(contract, controller, deployer, monitor.pipeline_arn),
        scheduler_role_arn=roles["scheduler"],
        queue_arn=failed,
        key_arn=store.key_arn,
    )
    Triggers("triggers", events, ours)
    if settings.feature_store == "sagemaker":
        group = FeatureStoreArgs(
            names=names,
            **loop.feature_columns(contract),
            role_arn=roles["features"],
            key_arn=store.key_arn,
            offline_uri=store.features_uri,
        )
        FeatureStore("features", group, ours)
    pulumi.export("loop", {"endpoint": serving.endpoint_name, "dashboard": monitor.dashboard_name})
