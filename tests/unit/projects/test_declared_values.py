"""Timeouts and environment variables as the files tell them; what they do not tell is named, with no value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tuner.projects.discovery import read_functions
from tuner.projects.functions import DeclaredFunction, Variables


def read(folder: Path, files: Mapping[str, str]) -> DeclaredFunction:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (found,) = read_functions(folder)
    return found


def sam(properties: str, more: str = "") -> dict[str, str]:
    text = f"Resources: {{Orders: {{Type: 'AWS::Serverless::Function', Properties: {{{properties}}}}}}}\n{more}"
    return {"template.yaml": text}


def serverless(function: str, more: str = "provider: {name: aws}") -> dict[str, str]:
    return {"serverless.yml": f"functions: {{orders: {{handler: app.handler, {function}}}}}\n{more}"}


def terraform(inside: str, more: str = "") -> dict[str, str]:
    return {"main.tf": f'resource "aws_lambda_function" "orders" {{\n  handler = "app.handler"\n  {inside}\n}}\n{more}'}


def module(source: str, inside: str = "") -> dict[str, str]:
    return {"main.tf": f'module "orders" {{\n  source = "{source}"\n  function_name = "orders"\n  {inside}\n}}\n'}


DYNAMIC = """dynamic "environment" {
    for_each = length(var.environment) > 0 ? [1] : []
    content {
      variables = var.environment
    }
  }"""
PARAMETER = "Parameters: {Time: {Type: Number, Default: 20}, Size: {Type: Number}}"


@pytest.mark.parametrize(
    ("files", "seconds"),
    [
        (sam("Handler: a.b"), 3),
        (sam("Timeout: 30"), 30),
        (sam("Handler: a.b", "Globals: {Function: {Timeout: 45}}"), 45),
        (sam("Timeout: !Ref Time", PARAMETER), 20),
        (sam("Timeout: !FindInMap [Limits, all, time]", "Mappings: {Limits: {all: {time: 25}}}"), 25),
        (serverless("memorySize: 512"), 6),
        (serverless("timeout: 30"), 30),
        (serverless("memorySize: 512", "provider: {timeout: 29}"), 29),
        (serverless("timeout: '${self:custom.seconds}'", "custom: {seconds: 40}"), 40),
        (terraform("memory_size = 512"), 3),
        (terraform("timeout = 30"), 30),
        (terraform("timeout = null"), 3),
        (terraform("timeout = var.seconds", 'variable "seconds" { default = 50 }'), 50),
        (module("terraform-aws-modules/lambda/aws"), 3),
        (module("terraform-aws-modules/lambda/aws", "timeout = 35"), 35),
    ],
)
def test_a_timeout_is_what_the_files_say_or_the_default_of_their_format(
    tmp_path: Path, files: Mapping[str, str], seconds: int
) -> None:
    assert read(tmp_path, files).timeout.number == seconds


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (sam("Timeout: !If [Prod, 30, 3]"), "Fn::If computes it during the deployment"),
        (sam("Timeout: !Ref Size", PARAMETER), "the deployment gives the parameter Size, which has no default"),
        (serverless("timeout: '${opt:timeout}'"), "${opt:timeout} is decided by the deployment"),
        (terraform("timeout = max(3, 30)"), "max(3, 30) computes it"),
        (terraform("timeout = var.seconds"), "var.seconds is defined in no file here"),
        (module("acme/lambda/aws"), "whether the module acme/lambda/aws has an input timeout is not known"),
    ],
)
def test_a_timeout_that_is_computed_is_unknown_and_says_why(
    tmp_path: Path, files: Mapping[str, str], reason: str
) -> None:
    found = read(tmp_path, files).timeout
    assert (found.number, found.reason) == (None, reason)


@pytest.mark.parametrize(
    ("files", "megabytes"),
    [
        (sam("EphemeralStorage: {Size: 2048}"), 2048),
        (sam("EphemeralStorage: {Size: !Ref Time}", PARAMETER.replace("20", "1024")), 1024),
        (serverless("ephemeralStorageSize: '${self:custom.tmp}'", "custom: {tmp: 1024}"), 1024),
        (terraform("ephemeral_storage {\n size = var.tmp\n }", 'variable "tmp" { default = 4096 }'), 4096),
        (module("terraform-aws-modules/lambda/aws", "ephemeral_storage_size = 1024"), 1024),
        (sam("Handler: a.b"), None),
        (terraform("memory_size = 512"), None),
    ],
)
def test_the_size_of_tmp_is_followed_as_the_timeout_is(
    tmp_path: Path, files: Mapping[str, str], megabytes: int | None
) -> None:
    found = read(tmp_path, files).tmp
    assert (found.number, found.reason) == (megabytes, "")


def test_variables_of_a_sam_template_are_followed_and_the_others_are_named(tmp_path: Path) -> None:
    text = """
