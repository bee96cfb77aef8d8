//! A page of a list, on its way to becoming a body.

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use crate::answer::Answer;

/// Links are shorter than this, so that a page is written without being moved.
const ROOM_FOR_LINK: usize = 1024;

/// What a list endpoint is about to answer. Scripted failures change it before it is written.
#[derive(Debug)]
pub struct Page {
    /// The elements of `value`: JSON, or what a script made of it.
    pub items: Vec<Vec<u8>>,
    /// The text of `nextLink`; without one the list ends here and the member is left out.
    pub next: Option<Value>,
    /// The link that led here.
    pub own_link: String,
    /// A link with another text that leads to the same items again.
    pub again_link: String,
}

impl Page {
    /// Writes the body.
    pub fn into_answer(self) -> Answer {
        self.written(br#"{"value":["#, br#","nextLink":"#)
    }

    /// Writes the body as Microsoft Graph does.
    pub fn into_graph_answer(self) -> Answer {
        self.written(
            br#"{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#auditLogs/directoryAudits","value":["#,
            br#","@odata.nextLink":"#,
        )
    }

    fn written(self, start: &[u8], link: &[u8]) -> Answer {
        let size: usize = self.items.iter().map(|item| item.len() + 1).sum();
        let mut body = Vec::with_capacity(size + ROOM_FOR_LINK);
        body.extend_from_slice(start);
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            body.extend_from_slice(item);
        }
        body.push(b']');
        if let Some(next) = &self.next {
            body.extend_from_slice(link);
            body.extend_from_slice(next.to_string().as_bytes());
        }
        body.push(b'}');
        Answer::bytes(
            StatusCode::OK,
            "application/json; charset=utf-8",
            Bytes::from(body),
        )
    }
}
