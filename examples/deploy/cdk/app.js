// Deploys what `sam build && sam package --s3-bucket BUCKET --output-template-file packaged.yaml` wrote.
const { App, CfnStack, Stack } = require("aws-cdk-lib");
const { Asset } = require("aws-cdk-lib/aws-s3-assets");

const stack = new Stack(new App(), "LambdaTuner");
const template = new Asset(stack, "Template", { path: process.env.TUNER_TEMPLATE || "packaged.yaml" });
new CfnStack(stack, "Tuner", {
  templateUrl: template.httpUrl,
  parameters: {
    lambdaResource: "arn:aws:lambda:eu-west-1:123456789012:function:orders-*",
    lambdaRole: "arn:aws:iam::123456789012:role/orders-*",
  },
});
