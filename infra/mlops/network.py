"""`loopwright:network:Network`: a VPC of its own, with no way out but to the AWS services that the loop needs.

Children: a VPC, two private subnets with a route table, a gateway endpoint for S3 (free), interface endpoints, security
groups. Costs: each interface endpoint by the hour in each of two zones, more than all else of a small stack.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import ec2, vpc

from mlops.environment import Placement

if TYPE_CHECKING:
    from mlops.naming import Names

__all__ = ["Network", "NetworkArgs"]

ZONES = ("a", "b")
SERVICES = ("ecr.api", "ecr.dkr", "logs", "monitoring", "sagemaker.api", "sts")
HTTPS = 443


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """Inputs of `Network`."""

    names: Names
    """The stack's names."""
    cidr: str
    """Address range, /24 or larger; halved into two subnets."""
    spread: bool = False
    """Whether a job runs on several machines, which have to reach each other."""


class Network(pulumi.ComponentResource):
    """Private subnets for jobs and endpoint."""

    placement: Placement
    """The subnets, one a zone, and the security group of whatever runs in them."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("loopwright:network:Network", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._vpc = ec2.Vpc(
            f"{name}-vpc",
            cidr_block=args.cidr,
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags={"Name": args.names.prefix},
            opts=self._child,
        )
        # What nobody asked for: its default security group lets all of its members talk to each other.
        ec2.DefaultSecurityGroup(f"{name}-default", vpc_id=self._vpc.id, opts=self._child)
        table = ec2.RouteTable(f"{name}-routes", vpc_id=self._vpc.id, opts=self._child)
        subnets = self._subnets(table)
        workers = self._group("workers", "jobs and endpoint")
        doors = self._group("doors", "interface endpoints")
        self._rules(workers, doors)
        self._endpoints(table, subnets, doors)
        ids = [subnet.id for subnet in subnets]
        self.placement = Placement(subnet_ids=ids, security_group_ids=[workers.id])
        self.register_outputs({"subnet_ids": ids, "security_group_id": workers.id})

    def _subnets(self, table: ec2.RouteTable) -> list[ec2.Subnet]:
        made = []
        ranges = ipaddress.ip_network(self._args.cidr).subnets()
        for zone, cidr in zip(ZONES, ranges, strict=True):
            subnet = ec2.Subnet(
                f"{self._name}-private-{zone}",
                vpc_id=self._vpc.id,
                cidr_block=str(cidr),
                availability_zone=f"{self._args.names.region}{zone}",
                tags={"Name": f"{self._args.names.prefix}-private-{zone}"},
                opts=self._child,
            )
            ec2.RouteTableAssociation(
                f"{self._name}-routes-{zone}", subnet_id=subnet.id, route_table_id=table.id, opts=self._child
            )
            made.append(subnet)
        return made

    def _group(self, role: str, what: str) -> ec2.SecurityGroup:
        names = self._args.names
        return ec2.SecurityGroup(
            f"{self._name}-{role}",
            name=names.of(role),
            description=f"{what} of {names.prefix}",
            vpc_id=self._vpc.id,
            opts=self._child,
        )

    def _rules(self, workers: ec2.SecurityGroup, doors: ec2.SecurityGroup) -> None:
        """Let workers reach the doors and S3 over HTTPS, and nothing else."""
        https = {"ip_protocol": "tcp", "from_port": HTTPS, "to_port": HTTPS}
        vpc.SecurityGroupIngressRule(
            f"{self._name}-doors-in",
            security_group_id=doors.id,
            referenced_security_group_id=workers.id,
            description="from jobs and endpoint",
            **https,
            opts=self._child,
        )
        vpc.SecurityGroupEgressRule(
            f"{self._name}-workers-out",
            security_group_id=workers.id,
            cidr_ipv4="0.0.0.0/0",  # the route table, not the group, is what ends here: there is no way to the internet
            description="to AWS services, which have no fixed addresses",
            **https,
            opts=self._child,
        )

        if self._args.spread:
            self._among(workers)

    def _among(self, workers: ec2.SecurityGroup) -> None:
        """Let workers reach each other: their own ports, and those of the encryption between them (UDP 500, ESP)."""
        for way, rule in (("in", vpc.SecurityGroupIngressRule), ("out", vpc.SecurityGroupEgressRule)):
            rule(
                f"{self._name}-peers-{way}",
                security_group_id=workers.id,
                referenced_security_group_id=workers.id,
                description="between the machines of one job",
                ip_protocol="-1",
                opts=self._child,
            )

    def _endpoints(self, table: ec2.RouteTable, subnets: list[ec2.Subnet], doors: ec2.SecurityGroup) -> None:
        region = self._args.names.region
        ec2.VpcEndpoint(
            f"{self._name}-s3",
            vpc_id=self._vpc.id,
            service_name=f"com.amazonaws.{region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id],
            opts=self._child,
        )
        for service in SERVICES:
            ec2.VpcEndpoint(
                f"{self._name}-{service.replace('.', '-')}",
                vpc_id=self._vpc.id,
                service_name=f"com.amazonaws.{region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=[subnet.id for subnet in subnets],
                security_group_ids=[doors.id],
                opts=self._child,
            )
