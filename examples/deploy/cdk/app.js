// Deploys what `sam build && sam package --s3-bucket BUCKET --output-template-file packaged.yaml` wrote.
const { App, Stack } = require("aws-cdk-lib");
const { CfnInclude } = require("aws-cdk-lib/cloudformation-include");

const stack = new Stack(new App(), "LambdaTuner");
new CfnInclude(stack, "Tuner", {
  templateFile: process.env.TUNER_TEMPLATE || "packaged.yaml",
  parameters: {
    lambdaResource: "arn:aws:lambda:eu-west-1:123456789012:function:orders-*",
    lambdaRole: "arn:aws:iam::123456789012:role/orders-*",
  },
});
