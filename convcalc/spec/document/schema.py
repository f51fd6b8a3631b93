"""JSON Schema of the document form, for editors; made from the tables the reader itself uses."""

from __future__ import annotations

from typing import Any

from convcalc.layers.values import MOST_AXES
from convcalc.spec.document.keys import BLOCK_KEYS, ITEMS, REQUIRED, RESIDUALS, TOP_KEYS, merges

_VALUE = {"$ref": "#/$defs/value"}
_BODY = {"$ref": "#/$defs/body"}
_TEXT = {"type": ["string", "number", "boolean", "null"]}
_WORD = {"type": "string"}
_NAME = {"type": ["string", "integer"]}

_DESCRIPTIONS = {
    "name": "What the network is called.",
    "source": "Where it was published.",
    "notes": "Anything a reader should know.",
    "extends": "A zoo network whose parts are taken where this document does not give its own.",
    "vars": "Variables; the command line replaces them with --set name=value.",
    "input": "Channels and sizes, such as 3x224x224.",
    "inputs": "Shapes of several inputs by name.",
    "ranks": "Numbers of sizes that --input may give besides that of the input's own shape: [1, 2, 3].",
    "blocks": "Block definitions: 'name(parameter, other=default)' to a body or a mapping.",
    "layers": "What runs, in order.",
    "outputs": "Names of the tensors the network returns; the last layer's by default.",
    "budget": "Limits that 'convcalc check' holds the network to.",
    "bits": "Bits of weights and activations for 'convcalc cost': w4a8, or by layer.",
    "repeat": "Run the body so many times; 'each' or 'index' names the index, from 0.",
    "each": "With 'of': run the body for every value of a list; a list of names takes rows apart.",
    "index": "The name of the number of the turn, from 0.",
    "merge": "The layer that joins the branches; in a loop, turns that all start from what arrives.",
    "when": "Run 'do' if the condition holds, else 'else'.",
    "branches": "Run every branch on the same tensor and merge the results.",
    "residual": "Run the body and add the shortcut.",
    "group": "Give the body a name; from=NAME reads its result.",
    "frozen": "Whether the parameters inside are held fixed in training.",
    "share": "Whose weights it uses; true: all turns of a loop use those of the first.",
    "let": "Variables for what follows, or for the body where one is given.",
}


def _property(key: str) -> dict[str, Any]:
    plain: dict[str, dict[str, Any]] = {
        "body": _BODY,
        "do": _BODY,
        "else": _BODY,
        "shortcut": _BODY,
        "layers": _BODY,
        "id": _NAME,
        "from": {"anyOf": [_NAME, {"type": "array", "items": _NAME, "minItems": 1}]},
        "group": _NAME,
        "frozen": {"type": ["boolean", "string"]},
        "share": {"type": ["boolean", "string", "integer"]},
        "name": _TEXT,
        "source": _TEXT,
        "notes": _TEXT,
        "doc": _TEXT,
        "extends": _WORD,
        "repeat": {"type": ["integer", "string"]},
        "when": {"type": ["string", "boolean", "number"]},
        "of": _VALUE,
        "each": {"anyOf": [_WORD, {"type": "array", "items": _WORD}]},
        "index": _WORD,
        "merge": {"type": "string", "pattern": rf"^({'|'.join(merges())})(\s|\(|$)"},
        "residual": {
            "anyOf": [
                {"enum": list(RESIDUALS)},
                {"type": "string", "pattern": r"\S[\s(|;]"},
                {"type": "array", "items": {"$ref": "#/$defs/item"}},
                {"$ref": "#/$defs/structure"},
            ]
        },
        "let": {"type": "object", "additionalProperties": _VALUE},
        "vars": {"type": "object", "additionalProperties": _VALUE},
        "branches": {
            "anyOf": [
                {"type": "object", "additionalProperties": _BODY, "minProperties": 1},
                {"type": "array", "items": _BODY, "minItems": 1},
            ]
        },
        "input": {"$ref": "#/$defs/shape"},
        "inputs": {"type": "object", "additionalProperties": {"$ref": "#/$defs/shape"}},
        "ranks": {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": MOST_AXES - 1},
                {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": MOST_AXES - 1}},
            ]
        },
        "outputs": {
            "anyOf": [
                _NAME,
                {"type": "array", "items": _NAME},
                {"type": "object", "additionalProperties": _NAME},
            ]
        },
        "budget": {"type": "object", "additionalProperties": {"type": ["string", "number"]}},
        "bits": {
            "anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}]
        },
        "blocks": {
            "type": "object",
            "patternProperties": {r"^\s*[A-Za-z_]\w*\s*(\([\s\S]*\))?\s*$": {"$ref": "#/$defs/block"}},
            "additionalProperties": False,
        },
    }
    found = dict(plain[key])
    if key in _DESCRIPTIONS:
        found["description"] = _DESCRIPTIONS[key]
    return found


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a document."""
    items: list[dict[str, Any]] = [
        {
            "type": "object",
            "properties": {key: _property(key) for key in keys},
            "required": [head, *REQUIRED[head]],
            "additionalProperties": False,
        }
        for head, keys in ITEMS.items()
    ]
    # A repeat has an index under 'each', which alone heads a loop over a list.
    alone = [
        {
            **item,
            "properties": {
                **item["properties"],
                **{key: _property(key) for key in BLOCK_KEYS[: BLOCK_KEYS.index("residual")]},
            },
        }
        for item, head in zip(items, ITEMS, strict=True)
        if head not in BLOCK_KEYS
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "convcalc document",
        "description": "A convolutional network in the spec language of convcalc.",
        "type": ["object", "array"],
        "properties": {key: _property(key) for key in TOP_KEYS},
        "additionalProperties": False,
        "items": {"$ref": "#/$defs/item"},
        "anyOf": [
            {"required": ["layers"]},
            {"required": ["extends"]},
            {"required": ["blocks"]},
            {"type": "array"},
        ],
        "$defs": {
            "value": {
                "description": "A number, an expression, a text, or a list of these.",
                "anyOf": [
                    {"type": ["number", "string", "boolean"]},
                    {"type": "array", "items": {"$ref": "#/$defs/value"}},
                ],
            },
            "shape": {
                "description": "Channels and sizes: 3x224x224, [3, size, size].",
                "anyOf": [
                    {"type": ["string", "integer"]},
                    {"type": "array", "items": {"$ref": "#/$defs/value"}},
                ],
            },
            "body": {
                "description": "Stages and structures, in order.",
                "anyOf": [
                    {"type": "string"},
                    {"type": "null"},
                    {"type": "array", "items": {"$ref": "#/$defs/item"}},
                    {"$ref": "#/$defs/structure"},
                ],
            },
            "item": {
                "anyOf": [
                    {
                        "type": "string",
                        "minLength": 1,
                        "description": "Stages, such as 'conv 64 k3 p1 | bn | relu'.",
                    },
                    {"type": "array", "items": {"$ref": "#/$defs/item"}},
                    {"$ref": "#/$defs/structure"},
                ]
            },
            "structure": {"anyOf": items},
            "block": {
                "anyOf": [
                    {"type": "string"},
                    {"type": "array", "items": {"$ref": "#/$defs/item"}},
                    {
                        "type": "object",
                        "properties": {key: _property(key) for key in BLOCK_KEYS},
                        "required": ["body"],
                        "additionalProperties": False,
                    },
                    *alone,
                ]
            },
        },
    }
