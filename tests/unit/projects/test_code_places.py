"""Where the code of a function is, as each format tells it; where it tells no folder, none is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tuner.projects.discovery import read_functions
from tuner.projects.functions import Code

HASH = "121bd1015c718f11470ee4f7750028d48d0f96e49fef7e4751df1759cfeb6f06"
CDK = (
    """{
 "Resources": {
  "OrdersFnServiceRole1D2C5E3A": {
   "Type": "AWS::IAM::Role",
   "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}},
   "Metadata": {"aws:cdk:path": "ShopStack/OrdersFn/ServiceRole/Resource"}
  },
  "OrdersFn4AB3C1F7": {
   "Type": "AWS::Lambda::Function",
   "Properties": {
    "Code": {
     "S3Bucket": {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"},
     "S3Key": "HASH.zip"
    },
    "Handler": "app.handler",
    "Role": {"Fn::GetAtt": ["OrdersFnServiceRole1D2C5E3A", "Arn"]},
    "Runtime": "python3.12"
   },
   "DependsOn": ["OrdersFnServiceRole1D2C5E3A"],
   "Metadata": {
    "aws:cdk:path": "ShopStack/OrdersFn/Resource",
    "aws:asset:path": "ASSET",
    "aws:asset:is-bundled": false,
    "aws:asset:property": "Code"
   }
  }
 }
}
"""
).replace("HASH", HASH)
"""As `cdk synth` writes it."""


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def codes(folder: Path, files: Mapping[str, str]) -> dict[str, Code]:
    return {found.name: found.code for found in read_functions(write(folder, files))}


def code_of(folder: Path, files: Mapping[str, str]) -> Code:
    (code,) = codes(folder, files).values()
    return code


def test_the_code_of_a_cdk_function_is_its_asset_below_the_template(tmp_path: Path) -> None:
    asset = f"asset.{HASH}"
    files = {"cdk.json": '{"app": "python3 app.py"}', f"cdk.out/{asset}/app.py": "", "app.py": ""}
    template = {"cdk.out/ShopStack.template.json": CDK.replace("ASSET", asset)}
    assert code_of(tmp_path, files | template) == Code(tmp_path / "cdk.out" / asset)


def test_the_code_of_a_cdk_stage_is_found_from_its_own_assembly_on(tmp_path: Path) -> None:
    files = {"cdk.json": '{"app": "x"}', f"cdk.out/asset.{HASH}/app.py": ""}
    files["cdk.out/assembly-Prod/ProdShop.template.json"] = CDK.replace("ASSET", f"../asset.{HASH}")
    found = code_of(tmp_path, files).folder
    assert found is not None
    assert found.resolve() == tmp_path / "cdk.out" / f"asset.{HASH}"


def test_functions_of_two_cdk_stages_with_the_same_id_are_told_apart_by_their_constructs(tmp_path: Path) -> None:
    files = {"cdk.json": '{"app": "x"}'}
    for stage in ("Beta", "Prod"):
        template = CDK.replace("ASSET", f"../asset.{stage}").replace("ShopStack/", f"{stage}/ShopStack/")
        files[f"cdk.out/assembly-{stage}/{stage}Shop.template.json"] = template
    found = codes(tmp_path, files)
    assert {name: code.folder and code.folder.name for name, code in found.items()} == {
        "Beta/ShopStack/OrdersFn": "asset.Beta",
        "Prod/ShopStack/OrdersFn": "asset.Prod",
    }


def test_an_asset_that_was_not_staged_is_named_by_its_own_path(tmp_path: Path) -> None:
    write(tmp_path, {"lambda/app.py": ""})
    files = {
        "cdk.json": '{"app": "x"}',
        "cdk.out/ShopStack.template.json": CDK.replace("ASSET", str(tmp_path / "lambda")),
    }
    assert code_of(tmp_path, files) == Code(tmp_path / "lambda")


def test_an_asset_that_is_an_archive_is_no_folder(tmp_path: Path) -> None:
    files = {"cdk.json": '{"app": "x"}', f"cdk.out/asset.{HASH}.jar": ""}
    files["cdk.out/ShopStack.template.json"] = CDK.replace("ASSET", f"asset.{HASH}.jar")
    assert code_of(tmp_path, files).elsewhere == f"in an archive ({tmp_path}/cdk.out/asset.{HASH}.jar)"


@pytest.mark.parametrize(
    ("kind", "properties", "elsewhere"),
    [
        ("AWS::Lambda::Function", "Code: {S3Bucket: artifacts, S3Key: orders.zip}", "in S3"),
        ("AWS::Lambda::Function", "Code: {S3Bucket: !Ref Bucket, S3Key: !Sub 'a/${Version}.zip'}", "in S3"),
        ("AWS::Serverless::Function", "CodeUri: {Bucket: artifacts, Key: orders.zip}", "in S3"),
        ("AWS::Serverless::Function", "CodeUri: s3://artifacts/orders.zip", "in S3"),
        ("AWS::Lambda::Function", 'Code: {ZipFile: "def handler(event, context): pass"}', "inline in the template"),
        ("AWS::Serverless::Function", 'InlineCode: "def handler(event, context): pass"', "inline in the template"),
        ("AWS::Lambda::Function", "MemorySize: 512", "named nowhere in the template"),
        ("AWS::Lambda::Function", "Code: !If [Prod, {S3Key: a}, {S3Key: b}]",
         "known to the deployment alone (Fn::If computes it during the deployment)"),
        ("AWS::Serverless::Function", "CodeUri: !Ref Where",
         "known to the deployment alone (the deployment gives the parameter Where, which has no default)"),
    ],
)  # fmt: skip
def test_a_file_of_the_handlers_name_beside_a_template_is_not_taken_for_code_that_is_elsewhere(
    tmp_path: Path, kind: str, properties: str, elsewhere: str
) -> None:
    text = f"""
Parameters:
  Where: {{Type: String}}
Resources:
  Orders:
    Type: {kind}
    Properties:
      Handler: app.handler
      Runtime: python3.12
      {properties}
"""
    assert code_of(tmp_path, {"template.yaml": text, "app.py": ""}) == Code(elsewhere=elsewhere)


@pytest.mark.parametrize(
    ("written", "parameters", "folder"),
    [
        ("CodeUri: src/orders/", "", "src/orders"),
        ("CodeUri: !Ref Where", "Parameters: {Where: {Type: String, Default: ./src/orders}}", "src/orders"),
        ("CodeUri: !Sub 'src/${Where}'", "Parameters: {Where: {Type: String, Default: orders}}", "src/orders"),
        ("MemorySize: 512", "", ""),
    ],
)
def test_a_code_uri_is_followed_and_without_one_sam_takes_the_folder_of_the_template(
    tmp_path: Path, written: str, parameters: str, folder: str
) -> None:
    properties = f"{{Handler: app.handler, Runtime: python3.12, {written}}}"
    text = f"{parameters}\nResources: {{Orders: {{Type: 'AWS::Serverless::Function', Properties: {properties}}}}}"
    assert code_of(tmp_path, {"template.yaml": text}) == Code(tmp_path / folder)


def test_an_archive_is_its_folder_where_one_of_its_name_holds_the_handler(tmp_path: Path) -> None:
    text = """
Resources:
  Orders:
    Type: AWS::Lambda::Function
    Properties: {Handler: lib/app.handler, Runtime: nodejs22.x, Code: build/orders.zip}
  Bills: {Type: AWS::Lambda::Function, Properties: {Handler: app.handler, Runtime: nodejs22.x, Code: build/bills.zip}}
"""
    files = {"template.yaml": text, "build/orders/lib/app.mjs": "", "build/bills/README.md": "", "build/app.js": ""}
    found = codes(tmp_path, files)
    folder = tmp_path / "build" / "orders"
    assert found["Orders"] == Code(folder, note=f"{folder}, the folder beside orders.zip")
    assert found["Bills"] == Code(elsewhere=f"in an archive ({tmp_path}/build/bills.zip)")


TERRAFORM = """
resource "aws_lambda_function" "orders" {
  function_name = "orders"
  handler       = "app.handler"
  runtime       = "python3.12"
  %s
}
"""
ARCHIVE = """
data "archive_file" "orders" {
  type        = "zip"
  output_path = "${path.module}/build/orders.zip"
  %s
}
"""
BY_REFERENCE = "filename = data.archive_file.orders.output_path"


@pytest.mark.parametrize(
    "filename",
    [
        BY_REFERENCE,
        'filename = "${data.archive_file.orders.output_path}"',
        "filename = local.package",
        "filename = var.package",
        'filename = "build/orders.zip"',
        'filename = "${path.root}/build/orders.zip"',
    ],
)
@pytest.mark.parametrize(
    ("made_of", "folder"),
    [
        ('source_dir = "${path.module}/../src/orders"', "src/orders"),
        ('source_dir = "../src/${var.name}/"', "src/orders"),
        ('source_dir = abspath("../src/orders")', "src/orders"),
        ("source_dir = local.sources", "src/orders"),
        ('source_file = "${path.module}/app.py"', "infra"),
    ],
)
def test_the_code_of_a_terraform_function_is_what_its_archive_is_made_of(
    tmp_path: Path, filename: str, made_of: str, folder: str
) -> None:
    more = """
locals {
  package = data.archive_file.orders.output_path
  sources = "${path.module}/../src/orders"
}
variable "name" { default = "orders" }
variable "package" { default = "build/orders.zip" }
"""
    files = {"infra/main.tf": TERRAFORM % filename, "infra/package.tf": ARCHIVE % made_of + more, "infra/app.py": ""}
    write(tmp_path, {"src/orders/app.py": ""} | files)
    (found,) = read_functions(tmp_path / "infra")
    assert found.code.folder is not None
    assert found.code.folder.resolve() == tmp_path / folder


@pytest.mark.parametrize(
    ("filename", "made_of", "elsewhere"),
    [
        ("filename = var.package", "",
         "in an archive that only Terraform can name (var.package is defined in no file here)"),
        ('filename = "${path.module}/app.zip"', "", "in an archive (app.zip)"),
        ('filename = "${path.module}/${aws_s3_object.code.key}"', "",
         'in an archive that only Terraform can name ("${path.module}/${aws_s3_object.code.key}")'),
        (BY_REFERENCE, 'source_dir = "../${var.unknown}"',
         "in an archive (archive_file.orders) of what only Terraform can name"),
        (BY_REFERENCE, 'source {\n content = file("app.py")\n filename = "app.py"\n }',
         "in an archive of single texts"),
        (BY_REFERENCE, 'source_file = "main.py"', "the file main.py alone, and its handler is app.handler"),
        ('s3_bucket = "artifacts"\n  s3_key = "orders.zip"', "", "in S3"),
        ('s3_bucket = aws_s3_bucket.code.id\n  s3_key = aws_s3_object.code.key\n  filename = null', "", "in S3"),
        ("memory_size = 512", "", "named nowhere in these files"),
    ],
)  # fmt: skip
def test_a_file_of_the_handlers_name_beside_a_module_is_not_taken_for_code_that_is_elsewhere(
    tmp_path: Path, filename: str, made_of: str, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"main.tf": TERRAFORM % filename + (ARCHIVE % made_of if made_of else ""), "app.py": ""})
    (found,) = read_functions(Path())
    assert found.code == Code(elsewhere=elsewhere)


def test_the_archive_of_each_instance_is_its_own(tmp_path: Path) -> None:
    text = """
locals { functions = { orders = { handler = "app.handler" }, bills = { handler = "bills.handler" } } }

data "archive_file" "code" {
  for_each    = local.functions
  type        = "zip"
  source_dir  = "${path.module}/src/${each.key}"
  output_path = "${path.module}/build/${each.key}.zip"
}

resource "aws_lambda_function" "all" {
  for_each      = local.functions
  function_name = each.key
  handler       = each.value.handler
  runtime       = "python3.12"
  filename      = data.archive_file.code[each.key].output_path
}
"""
    found = read_functions(write(tmp_path, {"main.tf": text}))
    assert [(one.handler, one.code.folder) for one in found] == [
        ("app.handler", tmp_path / "src" / "orders"),
        ("bills.handler", tmp_path / "src" / "bills"),
    ]


def test_paths_of_a_called_module_start_where_terraform_runs_and_path_module_is_its_own_folder(tmp_path: Path) -> None:
    module = """
variable "source_dir" { type = string }
variable "name" { type = string }

data "archive_file" "code" {
  type        = "zip"
  source_dir  = var.source_dir
  output_path = "${path.module}/${var.name}.zip"
}

resource "aws_lambda_function" "this" {
  function_name = var.name
  handler       = "app.handler"
  runtime       = "python3.12"
  filename      = data.archive_file.code.output_path
}

resource "aws_lambda_function" "beside" {
  function_name = "${var.name}-beside"
  handler       = "app.handler"
  runtime       = "python3.12"
  filename      = "${path.module}/beside.zip"
}
"""
    root = """
module "orders" {
  source     = "./modules/function"
  name       = "orders"
  source_dir = "${path.root}/../src/orders"
}
module "bills" {
  source     = "./modules/function"
  name       = "bills"
  source_dir = "../src/bills"
}
"""
    files = {"infra/main.tf": root, "infra/modules/function/main.tf": module}
    files |= {"infra/modules/function/beside/app.py": "", "infra/modules/function/app.py": ""}
    write(tmp_path, files)
    found = {one.name: one.code.folder for one in read_functions(tmp_path / "infra")}
    assert {name: folder.resolve().relative_to(tmp_path).as_posix() for name, folder in found.items() if folder} == {
        "module.orders.aws_lambda_function.this": "src/orders",
        "module.orders.aws_lambda_function.beside": "infra/modules/function/beside",
        "module.bills.aws_lambda_function.this": "src/bills",
        "module.bills.aws_lambda_function.beside": "infra/modules/function/beside",
    }


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ('source_path = "src/orders"', Code(Path("src/orders"))),
        ('source_path = ["${path.module}/src/orders"]', Code(Path("src/orders"))),
        ('source_path = [{ path = "src/orders", pip_requirements = true }]', Code(Path("src/orders"))),
        ('source_path = "src/orders/app.py"', Code(Path("src/orders"))),
        ('source_path = ["src/orders", "src/shared"]', Code(elsewhere="what its module puts together (source_path)")),
        (
            'create_package = false\n  local_existing_package = "orders.zip"',
            Code(elsewhere="in an archive (orders.zip)"),
        ),
        ('create_package = false\n  s3_existing_package = { bucket = "b", key = "k" }', Code(elsewhere="in S3")),
    ],
)
def test_the_best_known_module_says_where_its_code_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inputs: str, code: Code
) -> None:
    text = f"""
module "orders" {{
  source        = "terraform-aws-modules/lambda/aws"
  version       = "~> 8.0"
  function_name = "orders"
  handler       = "app.handler"
  runtime       = "python3.12"
  {inputs}
}}
"""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"main.tf": text, "src/orders/app.py": "", "app.py": ""})
    (found,) = read_functions(Path())
    assert found.code == code


def test_an_artifact_of_a_serverless_function_is_an_archive(tmp_path: Path) -> None:
    text = """
service: shop
provider: {name: aws, runtime: nodejs22.x}
package: {artifact: "build/${self:service}.zip"}
functions:
  list: {handler: list.handler}
  make: {handler: make.handler, package: {artifact: make.zip}}
  other: {handler: other.handler, package: {artifact: "${opt:artifact}"}}
"""
    found = codes(tmp_path, {"serverless.yml": text, "list.js": "", "make.js": "", "make/make.js": ""})
    assert found == {
        "list": Code(elsewhere=f"in an archive ({tmp_path}/build/shop.zip)"),
        "make": Code(tmp_path / "make", note=f"{tmp_path}/make, the folder beside make.zip"),
        "other": Code(elsewhere="in an archive of an unknown name"),
    }
