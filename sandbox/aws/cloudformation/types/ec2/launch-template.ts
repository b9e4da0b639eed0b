import { AwsFault } from "#sandbox/aws/cloud.ts";
import { type LaunchTemplate, newId } from "#sandbox/aws/cloudformation/ec2/network.ts";
import { allowNew, allowOn, stateOf, targetOf } from "#sandbox/aws/cloudformation/types/ec2/calls.ts";
import { defineType, type ResourceContext } from "#sandbox/aws/cloudformation/types/type.ts";
import { type Json, type JsonObject, listAt, objectAt, stringAt } from "#sandbox/json.ts";

export const launchTemplate = defineType({
  name: "AWS::EC2::LaunchTemplate",
  supports: ["LaunchTemplateData", "TagSpecifications"],
  seconds: { create: 2, update: 2, delete: 2 },

  create(context, properties) {
    // CloudFormation puts no tags of the stack on it.
    const tags = allowNew({ ...context, tags: [] }, "CreateLaunchTemplate", "launch-template", ownTags(properties));
    const id = newId("lt");
    templatesOf(context)[id] = { id, tags, versions: [objectAt(properties.LaunchTemplateData)] };
    return id;
  },

  read(context, id) {
    const found = templatesOf(context)[id];
    if (found === undefined) return undefined;
    const latest = String(found.versions.length);
    return { LaunchTemplateId: id, DefaultVersionNumber: "1", LatestVersionNumber: latest };
  },

  update(context, id, properties) {
    const found = templatesOf(context)[id];
    if (found === undefined) {
      throw new AwsFault("InvalidLaunchTemplateId.NotFound", `The launch template '${id}' does not exist`);
    }
    allowOn(context, "CreateLaunchTemplateVersion", targetOf.launchTemplate(found));
    templatesOf(context)[id] = { ...found, versions: [...found.versions, objectAt(properties.LaunchTemplateData)] };
  },

  delete(context, id) {
    context.allow("ec2:DescribeLaunchTemplates", "*");
    const found = templatesOf(context)[id];
    if (found === undefined) return;
    allowOn(context, "DeleteLaunchTemplate", targetOf.launchTemplate(found));
    delete templatesOf(context)[id];
  },
});

function ownTags(properties: JsonObject): Json {
  const own = listAt(properties, "TagSpecifications").map((one) => objectAt(one));
  return listAt(
    own.find((one) => stringAt(one, "ResourceType") === "launch-template"),
    "Tags",
  ) as Json;
}

/** A state that an older sandbox has saved has none. */
function templatesOf(context: ResourceContext): Record<string, LaunchTemplate> {
  const state = stateOf(context);
  state.launchTemplates ??= {};
  return state.launchTemplates;
}
