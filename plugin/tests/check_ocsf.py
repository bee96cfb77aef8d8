"""Checks OCSF events, one JSON object a line on stdin, against the published JSON Schema.

Needs the packages `ocsf-json-schema` and `jsonschema`. Also names attributes that the schema does not know, which it
would let pass; `unmapped` may hold anything.
"""

import json
import sys

import jsonschema
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

VERSION = "1.8.0"
PROFILES = ["cloud", "security_control"]


def resolved(schema, node):
    """The node that a reference inside the schema leads to."""
    if "$ref" not in node:
        return node
    for part in node["$ref"].split("/")[1:]:
        schema = schema[part]
    return schema


def unknown(schema, node, value, path):
    """Paths of attributes that the schema does not name."""
    node = resolved(schema, node)
    if isinstance(value, list):
        for element in value:
            yield from unknown(schema, node.get("items", {}), element, path + "[]")
    elif isinstance(value, dict) and "properties" in node and path != ".unmapped":
        for name, member in value.items():
            if name in node["properties"]:
                yield from unknown(schema, node["properties"][name], member, f"{path}.{name}")
            else:
                yield f"{path}.{name}"


def main():
    source = OcsfJsonSchemaEmbedded(get_ocsf_schema(VERSION))
    schema = source.get_class_schema(class_name="api_activity", profiles=PROFILES)
    validator = jsonschema.Draft202012Validator(schema)
    events = problems = 0
    for number, line in enumerate(sys.stdin, 1):
        event = json.loads(line)
        events += 1
        found = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(event)]
        found += [f"{path}: not in the schema" for path in unknown(schema, schema, event, "")]
        problems += len(found)
        for problem in found:
            print(f"line {number}: {problem}")
    print(f"{events} events, {problems} problems")
    sys.exit(1 if problems or not events else 0)


main()
