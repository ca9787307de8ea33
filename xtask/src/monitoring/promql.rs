//! What a query in PromQL asks for: metrics with the labels it compares, and labels it groups by.
//!
//! It reads only as much as that takes. Whether a query is well formed is for promtool to say.

use std::collections::BTreeSet;

/// A list of labels stands behind these.
const GROUPING: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
/// Names that are no metrics; those of functions and aggregations are known by what stands behind them.
const WORDS: [&str; 8] = ["and", "or", "unless", "atan2", "bool", "offset", "inf", "nan"];

/// What one query asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) selectors: Vec<Selector>,
    /// Labels by which is grouped or matched.
    pub(super) grouped: BTreeSet<String>,
}

/// A metric, and the labels that are compared. The name is empty where there is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Selector {
    pub(super) metric: String,
    pub(super) labels: Vec<String>,
}

impl Query {
    /// Reads a query, which may hold Grafana's variables in strings and ranges.
    pub(super) fn parse(text: &str) -> Self {
        let tokens = tokens(text);
        let mut rest = &tokens[..];
        let mut query = Self::default();
        while let Some((token, behind)) = rest.split_first() {
            rest = match token {
                Token::Name(name) => query.name(name, behind),
                Token::OpenBrace => query.selector("", rest),
                _ => behind,
            };
        }
        query
    }

    fn name<'a, 't>(&mut self, name: &str, behind: &'a [Token<'t>]) -> &'a [Token<'t>] {
        match behind.first() {
            Some(Token::Open) if GROUPING.contains(&name) => {
                let (inside, behind) = until(behind, &Token::Close);
                self.grouped.extend(names(inside));
                behind
            }
            Some(Token::Open) => behind,
            Some(Token::Name("by" | "without")) => behind,
            _ if WORDS.contains(&name.to_ascii_lowercase().as_str()) => behind,
            _ => self.selector(name, behind),
        }
    }

    fn selector<'a, 't>(&mut self, metric: &str, behind: &'a [Token<'t>]) -> &'a [Token<'t>] {
        let (inside, behind) = match behind.first() {
            Some(Token::OpenBrace) => until(behind, &Token::CloseBrace),
            _ => (&[][..], behind),
        };
        self.selectors.push(Selector { metric: metric.to_owned(), labels: names(inside).collect() });
        behind
    }
}

/// What is before the first such token, and what is behind it.
fn until<'a, 't>(tokens: &'a [Token<'t>], end: &Token<'_>) -> (&'a [Token<'t>], &'a [Token<'t>]) {
    let at = tokens.iter().position(|token| token == end).unwrap_or(tokens.len());
    (&tokens[..at], tokens.get(at + 1..).unwrap_or_default())
}

fn names(tokens: &[Token<'_>]) -> impl Iterator<Item = String> {
    tokens.iter().filter_map(|token| match token {
        Token::Name(name) => Some((*name).to_owned()),
        _ => None,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Name(&'a str),
    Open,
    Close,
    OpenBrace,
    CloseBrace,
    /// Text, a number, a duration, a range, an operator: none of our business.
    Other,
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '{' => (Token::OpenBrace, 1),
            '}' => (Token::CloseBrace, 1),
            '"' | '\'' | '`' => (Token::Other, quoted(rest, first)),
            '[' => (Token::Other, rest.find(']').map_or(rest.len(), |at| at + 1)),
            '#' => (Token::Other, rest.find('\n').unwrap_or(rest.len())),
            '0'..='9' | '.' | '$' => (Token::Other, 1 + word(&rest[1..])),
            'a'..='z' | 'A'..='Z' | '_' | ':' => (Token::Name(&rest[..word(rest)]), word(rest)),
            other => (Token::Other, other.len_utf8()),
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    tokens
}

/// Bytes of the name, number or duration at the beginning.
fn word(text: &str) -> usize {
    text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.'))).unwrap_or(text.len())
}

/// Bytes of the text in quotation marks at the beginning.
fn quoted(text: &str, mark: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if mark != '`' => escaped = true,
            c if c == mark => return at + 1,
            _ => {}
        }
    }
    text.len()
}