Parameters:
  Stage: {Type: String, Default: dev}
  Empty: {Type: String, Default: ''}
  Key: {Type: String, NoEcho: true}
  Image: {Type: AWS::SSM::Parameter::Value<String>, Default: /images/latest}
Mappings: {Levels: {all: {level: debug}}}
x-shared: &shared {COMMON: shared, LEVEL: shared}
Globals:
  Function:
    Environment: {Variables: {STAGE: !Ref Stage, TABLE: !Ref Table, PLAIN: global}}
Resources:
  Table: {Type: AWS::DynamoDB::Table}
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      Environment:
        Variables:
          <<: *shared
          PLAIN: ' own '
          NUMBER: 3
          NOTHING: ''
          LEVEL: !FindInMap [Levels, all, level]
          BUCKET: !Sub 'orders-${Stage}-${!literal}'
          GIVEN: !Sub ['${a}/${Stage}', {a: !Ref Stage}]
          JOINED: !Join ['-', [a, !Ref Empty, !Ref Stage]]
          JOINED_ARN: !Join [':', [a, !GetAtt Table.Arn]]
          UNSET: !Ref Empty
          ARN: !GetAtt Table.Arn
          URL: !Sub 'https://${AWS::Region}.example.com/${Stage}'
          SECRET: '{{resolve:secretsmanager:db:SecretString:password}}'
          DSN: 'postgres://app:{{resolve:ssm-secure:/db/password}}@db'
          KEY: !Ref Key
          IMAGE: !Ref Image
"""
    assert read(tmp_path, {"template.yaml": text}).variables == Variables(
        {
            "STAGE": "dev",
            "PLAIN": " own ",
            "COMMON": "shared",
            "LEVEL": "debug",
            "NUMBER": "3",
            "NOTHING": "",
            "BUCKET": "orders-dev-${literal}",
            "GIVEN": "dev/dev",
            "JOINED": "a--dev",
            "UNSET": "",
        },
        ("TABLE", "JOINED_ARN", "ARN", "URL", "SECRET", "DSN", "KEY", "IMAGE"),
    )


@pytest.mark.parametrize(
    ("environment", "left_out"),
    [
        ("!If [Prod, {Variables: {A: b}}, {Variables: {C: d}}]", ("those of Fn::If",)),
        ("{Variables: {'Fn::If': [Prod, {A: b}, {C: d}]}}", ("those of Fn::If",)),
        ("{Variables: {'Fn::Transform': {Name: 'AWS::Include'}, A: b}}", ("those of Fn::Transform",)),
    ],
)
def test_variables_whose_names_a_template_does_not_tell_are_named_by_what_gives_them(
    tmp_path: Path, environment: str, left_out: tuple[str, ...]
) -> None:
    assert read(tmp_path, sam(f"Environment: {environment}")).variables.left_out == left_out


def test_a_parameter_that_the_settings_of_the_deployment_give_is_left_out(tmp_path: Path) -> None:
    files = sam("Environment: {Variables: {STAGE: !Ref Stage}}", "Parameters: {Stage: {Type: String, Default: dev}}")
    files["samconfig.toml"] = '[default.deploy.parameters]\nparameter_overrides = "Stage=prod"\n'
    assert read(tmp_path, files).variables == Variables(left_out=("STAGE",))


def test_variables_of_a_serverless_file_are_followed_and_no_variable_is_handed_on_as_its_text(tmp_path: Path) -> None:
    text = """
service: shop
custom:
  table: ${self:service}-${self:custom.kind}
  kind: orders
  stages: {dev: {level: debug}}
provider:
  name: aws
  stage: ${opt:stage, 'dev'}
  environment:
    STAGE: ${opt:stage}
    LOG: ${self:custom.stages.dev.level}
    DROPPED: x
    REPLACED: ${ssm:/shop/key}
functions:
  orders:
    handler: app.handler
    environment:
      TABLE: ${self:custom.table}
      FILE: ${file(env.yml):name}
      MIXED: https://${self:custom.kind}.example.com/${self:service}
      NESTED: ${self:custom.stages.${self:provider.stage}.level}
      KEY: ${ssm:/shop/key}
      QUEUE: {Ref: Queue}
      TOPIC: !Ref Topic
      CODE: ${file(./env.js):key}
      MISSING: ${self:custom.nothing}
      LOOP: ${self:functions.orders.environment.LOOP}
      NOTHING: ''
      NUMBER: 3
      DROPPED:
      REPLACED: own
