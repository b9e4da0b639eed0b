import { allowOn, itemType, kinds } from "#sandbox/aws/cloudformation/types/ec2/item.ts";
import { type Json, listAt, objectAt, stringAt } from "#sandbox/json.ts";

export const launchTemplate = itemType({
  name: "AWS::EC2::LaunchTemplate",
  kind: kinds.launchTemplate,
  supports: ["LaunchTemplateData", "TagSpecifications"],
  seconds: { create: 2, update: 2, delete: 2 },
  actions: {
    create: "ec2:CreateLaunchTemplate",
    describe: "ec2:DescribeLaunchTemplates",
    delete: "ec2:DeleteLaunchTemplate",
  },

  tags(properties) {
    const own = listAt(properties, "TagSpecifications").find(
      (one) => stringAt(one, "ResourceType") === "launch-template",
    );
    return listAt(own, "Tags") as Json;
  },

  create: (_, properties, item) => ({ ...item, versions: [objectAt(properties.LaunchTemplateData)] }),

  read: ({ id, versions }) => ({
    LaunchTemplateId: id,
    DefaultVersionNumber: "1",
    LatestVersionNumber: String(versions.length),
  }),

  update(context, found, properties) {
    allowOn(context, "ec2:CreateLaunchTemplateVersion", kinds.launchTemplate, found);
    return { versions: [...found.versions, objectAt(properties.LaunchTemplateData)] };
  },
});
