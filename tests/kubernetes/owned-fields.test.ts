import { expect, test } from "bun:test";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { ownedFields } from "#lib/kubernetes/owned-fields.ts";

const fieldsV1 = {
  "f:metadata": { "f:labels": { "f:app": {} }, "f:annotations": { ".": {} }, "f:finalizers": { 'v:"a"': {} } },
  "f:spec": {
    "f:selector": {},
    "f:ports": { 'k:{"port":80,"protocol":"TCP"}': { ".": {}, "f:port": {}, "f:targetPort": {} } },
  },
};

function service(change: { readonly annotation?: string; readonly targetPort?: number; readonly app?: string }) {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: "web",
      labels: { app: change.app ?? "web", theirs: "1" },
      annotations: change.annotation === undefined ? {} : { theirs: change.annotation },
      finalizers: ["b", "a"],
      managedFields: [
        { manager: "us", operation: "Update", fieldsV1: { "f:status": {} } },
        { manager: "us", operation: "Apply", fieldsV1 },
      ],
    },
    spec: {
      selector: { a: "1" },
      ports: [
        { port: 53, protocol: "UDP" },
        { port: 80, protocol: "TCP", targetPort: change.targetPort ?? 8080, nodePort: 30000 },
      ],
    },
  } satisfies KubernetesObject;
}

test("leave out what others own", () => {
  expect(ownedFields(service({ annotation: "new" }), "us")).toEqual(ownedFields(service({}), "us"));
  expect(ownedFields(service({}), "us")).toEqual({
    "f:metadata": {
      "f:labels": { "f:app": "web" },
      "f:annotations": { ".": true },
      "f:finalizers": { 'v:"a"': "a" },
    },
    "f:spec": {
      "f:selector": { a: "1" },
      "f:ports": { 'k:{"port":80,"protocol":"TCP"}': { ".": true, "f:port": 80, "f:targetPort": 8080 } },
    },
  });
});

test.each([{ targetPort: 9090 }, { app: "other" }])("hold the values: %j", (change) => {
  expect(ownedFields(service(change), "us")).not.toEqual(ownedFields(service({}), "us"));
});

test("are undefined for who applied nothing", () => {
  expect(ownedFields(service({}), "them")).toBeUndefined();
});
