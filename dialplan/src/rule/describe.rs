//! The pieces of JSON Schema that the macros put together.

use serde_json::{Map, Value, json};

/// The schema of a table: its keys with their documentation.
pub(crate) fn describe_table(doc: &str, keys: Vec<(&str, &str, (Value, bool))>) -> Value {
    let required: Vec<&str> = keys.iter().filter(|(_, _, (_, required))| *required).map(|(key, ..)| *key).collect();
    let properties = keys.into_iter().map(|(key, doc, (schema, _))| (key.to_owned(), documented(schema, doc)));
    json!({
        "type": "object",
        "description": doc.trim(),
        "properties": properties.collect::<Map<_, _>>(),
        "required": required,
        "additionalProperties": false,
    })
}

/// The schema of a table of which exactly one key is given.
pub(crate) fn describe_choice(doc: &str, keys: Vec<(&str, &str, Value)>) -> Value {
    let properties = keys.into_iter().map(|(key, doc, schema)| (key.to_owned(), documented(schema, doc)));
    json!({
        "type": "object",
        "description": doc.trim(),
        "properties": properties.collect::<Map<_, _>>(),
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": false,
    })
}

fn documented(mut schema: Value, doc: &str) -> Value {
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".to_owned(), json!(doc.trim()));
    }
    schema
}
