"""Prints the shapes of request bodies of Azure's Resource Manager, as Microsoft's own Python packages describe them.

    python3 -m venv VENV
    VENV/bin/pip install --requirement scripts/azure-shapes-requirements.txt
    VENV/bin/python scripts/azure-shapes.py > sandbox/azure/arm/shapes.json

The packages are under the MIT license. tests/contract/azure-shapes.test.ts compares the file with its output.
"""

import enum
import importlib
import json
import re
import sys
import typing

ROOTS = {
    "Microsoft.Authorization/locks": ("azure.mgmt.resource.locks.models", "ManagementLockObject"),
    "Microsoft.Authorization/roleAssignments": ("azure.mgmt.authorization.models", "RoleAssignmentCreateParameters"),
    "Microsoft.Authorization/roleDefinitions": ("azure.mgmt.authorization.models", "RoleDefinition"),
    "Microsoft.ContainerService/managedClusters": ("azure.mgmt.containerservice.models", "ManagedCluster"),
    "Microsoft.ContainerService/managedClusters/agentPools": ("azure.mgmt.containerservice.models", "AgentPool"),
    "Microsoft.ManagedIdentity/userAssignedIdentities": ("azure.mgmt.msi.models", "Identity"),
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials": (
        "azure.mgmt.msi.models",
        "FederatedIdentityCredential",
    ),
    "Microsoft.Network/dnsZones": ("azure.mgmt.dns.models", "Zone"),
    "Microsoft.Network/dnsZones/records": ("azure.mgmt.dns.models", "RecordSet"),
    "Microsoft.Resources/resourceGroups": ("azure.mgmt.resource.resources.models", "ResourceGroup"),
}

# Names of msrest's basic types, and of Python's; all others are strings in JSON: times, durations, bytes.
BASIC = {"int": "integer", "long": "integer", "float": "number", "bool": "boolean", "object": "any", "Any": "any"}

shapes = {}


def shape_of(model):
    """The name of a model's shape, which is added to the shapes with all that it needs."""
    name = f"{model.__module__.split('.')[2]}.{model.__name__}"
    if name not in shapes:
        shapes[name] = {}
        shapes[name].update(mapped_fields(model) if hasattr(model, "_attribute_map") else rest_fields(model))
    return name


def mapped_fields(model):
    """Of the older generation: `_attribute_map` has keys like `properties.TTL`, `_validation` what is required or read only."""
    package = importlib.import_module(model.__module__.rsplit(".", 1)[0])
    fields = {}
    for attribute, mapping in model._attribute_map.items():
        *outer, last = [part.replace("\0", ".") for part in mapping["key"].replace("\\.", "\0").split(".")]
        target = fields
        for part in outer:
            target = target.setdefault(part, {"fields": {}})["fields"]
        # Enumerations are strings there, and have their names in the constructor only.
        hint = str(model.__init__.__annotations__.get(attribute, ""))
        named = re.search(r"Union\[str, \W*(?:ForwardRef\W*)?_models\.(\w+)", hint)
        field = mapped_type(named[1] if named else mapping["type"], package)
        rules = model._validation.get(attribute, {})
        if rules.get("readonly"):
            field["readOnly"] = True
        elif rules.get("required"):
            field["required"] = True
        target[last] = field
    return fields


def mapped_type(name, package):
    """`[MxRecord]`, `{str}`, `int`."""
    if name[0] in "[{":
        return {"items" if name[0] == "[" else "map": mapped_type(name[1:-1], package)}
    found = getattr(package, name, None)
    if found is None:
        return {"type": BASIC.get(name, "string")}
    return enum_of(found) if issubclass(found, enum.Enum) else {"$ref": shape_of(found)}


def rest_fields(model):
    """Of the newer generation: annotated `rest_field`s with what each is visible in."""
    fields = {}
    for base in reversed(model.__mro__):
        for attribute, rest in vars(base).items():
            if type(rest).__name__ != "_RestField":
                continue
            hint = annotation(base, attribute)
            field = rest_type(hint)
            visible = rest._visibility
            if visible == ["read"]:
                field["readOnly"] = True
            else:
                if visible and "update" not in visible:
                    field["createOnly"] = True
                if type(None) not in typing.get_args(hint):
                    field["required"] = True
            fields[rest._rest_name_input or attribute] = field
    return fields


def annotation(model, attribute):
    package = importlib.import_module(model.__module__.rsplit(".", 1)[0])
    names = {**vars(sys.modules[model.__module__]), "_models": package, "_types": package}
    hint = model.__annotations__[attribute]
    return evaluate(hint, names)


def evaluate(hint, names):
    """A hint without forward references in it."""
    if isinstance(hint, typing.ForwardRef):
        hint = hint.__forward_arg__
    if isinstance(hint, str):
        hint = eval(hint, names)
    arguments = tuple(evaluate(argument, names) for argument in typing.get_args(hint))
    origin = typing.get_origin(hint)
    if origin is typing.Union:
        return typing.Union[arguments]
    return origin[arguments] if origin in (list, dict) else hint


def rest_type(hint):
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Union:
        # An open enumeration is `Union[str, Enum]`.
        real = [one for one in arguments if one not in (str, type(None))]
        return rest_type(real[0] if real else str)
    if origin is list:
        return {"items": rest_type(arguments[0])}
    if origin is dict:
        return {"map": rest_type(arguments[1])}
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return enum_of(hint)
    if getattr(hint, "__module__", "").startswith("azure."):
        return {"$ref": shape_of(hint)}
    return {"type": BASIC.get(getattr(hint, "__name__", str(hint)), "string")}


def enum_of(values):
    return {"enum": [value.value for value in values]}


roots = {root: shape_of(getattr(importlib.import_module(module), name)) for root, (module, name) in ROOTS.items()}
print(json.dumps({"roots": roots, "shapes": shapes}, separators=(",", ":"), sort_keys=True))
