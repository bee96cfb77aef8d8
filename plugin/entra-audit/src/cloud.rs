//! Where to log in and where to ask: one pair of endpoints per cloud.
//!
//! Source of the presets: Microsoft Graph, "National cloud deployments" (roots of Microsoft Graph and of the login).

use headwater_source::origin::Origin;
use serde_json::{Map, Value};

/// A cloud that is known by name.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// Its name, as in the Azure source.
    pub name: &'static str,
    authority: &'static str,
    graph: &'static str,
}

/// The clouds that are known by name. The Azure source has one name for both of the United States government's, whose resource
/// manager they share; Microsoft Graph is at two addresses.
pub const PRESETS: [Preset; 4] = [
    Preset {
        name: "public",
        authority: "https://login.microsoftonline.com",
        graph: "https://graph.microsoft.com",
    },
    Preset {
        name: "us-government",
        authority: "https://login.microsoftonline.us",
        graph: "https://graph.microsoft.us",
    },
    Preset {
        name: "us-government-dod",
        authority: "https://login.microsoftonline.us",
        graph: "https://dod-graph.microsoft.us",
    },
    Preset {
        name: "china",
        authority: "https://login.partner.microsoftonline.cn",
        graph: "https://microsoftgraph.chinacloudapi.cn",
    },
];

/// The endpoints of one cloud, as origins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloud {
    /// Where tokens come from.
    pub authority: String,
    /// Microsoft Graph.
    pub graph: String,
}

impl Cloud {
    /// Reads the key `cloud`: a name, or an object with both endpoints.
    ///
    /// # Errors
    ///
    /// What is wrong, with the place below `/cloud`.
    pub fn read(value: Option<&Value>) -> Result<Self, (&'static str, String)> {
        match value {
            None | Some(Value::Null) => Ok(Self::preset(&PRESETS[0])),
            Some(Value::String(name)) => {
                let preset = PRESETS.iter().find(|preset| preset.name == name);
                preset.map(Self::preset).ok_or_else(|| {
                    let names = PRESETS.map(|preset| preset.name).join(", ");
                    let message = format!(
                        "is not a known cloud; give one of {names}, or an object with authority and graph"
                    );
                    ("", message)
                })
            }
            Some(Value::Object(object)) => {
                if object.keys().any(|key| key != "authority" && key != "graph") {
                    let message = "has a key that is not known; the known ones are authority, graph";
                    return Err(("", message.to_owned()));
                }
                Ok(Self {
                    authority: endpoint(object, "authority").map_err(|message| ("/authority", message))?,
                    graph: endpoint(object, "graph").map_err(|message| ("/graph", message))?,
                })
            }
            Some(_) => Err(("", "is neither a name nor an object".to_owned())),
        }
    }

    fn preset(preset: &Preset) -> Self {
        Self {
            authority: preset.authority.to_owned(),
            graph: preset.graph.to_owned(),
        }
    }
}

/// An origin: https, or http on this very machine.
fn endpoint(object: &Map<String, Value>, key: &str) -> Result<String, String> {
    let Some(text) = object.get(key).and_then(Value::as_str) else {
        return Err("is missing; give the address, for example https://graph.microsoft.com".to_owned());
    };
    let Some((origin, "" | "/")) = Origin::split(text) else {
        return Err(
            "is not an address of the form https://host or https://host:port without a path".to_owned(),
        );
    };
    if origin.scheme == "http" && !origin.is_loopback() {
        return Err("must begin with https: a token or secret would travel in the clear".to_owned());
    }
    Ok(text.trim_end_matches('/').to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_and_endpoints_are_read_and_mistakes_are_placed() {
        let graph = |value: Value| Cloud::read(Some(&value)).map(|cloud| cloud.graph);
        assert_eq!(Cloud::read(None).unwrap().graph, "https://graph.microsoft.com");
        for (name, expected) in [
            ("public", "https://graph.microsoft.com"),
            ("us-government", "https://graph.microsoft.us"),
            ("us-government-dod", "https://dod-graph.microsoft.us"),
            ("china", "https://microsoftgraph.chinacloudapi.cn"),
        ] {
            assert_eq!(graph(json!(name)).as_deref(), Ok(expected));
        }
        let own = json!({ "authority": "http://127.0.0.1:8080/", "graph": "https://Graph.example" });
        assert_eq!(graph(own).as_deref(), Ok("https://graph.example"));
        for (value, place) in [
            (json!("azure"), ""),
            (json!(7), ""),
            (json!({ "graph": "https://graph.example" }), "/authority"),
            (
                json!({ "authority": "https://a.example", "graph": "https://b.example/v1.0" }),
                "/graph",
            ),
            (
                json!({ "authority": "https://a.example", "graph": "http://b.example" }),
                "/graph",
            ),
            (
                json!({ "authority": "https://a.example", "graph": "https://b.example", "x": 1 }),
                "",
            ),
        ] {
            assert_eq!(Cloud::read(Some(&value)).unwrap_err().0, place, "{value}");
        }
    }
}
