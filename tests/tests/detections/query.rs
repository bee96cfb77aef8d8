//! As much of KQL (Elastic), ES|QL and SPL as docs/detections.md uses: conditions on fields, joined by and, or and not.

use serde_json::Value;

/// Which language a query is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Kql,
    Esql,
    Spl,
}

/// A condition on a document.
#[derive(Debug)]
pub enum Query {
    All(Vec<Query>),
    Any(Vec<Query>),
    Not(Box<Query>),
    /// A value of the field is this text, in which `*` may stand for anything.
    Is {
        field: String,
        pattern: String,
        /// Whether letter case matters, and whether the field must, may or must not have several values.
        exact: bool,
        several: Option<bool>,
    },
    /// A value of the field is no smaller.
    AtLeast {
        field: String,
        number: f64,
    },
}

impl Query {
    /// Reads a query; panics where it is none.
    pub fn read(language: Language, text: &str) -> Query {
        let condition = match language {
            Language::Kql => text.to_owned(),
            Language::Esql => {
                let conditions = text
                    .lines()
                    .filter_map(|line| line.trim().strip_prefix("| WHERE "));
                let conditions: Vec<String> = conditions.map(|condition| format!("({condition})")).collect();
                assert!(text.starts_with("FROM ") && !conditions.is_empty(), "{text}");
                conditions.join(" AND ")
            }
            Language::Spl => text
                .strip_prefix("index=azure ")
                .expect("it names the index")
                .to_owned(),
        };
        let mut reader = Reader {
            language,
            tokens: tokens(&condition),
            position: 0,
        };
        let query = reader.any();
        assert_eq!(
            reader.position,
            reader.tokens.len(),
            "{text}: {:?}",
            reader.tokens
        );
        query
    }

    /// Whether it holds for a document.
    pub fn matches(&self, document: &Value) -> bool {
        match self {
            Query::All(parts) => parts.iter().all(|part| part.matches(document)),
            Query::Any(parts) => parts.iter().any(|part| part.matches(document)),
            Query::Not(part) => !part.matches(document),
            Query::Is {
                field,
                pattern,
                exact,
                several,
            } => {
                let Some(value) = at(document, field) else {
                    return false;
                };
                if several.is_some_and(|several| several != value.is_array()) {
                    return false;
                }
                values(value).any(|value| {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    match exact {
                        true => fits(pattern, &text),
                        false => fits(&pattern.to_lowercase(), &text.to_lowercase()),
                    }
                })
            }
            Query::AtLeast { field, number } => at(document, field).is_some_and(|value| {
                values(value).any(|value| value.as_f64().is_some_and(|value| value >= *number))
            }),
        }
    }
}

fn at<'v>(document: &'v Value, field: &str) -> Option<&'v Value> {
    field.split('.').try_fold(document, |value, name| value.get(name))
}

fn values(value: &Value) -> impl Iterator<Item = &Value> {
    value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice)
        .iter()
}

/// Whether a text fits a pattern with `*`.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            let starts = rest.char_indices().map(|(start, _)| start).chain([rest.len()]);
            starts.into_iter().any(|start| fits(after, &rest[start..]))
        }),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(&'static str),
}

