"""Who we are to AWS: the chain of places where credentials are looked for, each as AWS describes it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from alertrouter.clock import SystemClock
from alertrouter.config.http import HttpConfig
from alertrouter.core.time import HOUR, MINUTE, Moment, format_rfc3339
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.http_client import HttpClient
from alertrouter.integrations import Connection
from alertrouter.integrations._aws import element, endpoint
from alertrouter.integrations._aws_credentials import CredentialSource
from alertrouter.integrations._aws_profiles import Account
from tests.integrations.examples import NOON
from tests.receivers import Answer, HttpReceiver, Misbehave

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from alertrouter.integrations._sigv4 import Credentials
    from tests.receivers import ReceivedRequest

pytestmark = pytest.mark.anyio


@dataclass
class StoppedClock(SystemClock):
    moment: Moment = NOON

    def now(self) -> Moment:
        return self.moment


@dataclass
class World:
    """Everything of AWS on one server: the token service, the metadata of a machine and of a container."""

    receiver: HttpReceiver
    directory: Path
    clock: StoppedClock = field(default_factory=StoppedClock)
    environ: dict[str, str] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    signed_by: list[str] = field(default_factory=list)
    lifetime: int = HOUR
    clients: list[HttpClient] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.receiver.answer_with(self.answer)
        self.environ |= {
            "HOME": str(self.directory),
            "AWS_ENDPOINT_URL_STS": self.receiver.url("/sts"),
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.receiver.url("/machine/"),
        }

    def source(self, **account: str) -> CredentialSource:
        http = HttpClient(HttpConfig(), self.clock)
        self.clients.append(http)
        connection = Connection(http=http, clock=self.clock, working_directory=self.directory)
        return CredentialSource(Account(**account), connection, self.environ)

    async def find(self, **account: str) -> Credentials:
        return await self.source(**account).current("eu-west-1")

    def write(self, name: str, text: str) -> str:
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return str(path)

    def answer(self, request: ReceivedRequest) -> Answer:
        match request.method, request.target:
            case "POST", "/sts":
                return self._sts(request)
            case "PUT", "/machine/latest/api/token":
                assert request.headers["x-aws-ec2-metadata-token-ttl-seconds"] == "21600"
                return Answer(200, b"session")
            case "GET", "/machine/latest/meta-data/iam/security-credentials/":
                return self._machine(request, b"the role")
            case "GET", "/machine/latest/meta-data/iam/security-credentials/the%20role":
                return self._machine(request, self._json("machine"))
            case "GET", "/container":
                assert request.headers["authorization"] == "container-token"
                return Answer(200, self._json("container"))
            case _:
                return Answer(404)

    def _sts(self, request: ReceivedRequest) -> Answer:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        self.asked.append(form)
        authorization = request.headers.get("authorization", "")
        self.signed_by.append(authorization.partition("Credential=")[2].partition("/")[0])
        assert form["Version"] == "2011-06-15"
        if form["Action"] == "AssumeRole":
            assert "/eu-west-1/sts/aws4_request" in authorization
        if form["RoleArn"] == "forbidden":
            return Answer(
                403,
                b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>You &amp; I</Message></Error></ErrorResponse>",
            )
        said = f"""<AssumeRoleResponse><AssumeRoleResult><Credentials>
            <AccessKeyId>as {form["RoleArn"]}</AccessKeyId><SecretAccessKey>s&amp;</SecretAccessKey>
            <SessionToken>t</SessionToken><Expiration>{self._end()}</Expiration>
            </Credentials></AssumeRoleResult></AssumeRoleResponse>"""
        return Answer(200, said.encode())

    def _machine(self, request: ReceivedRequest, body: bytes) -> Answer:
        assert request.headers["x-aws-ec2-metadata-token"] == "session"
        return Answer(200, body)

    def _json(self, who: str) -> bytes:
        said = {
            "Code": "Success",
            "AccessKeyId": who,
            "SecretAccessKey": "s",
            "Token": "t",
            "Expiration": self._end(),
        }
        return json.dumps(said).encode()

    def _end(self) -> str:
        return format_rfc3339(self.clock.moment + self.lifetime)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with HttpReceiver() as receiver:
        world = World(receiver, tmp_path)
        yield world
        for client in world.clients:
            await client.aclose()


KEYS = {"access_key": "mine", "secret_key": "s"}
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "environment", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}
FILES = """\
[default]
aws_access_key_id = shared
aws_secret_access_key = s
[other]
aws_access_key_id = other
aws_secret_access_key = s=%x
aws_session_token = t
"""
CONFIG = """\
# a comment
[default]
region = eu-central-1
[profile role]
role_arn = role-a
source_profile = other
external_id = outside
region = us-west-2
[profile role-of-role]
role_arn = role-b
source_profile = role
[profile itself]
role_arn = role-c
source_profile = itself
aws_access_key_id = itself
aws_secret_access_key = s
[profile by-environment]
role_arn = role-d
credential_source = Environment
[profile by-machine]
role_arn = role-e
credential_source = Ec2InstanceMetadata
[profile by-container]
role_arn = role-f
credential_source = EcsContainer
[profile circle]
role_arn = role-g
source_profile = circle-too
[profile circle-too]
role_arn = role-h
source_profile = circle
[profile process]
credential_process = /bin/x
[profile sso]
sso_session = x
[profile web]
role_arn = role-i
web_identity_token_file = {token}
"""


async def test_its_own_keys_go_before_everything(world: World) -> None:
    world.environ |= ENVIRONMENT
    found = await world.find(**KEYS, profile="other")

    assert (found.access_key, found.secret_key, found.session_token, found.ends_at) == ("mine", "s", "", None)


async def test_the_environment_goes_before_files(world: World) -> None:
    world.write(".aws/credentials", FILES)
    assert (await world.find()).access_key == "shared"

    world.environ |= ENVIRONMENT
    found = await world.find()
    assert (found.access_key, found.session_token) == ("environment", "t")


async def test_a_named_profile_goes_before_the_environment(world: World) -> None:
    world.write(".aws/credentials", FILES)
    world.environ |= ENVIRONMENT

    found = await world.find(profile="other")
    assert (found.access_key, found.secret_key, found.session_token) == ("other", "s=%x", "t")
    world.environ["AWS_PROFILE"] = "other"
    assert (await world.find()).access_key == "other"


@pytest.mark.parametrize(
    ("profile", "key", "roles", "signers"),
    [
        ("role", "as role-a", ["role-a"], ["other"]),
        ("role-of-role", "as role-b", ["role-a", "role-b"], ["other", "as role-a"]),
        ("itself", "as role-c", ["role-c"], ["itself"]),
        ("by-environment", "as role-d", ["role-d"], ["environment"]),
        ("by-machine", "as role-e", ["role-e"], ["machine"]),
        ("by-container", "as role-f", ["role-f"], ["container"]),
        ("web", "as role-i", ["role-i"], [""]),
    ],
)
async def test_profiles_with_roles(
    world: World, profile: str, key: str, roles: list[str], signers: list[str]
) -> None:
    world.environ |= ENVIRONMENT
    world.environ["AWS_SHARED_CREDENTIALS_FILE"] = world.write("credentials", FILES)
    token = world.write("token", "web-token\n")
    world.environ["AWS_CONFIG_FILE"] = world.write("config", CONFIG.format(token=token))
    world.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = world.receiver.url("/container")
    world.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "container-token"
    if profile == "by-machine":
        world.environ.pop("AWS_CONTAINER_CREDENTIALS_FULL_URI")

    found = await world.find(profile=profile)

    assert found.access_key == key
    assert found.secret_key == "s&"
    assert [each["RoleArn"] for each in world.asked] == roles
    assert world.signed_by == signers
    if profile == "role":
        assert world.asked[0]["ExternalId"] == "outside"
    if profile == "web":
        assert (world.asked[0]["Action"], world.asked[0]["WebIdentityToken"]) == (
            "AssumeRoleWithWebIdentity",
            "web-token",
        )


@pytest.mark.parametrize(
    ("profile", "error", "text"),
    [
        ("nobody", TemporaryError, "there is no AWS profile called nobody"),
        ("circle", TemporaryError, "lead in a circle"),
        (
            "process",
            RejectedError,
            "AWS profile process uses credential_process, which is not supported here",
        ),
        ("sso", RejectedError, "AWS profile sso uses sso_session, which is not supported here"),
        ("by-environment", TemporaryError, "there are no keys in the environment"),
        ("web", TemporaryError, "unable to read web identity token file /nowhere: No such file or directory"),
    ],
)
async def test_profiles_that_lead_nowhere(
    world: World, profile: str, error: type[Exception], text: str
) -> None:
    world.write(".aws/config", CONFIG.format(token="/nowhere"))

    with pytest.raises(error, match=text):
        await world.find(profile=profile)


async def test_a_file_that_is_none_is_not_shown(world: World) -> None:
    world.write(".aws/credentials", "hunter2 = hunter2")

    with pytest.raises(RejectedError, match="credentials is no AWS configuration file") as raised:
        await world.find()
    assert "hunter2" not in str(raised.value)


async def test_a_role_is_taken_with_whatever_there_is(world: World) -> None:
    found = await world.find(**KEYS, role_arn="the-role", external_id="outside")

    assert found.access_key == "as the-role"
    assert world.signed_by == ["mine"]
    assert world.asked == [
        {
            "Action": "AssumeRole",
            "Version": "2011-06-15",
            "RoleArn": "the-role",
            "RoleSessionName": "alertrouter",
            "ExternalId": "outside",
        }
    ]


async def test_a_role_that_may_not_be_taken(world: World) -> None:
    with pytest.raises(RejectedError, match="AssumeRole: unexpected status code 403: AccessDenied: You & I"):
        await world.find(**KEYS, role_arn="forbidden")


async def test_a_web_identity_is_exchanged_for_a_role(world: World) -> None:
    world.environ["AWS_WEB_IDENTITY_TOKEN_FILE"] = world.write("token", "web-token\n")
    world.environ["AWS_ROLE_ARN"] = "pod-role"
    world.environ["AWS_ROLE_SESSION_NAME"] = "pod"

    assert (await world.find()).access_key == "as pod-role"
    assert world.signed_by == [""]
    assert world.asked[0]["RoleSessionName"] == "pod"
    assert world.asked[0]["WebIdentityToken"] == "web-token"


async def test_a_container_knows_its_role(world: World) -> None:
    world.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = world.receiver.url("/container")
    token = world.write("token", "container-token\n")
    world.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = token

    found = await world.find()
    assert (found.access_key, found.ends_at) == ("container", NOON + HOUR)

    world.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://example.org/container"
    with pytest.raises(RejectedError, match="neither https nor on this machine"):
        await world.find()


async def test_a_machine_knows_its_role(world: World) -> None:
    found = await world.find()

    assert (found.access_key, found.session_token, found.ends_at) == ("machine", "t", NOON + HOUR)


@pytest.mark.parametrize(
    ("behaviour", "text"),
    [
        (Misbehave.CLOSE, "nobody answers where this machine has its own"),
        (Answer(404), "the machine's own were answered 404"),
        (Answer(200, b"<html>"), "the machine answers something else"),
        (Answer(200, b'{"Code": "Failed"}'), "the machine answers something else"),
    ],
)
async def test_a_machine_without_a_role(world: World, behaviour: Any, text: str) -> None:
    world.receiver.answer_with(behaviour)
    with pytest.raises(TemporaryError, match=f"no AWS credentials found: {text}"):
        await world.find()

    world.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    with pytest.raises(TemporaryError, match=r"no AWS credentials found$"):
        await world.find()


async def test_an_answer_without_credentials(world: World) -> None:
    world.receiver.answer_with(Answer(200, b"<html>"))

    with pytest.raises(TemporaryError, match="AWS answered without credentials"):
        await world.find(**KEYS, role_arn="r")


async def test_credentials_are_kept_until_five_minutes_before_they_end(world: World) -> None:
    source = world.source(**KEYS, role_arn="r")
    first = await source.current("eu-west-1")
    world.clock.moment += HOUR - 5 * MINUTE - 1
    assert await source.current("eu-west-1") is first
    world.clock.moment += 1
    second = await source.current("eu-west-1")
    assert second is not first
    assert second.ends_at == world.clock.moment + HOUR
    source.forget()
    await source.current("eu-west-1")
    assert len(world.asked) == 3


@pytest.mark.parametrize(
    ("environ", "account", "region"),
    [
        ({"AWS_REGION": "a", "AWS_DEFAULT_REGION": "b"}, {"region": "mine"}, "mine"),
        ({"AWS_REGION": "a", "AWS_DEFAULT_REGION": "b"}, {}, "a"),
        ({"AWS_DEFAULT_REGION": "b"}, {}, "b"),
        ({}, {}, "eu-central-1"),
        ({}, {"profile": "role"}, "us-west-2"),
        ({"AWS_PROFILE": "role"}, {}, "us-west-2"),
        ({}, {"profile": "nobody"}, ""),
    ],
)
def test_where_the_region_comes_from(
    tmp_path: Path, environ: Mapping[str, str], account: dict[str, str], region: str
) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/config").write_text(CONFIG)

    assert Account(**account).find_region({**environ, "HOME": str(tmp_path)}) == region


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("us-east-1", "https://sns.us-east-1.amazonaws.com/"),
        ("us-gov-west-1", "https://sns.us-gov-west-1.amazonaws.com/"),
        ("cn-north-1", "https://sns.cn-north-1.amazonaws.com.cn/"),
        ("us-iso-east-1", "https://sns.us-iso-east-1.c2s.ic.gov/"),
        ("us-isob-east-1", "https://sns.us-isob-east-1.sc2s.sgov.gov/"),
        ("eu-isoe-west-1", "https://sns.eu-isoe-west-1.cloud.adc-e.uk/"),
        ("eusc-de-east-1", "https://sns.eusc-de-east-1.amazonaws.eu/"),
        ("eu-central-1", "https://sns.eu-central-1.amazonaws.com/"),
    ],
)
def test_where_a_service_is(region: str, url: str) -> None:
    assert endpoint("sns", region, {}) == url
    assert endpoint("sns", region, {"AWS_ENDPOINT_URL": "http://a"}) == "http://a"
    assert endpoint("sns", region, {"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_SNS": "b"}) == "b"


def test_endpoints_are_those_of_botocore() -> None:
    regions: Any = pytest.importorskip("botocore.regions")
    loaders: Any = pytest.importorskip("botocore.loaders")
    resolver = regions.EndpointResolver(
        loaders.create_loader().load_data("endpoints"), uses_builtin_data=True
    )
    checked = 0
    for partition in resolver.get_available_partitions():
        for region in resolver.get_available_endpoints("sns", partition):
            known = resolver.construct_endpoint("sns", region)
            assert endpoint("sns", region, {}) == f"https://{known['hostname']}/"
            checked += 1
    assert checked > 30


def test_elements_of_answers() -> None:
    assert element("<A><B>x &lt; y</B><B>z</B></A>", "B") == "x < y"
    assert element("<A/>", "B") == ""
