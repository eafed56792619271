//! The page that lists every key, made of the types themselves.

use std::fmt::Write as _;

use schemars::{Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value};

use super::{
    Config, Connection, Delivery, Event, Mapping, OnConnect, Rate, Reply, Sink, Spool, Store,
};

/// The reference of `relay.toml`, in Markdown.
#[must_use]
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    let mut table = |title: &str, about: &str, schema: Schema| {
        // A String takes any text.
        let _ = write!(
            page,
            "\n## {title}\n\n{about}\n\n| key | value | default | |\n|---|---|---|---|\n"
        );
        for (key, property) in properties(&schema) {
            if matches!(&*key, "event" | "delivery" | "store" | "spool") && title.starts_with("At")
            {
                continue; // tables of their own, below
            }
            let property = Property { whole: schema.as_value(), property };
            let _ = writeln!(
                page,
                "| `{key}` | {} | {} | {} |",
                property.kind(),
                property.default(),
                property.about()
            );
        }
    };
    table("At the top", "Where tasks come from, and where they go.", of::<Config>());
    table(
        "`[to]`, or several `[[to]]`",
        "A connection to a Socket.IO server. `to = \"https://host/imchat\"` is the short form of one that needs nothing else. Several are \
         told apart by their `keys`.",
        of::<Connection>(),
    );
    table(
        "`[[to.on_connect]]`",
        "Events to emit each time the connection has been joined, in this order, before any task. If one fails the namespace is left, \
         and joined again later.",
        of::<OnConnect>(),
    );
    table(
        "`[delivery]`",
        "What is promised for tasks, how many at a time, how fast.",
        of::<Delivery>(),
    );
    table(
        "`[delivery.reply]`",
        "The event that answers a task, for `confirm = \"event\"`.",
        of::<Reply>(),
    );
    table("`[delivery.rate]`", "A bucket of tokens.", of::<Rate>());
    table("`[event.NAME]`", "What differs for the tasks of one event.", of::<Event>());
    table(
        "`[task]`",
        "Where the parts of a task are in the JSON of its producer. A text that begins with `$` is a JSONPath (RFC 9535), any other \
         stands for itself, and so does one behind a backslash. Expressions call what was found `task.event`, `task.id`, `task.key`, \
         `task.nsp` and `task.args`. Without this table a task is an envelope: an object with these keys.",
        of::<Mapping>(),
    );
    table(
        "`[store]`",
        "How much the queue holds, and for how long. A URL may say otherwise.",
        of::<Store>(),
    );
    table(
        "`[sink]`, or several `[[sink]]`",
        "Where what the server sends goes. `sink = \"file:events.ndjson\"` is the short form of one that needs nothing else.",
        of::<Sink>(),
    );
    table("`[spool]`", "Where it is kept until the sinks have it.", of::<Spool>());
    page
}

const HEAD: &str = "# relay.toml

Every key of the configuration of `sockeye relay`, made of the program's own types; a test compares. Flags and environment \
decide over the file; `sockeye relay --print-config` shows what came out. A key that is none is an error that names the nearest.

Times are like `\"500ms\"`, `\"30s\"`, `\"5m\"`, `\"1h\"`, `\"30d\"`, sizes like `\"64KiB\"`, `\"16MiB\"`, `\"1GiB\"`. Relative paths are those of \
the directory that the relay works in, wherever the file is (with systemd: `WorkingDirectory=`). Secrets are shown nowhere.
";

/// The tables that have a key of this name, as they are written; empty for the top.
pub(super) fn tables_with(key: &str) -> Vec<&'static str> {
    let tables = [
        ("", of::<Config>()),
        ("[to]", of::<Connection>()),
        ("[[to.on_connect]]", of::<OnConnect>()),
        ("[delivery]", of::<Delivery>()),
        ("[delivery.reply]", of::<Reply>()),
        ("[delivery.rate]", of::<Rate>()),
        ("[event.NAME]", of::<Event>()),
        ("[task]", of::<Mapping>()),
        ("[store]", of::<Store>()),
        ("[[sink]]", of::<Sink>()),
        ("[spool]", of::<Spool>()),
    ];
    let has = |schema: &Schema| properties(schema).iter().any(|(name, _)| name == key);
    tables.iter().filter(|(_, schema)| has(schema)).map(|&(table, _)| table).collect()
}

fn of<T: schemars::JsonSchema>() -> Schema {
    SchemaGenerator::new(SchemaSettings::draft2020_12()).into_root_schema_for::<T>()
}

fn properties(schema: &Schema) -> Vec<(String, &Map<String, Value>)> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let properties = properties.into_iter().flatten();
    properties.filter_map(|(key, value)| Some((key.clone(), value.as_object()?))).collect()
}

/// A key, and the schema that it is of.
struct Property<'s> {
    whole: &'s Value,
    property: &'s Map<String, Value>,
}

impl Property<'_> {
    /// What it may be.
    fn kind(&self) -> String {
        kind(self.whole, self.property).unwrap_or_else(|| "any".to_owned())
    }

    fn default(&self) -> String {
        match self.property.get("default") {
            None | Some(Value::Null) => String::new(),
            Some(Value::Array(items)) if items.is_empty() => String::new(),
            Some(Value::Object(members)) if members.is_empty() => String::new(),
            Some(default) => format!("`{default}`"),
        }
    }

    fn about(&self) -> String {
        let about = self.property.get("description").and_then(Value::as_str).unwrap_or_default();
        about.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
    }
}

fn kind(whole: &Value, property: &Map<String, Value>) -> Option<String> {
    if let Some(name) = property.get("$ref").and_then(Value::as_str) {
        let definition = whole.pointer(name.strip_prefix('#')?)?.as_object()?;
        return kind(whole, definition);
    }
    for many in ["anyOf", "oneOf"] {
        if let Some(kinds) = property.get(many).and_then(Value::as_array) {
            let mut kinds: Vec<String> =
                kinds.iter().filter_map(|it| kind(whole, it.as_object()?)).collect();
            kinds.dedup();
            return Some(kinds.join(" or "));
        }
    }
    if let Some(word) = property.get("const") {
        return Some(format!("`{word}`"));
    }
    if let Some(words) = property.get("enum").and_then(Value::as_array) {
        let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        return Some(words.join(" or "));
    }
    if let Some(format @ ("time" | "size" | "secret" | "location")) =
        property.get("format").and_then(Value::as_str)
    {
        return Some(match format {
            "secret" => "text, secret".to_owned(),
            "location" => "URL".to_owned(),
            other => other.to_owned(),
        });
    }
    let name = match property.get("type")? {
        Value::String(name) => name.as_str(),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).find(|name| *name != "null")?
        }
        _ => return None,
    };
    Some(match name {
        "null" => return None,
        "string" => "text".to_owned(),
        "boolean" => "`true` or `false`".to_owned(),
        "integer" | "number" => "number".to_owned(),
        "array" => match property.get("items").and_then(Value::as_object) {
            Some(items) if items.contains_key("$ref") => "tables".to_owned(),
            Some(items) => {
                format!("list of {}", kind(whole, items).unwrap_or_else(|| "values".to_owned()))
            }
            None => "list".to_owned(),
        },
        "object" => "table".to_owned(),
        other => other.to_owned(),
    })
}
