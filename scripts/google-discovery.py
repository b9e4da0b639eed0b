"""Prints the methods that the sandbox's Google Cloud routes, and the schemas that they need, as Google's own Python package describes them.

    python3 -m venv VENV
    VENV/bin/pip install --requirement scripts/google-discovery-requirements.txt
    VENV/bin/python scripts/google-discovery.py > sandbox/gcp/api/google.json

The package is under the Apache License 2.0. tests/contract/google-discovery.test.ts compares the file with its output.
"""

import json
import pathlib
import re

import googleapiclient

DOCUMENTS = pathlib.Path(googleapiclient.__file__).parent / "discovery_cache/documents"

# By document: methods by the part of their id after the API's name. A star stands for all of a resource.
APIS = {
    # gcloud calls it.
    "cloudresourcemanager.v1": (
        "projects.get",
        "projects.getIamPolicy",
        "projects.list",
        "projects.setIamPolicy",
        "projects.testIamPermissions",
    ),
    "cloudresourcemanager.v3": (
        "projects.get",
        "projects.getIamPolicy",
        "projects.search",
        "projects.setIamPolicy",
        "projects.testIamPermissions",
    ),
    "compute.v1": (
        "firewalls.delete",
        "firewalls.insert",
        "firewalls.list",
        "globalOperations.get",
        "globalOperations.wait",
        "networks.delete",
        "networks.get",
        "networks.insert",
        "networks.list",
        "regionOperations.get",
        "regionOperations.wait",
        "routers.aggregatedList",
        "routers.delete",
        "routers.get",
        "routers.insert",
        "routers.list",
        "routers.patch",
        "subnetworks.aggregatedList",
        "subnetworks.delete",
        "subnetworks.get",
        "subnetworks.insert",
        "subnetworks.list",
        "subnetworks.setPrivateIpGoogleAccess",
    ),
    "container.v1": (
        "projects.locations.clusters.create",
        "projects.locations.clusters.delete",
        "projects.locations.clusters.get",
        "projects.locations.clusters.list",
        "projects.locations.clusters.setResourceLabels",
        "projects.locations.clusters.update",
        "projects.locations.clusters.nodePools.create",
        "projects.locations.clusters.nodePools.delete",
        "projects.locations.clusters.nodePools.get",
        "projects.locations.clusters.nodePools.list",
        "projects.locations.clusters.nodePools.update",
        "projects.locations.getServerConfig",
        "projects.locations.operations.*",
    ),
    "dns.v1": ("changes.*", "managedZones.*", "projects.get", "resourceRecordSets.*"),
    "iam.v1": (
        "projects.locations.workloadIdentityPools.*",
        "projects.locations.workloadIdentityPools.operations.*",
        "projects.locations.workloadIdentityPools.providers.*",
        "projects.locations.workloadIdentityPools.providers.operations.*",
        "projects.roles.*",
        "projects.serviceAccounts.*",
    ),
    "iamcredentials.v1": ("projects.serviceAccounts.generateAccessToken", "projects.serviceAccounts.generateIdToken"),
    "serviceusage.v1": (
        "operations.get",
        "services.batchEnable",
        "services.batchGet",
        "services.disable",
        "services.enable",
        "services.get",
        "services.list",
    ),
    "sts.v1": ("token",),
}

# Some fields are read only by their description alone.
READ_ONLY = re.compile(r"^\s*\[?output.only\b|\bthis field is output only|\(output only\)|output only\.?\s*$", re.I)


def methods_of(resource):
    yield from resource.get("methods", {}).values()
    for inner in resource.get("resources", {}).values():
        yield from methods_of(inner)


def is_wanted(method_id, api, wanted):
    name = method_id.removeprefix(f"{api}.")
    return name in wanted or f"{name.rpartition('.')[0]}.*" in wanted


def field_of(schema, seen, todo):
    """A schema in few words: `items` of a list, `map` for its values, `fields` of an object without a name."""
    field = {}
    if "$ref" in schema:
        todo.append(schema["$ref"])
        field["$ref"] = schema["$ref"]
    elif "properties" in schema:
        field["fields"] = fields_of(schema, seen, todo)
    elif "items" in schema:
        field["items"] = field_of(schema["items"], seen, todo)
    elif "additionalProperties" in schema:
        field["map"] = field_of(schema["additionalProperties"], seen, todo)
    elif "enum" in schema:
        field["enum"] = schema["enum"]
    elif schema.get("type") == "object":
        field["fields"] = {}
    else:
        field["type"] = "int64" if schema.get("format") in ("int64", "uint64") else schema["type"]
    if schema.get("readOnly") or READ_ONLY.search(schema.get("description", "")):
        field["readOnly"] = True
    return field


def fields_of(schema, seen, todo):
    return {name: field_of(field, seen, todo) for name, field in schema.get("properties", {}).items()}


def query_of(method):
    query = {}
    for name, parameter in method.get("parameters", {}).items():
        if parameter["location"] == "query":
            query[name] = {key: parameter[key] for key in ("type", "enum", "repeated") if key in parameter}
    return query


def cut(name, wanted):
    document = json.loads((DOCUMENTS / f"{name}.json").read_text())
    api = name.split(".")[0]
    methods, schemas, todo = {}, {}, []
    for method in methods_of(document):
        if not is_wanted(method["id"], api, wanted):
            continue
        types = {key: method[key]["$ref"] for key in ("request", "response") if key in method}
        todo += types.values()
        path = document["servicePath"] + method.get("flatPath", method["path"])
        # Services of folders and organizations are not emulated.
        path = path.replace("{v1Id}/{v1Id1}", "projects/{projectsId}")
        method_id = method["id"]
        if name == "cloudresourcemanager.v1":
            # Ids are the same in all versions, and this one has other names for projects.
            method_id = method_id.replace(api, name, 1)
            path = path.replace("{projectId}", "{projectsId}").replace("{resource}", "{projectsId}")
        methods[method_id] = {"verb": method["httpMethod"], "path": path, "query": query_of(method), **types}
    while todo:
        schema = todo.pop()
        if schema in schemas:
            continue
        schemas[schema] = {}
        found = document["schemas"][schema]
        # A schema without fields is any JSON when it says so.
        schemas[schema] = field_of({key: found[key] for key in found if key != "description"}, schemas, todo)
    return {
        "host": document["rootUrl"].split("/")[2],
        "title": document["title"],
        "revision": document["revision"],
        "methods": methods,
        "schemas": schemas,
    }


print(json.dumps({name: cut(name, wanted) for name, wanted in APIS.items()}, separators=(",", ":"), sort_keys=True))