"""
    assert read(tmp_path, {"serverless.yml": text, "env.yml": "name: from ${self:custom.kind}"}).variables == Variables(
        {
            "LOG": "debug",
            "REPLACED": "own",
            "TABLE": "shop-orders",
            "FILE": "from orders",
            "MIXED": "https://orders.example.com/shop",
            "NOTHING": "",
            "NUMBER": "3",
        },
        ("STAGE", "NESTED", "KEY", "QUEUE", "TOPIC", "CODE", "MISSING", "LOOP"),
    )


def test_an_environment_in_a_file_is_read_and_one_that_a_program_makes_is_named(tmp_path: Path) -> None:
    files = serverless("environment: '${file(env.yml):dev}'", "provider: {environment: '${file(env.js):dev}'}")
    files["env.yml"] = "dev: {A: '1', B: '${opt:b}'}"
    assert read(tmp_path, files).variables == Variables({"A": "1"}, ("those of environment", "B"))


def test_variables_of_a_terraform_function_are_followed_and_the_others_are_named(tmp_path: Path) -> None:
    more = r"""
variable "stage" { default = "dev" }
variable "extra" { default = { EXTRA = "yes" } }
variable "secrets" { type = map(string) }
locals { common = { STAGE = var.stage, LEVEL = "info", GONE = "x" } }
"""
    inside = r"""
  environment {
    variables = merge(local.common, var.extra, var.secrets, {
      TABLE   = aws_dynamodb_table.orders.name
      "NAME"  = "orders-${var.stage}"
      BUCKET  = "orders-${data.aws_caller_identity.me.account_id}"
      JSON    = "{\"a\": \"$${b}\"}"
      NUMBER  = 3
      SWITCH  = true
      OPTIONS = jsonencode({ a = 1 })
      LEVEL   = "debug"
      GONE    = null
    }, var.stage == "prod" ? { PASSWORD = "hunter2" } : {})
  }
"""
    found = read(tmp_path, terraform(inside, more)).variables
    assert found == Variables(
        {
            "STAGE": "dev",
            "LEVEL": "debug",
            "EXTRA": "yes",
            "NAME": "orders-dev",
            "JSON": '{"a": "${b}"}',
            "NUMBER": "3",
            "SWITCH": "true",
        },
        ("those of var.secrets", "TABLE", "BUCKET", "OPTIONS", "those that an expression makes"),
    )


@pytest.mark.parametrize(
    "inside",
    [
        'environment {\n variables = { A = "1" }\n }',
        "environment {\n variables = var.environment\n }",
        DYNAMIC,
    ],
)
def test_the_forms_of_an_environment_in_terraform_are_read_alike(tmp_path: Path, inside: str) -> None:
    more = 'variable "environment" { default = { A = "1" } }'
    assert read(tmp_path, terraform(inside, more)).variables == Variables({"A": "1"})


def test_variables_that_go_into_a_module_are_read_there(tmp_path: Path) -> None:
    root = """
module "orders" {
  source      = "./function"
  environment = { STAGE = local.stage, TABLE = aws_dynamodb_table.orders.name }
}
locals { stage = "dev" }
"""
    files = {"main.tf": root} | {
        f"function/{name}": text
        for name, text in terraform(
            "environment {\n variables = var.environment\n }", 'variable "environment" { default = {} }'
        ).items()
    }
    assert read(tmp_path, files).variables == Variables({"STAGE": "dev"}, ("TABLE",))


def test_variables_of_the_best_known_module_are_its_input(tmp_path: Path) -> None:
    inside = 'environment_variables = { STAGE = "dev", TABLE = module.table.name }'
    found = read(tmp_path, module("terraform-aws-modules/lambda/aws", inside)).variables
    assert found == Variables({"STAGE": "dev"}, ("TABLE",))


@pytest.mark.parametrize(
    ("files", "handler", "runtime"),
    [
        (sam("Handler: !Sub '${Name}.run', Runtime: !Ref Kind",
             "Parameters: {Name: {Type: String, Default: app}, Kind: {Type: String, Default: python3.12}}"),
         "app.run", "python3.12"),
        (sam("Handler: !Ref Name, Runtime: !If [a, b, c]", "Parameters: {Name: {Type: String}}"), "", ""),
        (serverless("runtime: '${self:custom.kind}'", "custom: {kind: python3.12}"), "app.handler", "python3.12"),
        (terraform("runtime = var.kind"), "app.handler", ""),
        (module("acme/lambda/aws", 'handler = "${var.module}.handler"'), "", ""),
        (terraform("runtime = var.kind", 'variable "kind" { default = null }'), "app.handler", ""),
    ],
)  # fmt: skip
def test_a_handler_and_a_runtime_are_followed_and_never_half_known(
    tmp_path: Path, files: Mapping[str, str], handler: str, runtime: str
) -> None:
    found = read(tmp_path, files)
    assert (found.handler, found.runtime) == (handler, runtime)