fn tokens(text: &str) -> Vec<Token> {
    const SIGNS: [&str; 7] = ["==", ">=", "(", ")", ":", ",", "="];
    let (mut rest, mut tokens) = (text.trim_start(), Vec::new());
    while let Some(first) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (text, after) = quoted.split_once('"').expect("a quote ends");
            tokens.push(Token::Text(text.to_owned()));
            rest = after;
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            tokens.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else {
            let is_part = |letter: char| letter.is_ascii_alphanumeric() || "_.*/{}-@".contains(letter);
            assert!(is_part(first), "what is {rest}");
            let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    tokens
}

struct Reader {
    language: Language,
    tokens: Vec<Token>,
    position: usize,
}

impl Reader {
    fn peek_word(&self, word: &str) -> bool {
        let upper = matches!(self.language, Language::Esql | Language::Spl);
        let word = if upper {
            word.to_uppercase()
        } else {
            word.to_owned()
        };
        self.tokens.get(self.position) == Some(&Token::Word(word))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.peek_word(word);
        self.position += usize::from(found);
        found
    }

    fn take_sign(&mut self, sign: &'static str) -> bool {
        let found = self.tokens.get(self.position) == Some(&Token::Sign(sign));
        self.position += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &'static str) {
        assert!(
            self.take_sign(sign),
            "{sign} at {} of {:?}",
            self.position,
            self.tokens
        );
    }

    fn next(&mut self) -> Token {
        let token = self.tokens.get(self.position).expect("the query goes on").clone();
        self.position += 1;
        token
    }

    fn any(&mut self) -> Query {
        let mut parts = vec![self.all()];
        while self.take_word("or") {
            parts.push(self.all());
        }
        Query::Any(parts)
    }

    fn all(&mut self) -> Query {
        let mut parts = vec![self.one()];
        loop {
            let is_over = self.position == self.tokens.len()
                || self.peek_word("or")
                || self.tokens[self.position] == Token::Sign(")");
            // Splunk joins by a blank.
            if !(self.take_word("and") || self.language == Language::Spl && !is_over) {
                return Query::All(parts);
            }
            parts.push(self.one());
        }
    }

    fn one(&mut self) -> Query {
        if self.take_word("not") {
            return Query::Not(Box::new(self.one()));
        }
        if self.take_sign("(") {
            let inner = self.any();
            self.expect(")");
            return inner;
        }
        if self.language == Language::Esql && self.take_word("mv_contains") {
            self.expect("(");
            let Token::Word(field) = self.next() else {
                panic!("a field")
            };
            self.expect(",");
            let value = self.value();
            self.expect(")");
            return self.is(field, value, Some(true));
        }
        let Token::Word(field) = self.next() else {
            panic!("a field in {:?}", self.tokens)
        };
        if self.take_sign(">=") {
            let Token::Word(number) = self.next() else {
                panic!("a number")
            };
            let number = number.parse().expect("a number");
            return Query::AtLeast { field, number };
        }
        let (field, several) = match (self.language, field.strip_suffix("{}")) {
            (Language::Kql, _) => (field, None),
            (Language::Spl, Some(field)) => (field.to_owned(), Some(true)),
            _ => (field, Some(false)),
        };
        if self.take_word("in") {
            self.expect("(");
            let mut parts = Vec::new();
            loop {
                let value = self.value();
                parts.push(self.is(field.clone(), value, several));
                if !self.take_sign(",") {
                    break;
                }
            }
            self.expect(")");
            return Query::Any(parts);
        }
        let is_pattern = self.take_word("like");
        match self.language {
            Language::Kql => self.expect(":"),
            Language::Esql if is_pattern => {}
            Language::Esql => self.expect("=="),
            Language::Spl => self.expect("="),
        }
        if self.language == Language::Kql && self.take_sign("(") {
            let mut parts = Vec::new();
            loop {
                let value = self.value();
                parts.push(self.is(field.clone(), value, several));
                if !self.take_word("or") {
                    break;
                }
            }
            self.expect(")");
            return Query::Any(parts);
        }
        let value = self.value();
        self.is(field, value, several)
    }

    fn value(&mut self) -> Token {
        match self.next() {
            Token::Sign(sign) => panic!("a value, not {sign}"),
            value => value,
        }
    }

    fn is(&self, field: String, value: Token, several: Option<bool>) -> Query {
        let (Token::Word(pattern) | Token::Text(pattern)) = value else {
            panic!("a value")
        };
        Query::Is {
            field,
            pattern,
            exact: self.language != Language::Spl,
            several,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_are_read_and_evaluated_as_their_language_means_them() {
        let document = json!({"a": {"b": "x/y"}, "list": ["p", "q"], "n": 47});
        for (language, text, expected) in [
            (Language::Kql, r#"a.b: "x/y""#, true),
            (Language::Kql, r#"a.b: "X/y""#, false),
            (Language::Kql, "a.b: */y and not list: p", false),
            (Language::Kql, r#"list: ("z" or "q") and n >= 47"#, true),
            (Language::Kql, r#"(a.b: z or n >= 48) and list: p"#, false),
            (Language::Kql, r#"c: "x""#, false),
            (Language::Esql, "FROM x\n| WHERE list == \"p\"", false),
            (
                Language::Esql,
                "FROM x\n| WHERE MV_CONTAINS(list, \"p\")\n| WHERE n >= 48",
                false,
            ),
            (
                Language::Esql,
                "FROM x\n| WHERE a.b LIKE \"*/y\" AND a.b IN (\"q\", \"x/y\")",
                true,
            ),
            (Language::Spl, r#"index=azure a.b="X*" list{}="q""#, true),
            (Language::Spl, r#"index=azure list="q""#, false),
            (Language::Spl, r#"index=azure a.b="z" OR n>=47"#, true),
        ] {
            assert_eq!(Query::read(language, text).matches(&document), expected, "{text}");
        }
    }
}
