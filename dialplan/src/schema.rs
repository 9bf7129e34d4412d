//! The JSON Schema of the file, for editors.

use serde_json::{Value, json};

use crate::model::File;
use crate::rule::{Defs, Table};

/// The JSON Schema (draft 2020-12) of the dialplan file.
///
/// It comes from the same description as the reader. What it refuses, [`crate::parse`] refuses; not the other way round,
/// since a schema cannot say that a name exists or that two values fit together.
pub fn schema() -> Value {
    let mut defs = Defs::default();
    let mut root = File::describe(&mut defs);
    if let Some(object) = root.as_object_mut() {
        object.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        object.insert("$id".to_owned(), json!("https://strongline.dev/schema/dialplan.json"));
        object.insert("title".to_owned(), json!("Strongline dialplan"));
        object.insert("$defs".to_owned(), Value::Object(defs.0));
    }
    root
}
