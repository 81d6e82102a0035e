"""The network, where a stack has one of its own."""

from __future__ import annotations

from rules.plan import listed
from rules.registry import rule

NEEDED = ("ecr.api", "ecr.dkr", "logs", "monitoring", "s3", "sagemaker.api", "sts")
GATES = {
    "aws_eip",
    "aws_egress_only_internet_gateway",
    "aws_internet_gateway",
    "aws_nat_gateway",
    "aws_route",
    "aws_vpc_peering_connection",
}


@rule("NET-IN", "EC2.13, EC2.18, EC2.2")
def inward(plan):
    """Nobody gets in but from the stack's own security groups; the group that nobody asked for lets nothing through."""
    for each in plan.of("aws_vpc_security_group_ingress_rule"):
        if plan.referred(each["referenced_security_group_id"]) is None or each["cidr_ipv4"] or each["cidr_ipv6"]:
            yield each.address, "it lets in who is none of the stack"
    for group in plan.of("aws_security_group", "aws_default_security_group"):
        if group["ingress"] or group["egress"]:
            yield group.address, "it has rules that stand outside this plan's rules"
    for vpc in plan.of("aws_vpc"):
        if not plan.belonging("aws_default_security_group", "vpc_id", vpc):
            yield vpc.address, "its default group lets all of its members talk to each other"


@rule("NET-OUT", "AWS docs: private subnets")
def outward(plan):
    """There is no way to the internet, no public address, and what goes out is HTTPS."""
    for resource in plan.resources:
        if resource.type in GATES:
            yield resource.address, "it is a way to the internet"
    for table in plan.of("aws_route_table"):
        if table["route"]:
            yield table.address, "it has routes out"
    for subnet in plan.of("aws_subnet"):
        if subnet["map_public_ip_on_launch"]:
            yield subnet.address, "what runs in it gets a public address"
    for each in plan.of("aws_vpc_security_group_egress_rule", "aws_vpc_security_group_ingress_rule"):
        if (each["ip_protocol"], each["from_port"], each["to_port"]) != ("tcp", 443, 443):
            yield each.address, "it lets through more than HTTPS"


@rule("NET-DOORS", "AWS docs: interface endpoints")
def doors(plan):
    """Whatever the jobs need of AWS has an endpoint in the network, in every subnet, with its private name."""
    for vpc in plan.of("aws_vpc"):
        mine = plan.belonging("aws_vpc_endpoint", "vpc_id", vpc)
        names = {str(each["service_name"]).removeprefix(f"com.amazonaws.{plan.region}.") for each in mine}
        for missing in sorted(set(NEEDED) - names):
            yield vpc.address, f"{missing} cannot be reached"
        for each in mine:
            if str(each["service_name"]).endswith(".s3") and each["vpc_endpoint_type"] != "Interface":
                if {plan.referred(t) for t in listed(each.body.get("route_table_ids"))} != set(
                    plan.of("aws_route_table")
                ):
                    yield each.address, "no route leads to it"
            elif each["vpc_endpoint_type"] != "Interface" or not _whole(plan, each):
                yield each.address, "it has no private name, no security group, or is not in every subnet"
        if vpc["enable_dns_support"] is not True or vpc["enable_dns_hostnames"] is not True:
            yield vpc.address, "private names cannot be found"


def _whole(plan, each):
    subnets = [plan.referred(subnet) for subnet in listed(each.body.get("subnet_ids"))]
    groups = listed(each.body.get("security_group_ids"))
    return each["private_dns_enabled"] is True and groups and len(subnets) == len(plan.of("aws_subnet"))


@rule("NET-PLACE", "what names no network lies in the account's default one")
def placed(plan):
    """Subnets, security groups and route tables lie in the stack's network, and every subnet has a route table."""
    for each in plan.of("aws_subnet", "aws_security_group", "aws_default_security_group", "aws_route_table"):
        if plan.referred(each["vpc_id"]) is None:
            yield each.address, "it lies in another network"
    for subnet in plan.of("aws_subnet"):
        tables = plan.belonging("aws_route_table_association", "subnet_id", subnet)
        if not any(plan.referred(each["route_table_id"]) for each in tables):
            yield subnet.address, "it has the main route table, which nobody made"
    for group in plan.of("aws_security_group"):
        if not group["description"]:
            yield group.address, "nobody says what it is for"


@rule("NET-ZONES", "two zones")
def zones(plan):
    """Subnets lie in different zones of the stack's region and do not overlap."""
    subnets = plan.of("aws_subnet")
    places = [subnet["availability_zone"] for subnet in subnets]
    ranges = [subnet["cidr_block"] for subnet in subnets]
    if subnets and (len(set(places)) < 2 or len(set(ranges)) < len(ranges)):
        yield subnets[0].address, "all subnets are in one zone, or two overlap"
    for subnet in subnets:
        if not str(subnet["availability_zone"]).startswith(plan.region):
            yield subnet.address, "its zone is not in the stack's region"
