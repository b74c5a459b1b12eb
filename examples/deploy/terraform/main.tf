# Deploys what `sam build && sam package --s3-bucket BUCKET --output-template-file packaged.yaml` wrote.
variable "bucket" { type = string }
variable "packaged" { type = string }
variable "lambda_resource" { type = string }
variable "lambda_role" { type = string }

resource "aws_s3_object" "template" {
  bucket = var.bucket
  key    = "lambda-tuner/packaged.yaml"
  source = var.packaged
  etag   = filemd5(var.packaged)
}

resource "aws_cloudformation_stack" "tuner" {
  name         = "lambda-tuner"
  template_url = "https://${var.bucket}.s3.amazonaws.com/${aws_s3_object.template.key}"
  parameters   = { lambdaResource = var.lambda_resource, lambdaRole = var.lambda_role }
  capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
}

output "state_machine_arn" { value = aws_cloudformation_stack.tuner.outputs["StateMachineARN"] }
