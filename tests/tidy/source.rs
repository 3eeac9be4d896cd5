//! Just enough of Rust's grammar for the rules: tokens with their lines, paths, functions, test code.

/// One identifier, number, lifetime, `::`, or other single character, and the line that it stands on (from 1).
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// A path as `use` or code spells it, groups expanded: `use a::{b, c::d};` gives `a::b` and `a::c::d`.
#[derive(Clone, Debug, PartialEq)]
pub struct RustPath {
    pub segments: Vec<String>,
    pub line: usize,
    /// Position of its last token.
    pub token: usize,
    pub in_use: bool,
    /// Whether it is in a `use` that others see: `pub`, `pub(crate)` and the like.
    pub is_reexport: bool,
    /// The name after `as`.
    pub alias: Option<String>,
}

impl Token {
    pub fn is_ident(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// The tokens of a source text, without comments and without what strings and characters hold.
pub fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = blank_out(text).chars().collect();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let begin = at;
        at += 1;
        match chars[begin] {
            '\n' => line += 1,
            c if c.is_whitespace() => {}
            c => {
                if c.is_alphanumeric() || c == '_' || c == '\'' {
                    while at < chars.len() && (chars[at].is_alphanumeric() || chars[at] == '_') {
                        at += 1;
                    }
                } else if c == ':' && chars.get(at) == Some(&':') {
                    at += 1;
                }
                tokens.push(Token { text: chars[begin..at].iter().collect(), line });
            }
        }
    }
    tokens
}

/// The text with comments, strings and characters replaced by spaces; line breaks stay.
fn blank_out(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = end_of_opaque(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Where the comment, string or character that begins here ends; `at` itself when none begins here.
fn end_of_opaque(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    let length = match rest {
        ['/', '/', ..] => rest.iter().position(|&c| c == '\n'),
        ['/', '*', ..] => return at + block_comment_length(rest),
        ['"', ..] => quoted_length(rest, '"'),
        ['\'', '\\', ..] => quoted_length(rest, '\''),
        ['\'', _, '\'', ..] => Some(3),
        ['r', '"' | '#', ..] if !follows_word(chars, at) => match raw_string_length(rest) {
            Some(length) => Some(length),
            None => return at,
        },
        ['b' | 'c', 'r', '"' | '#', ..] if !follows_word(chars, at) => match raw_string_length(&rest[1..]) {
            Some(length) => Some(length + 1),
            None => return at,
        },
        _ => return at,
    };
    at + length.unwrap_or(rest.len())
}

fn follows_word(chars: &[char], at: usize) -> bool {
    at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_')
}

fn block_comment_length(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at + 1 < rest.len() {
        match (rest[at], rest[at + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn quoted_length(rest: &[char], quote: char) -> Option<usize> {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            c if c == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// `None` when this is no raw string (a raw identifier, or the name `r`).
fn raw_string_length(rest: &[char]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|&&c| c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return None;
    }
    let begin = 2 + hashes;
    let is_end =
        |at: usize| rest[at] == '"' && rest[at + 1..].iter().take_while(|&&c| c == '#').count() >= hashes;
    Some((begin..rest.len()).find(|&at| is_end(at)).map_or(rest.len(), |at| at + 1 + hashes))
}

/// All paths, those of `use` with their groups expanded. A lone name is a path of one segment.
pub fn paths(tokens: &[Token]) -> Vec<RustPath> {
    let mut paths = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let in_use = tokens[at].text == "use";
        let is_reexport = in_use && at > 0 && matches!(tokens[at - 1].text.as_str(), "pub" | ")");
        let known = paths.len();
        if in_use || tokens[at].is_ident() {
            at = read_tree(tokens, at + usize::from(in_use), Vec::new(), in_use, &mut paths).max(at + 1);
        } else {
            at += 1;
        }
        paths[known..].iter_mut().for_each(|path: &mut RustPath| path.is_reexport = is_reexport);
    }
    paths
}

/// Reads one path, with its groups inside a `use`; returns the position after it.
fn read_tree(
    tokens: &[Token],
    mut at: usize,
    mut prefix: Vec<String>,
    in_use: bool,
    paths: &mut Vec<RustPath>,
) -> usize {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    if text(at) == "::" {
        at += 1;
    }
    loop {
        if in_use && text(at) == "{" {
            at += 1;
            while at < tokens.len() && text(at) != "}" {
                let next = read_tree(tokens, at, prefix.clone(), in_use, paths);
                at = if next == at { at + 1 } else { next };
            }
            return at + 1;
        }
        let names = tokens.get(at).is_some_and(|token| token.is_ident() || (in_use && token.text == "*"));
        if !names {
            return at;
        }
        prefix.push(tokens[at].text.clone());
        at += 1;
        if text(at) == "::" && (in_use || tokens.get(at + 1).is_some_and(Token::is_ident)) {
            at += 1;
            continue;
        }
        let (line, token) = (tokens[at - 1].line, at - 1);
        // `as name` is a new name, not a path.
        let alias = (in_use && text(at) == "as").then(|| text(at + 1).to_owned());
        at += if alias.is_some() { 2 } else { 0 };
        paths.push(RustPath { segments: prefix, line, token, in_use, is_reexport: false, alias });
        return at;
    }
}

/// For each token, whether it belongs to an item under `#[cfg(test)]`.
pub fn test_code(tokens: &[Token]) -> Vec<bool> {
    let mut marks = vec![false; tokens.len()];
    let mut at = 0;
    while at < tokens.len() {
        if !starts_with(&tokens[at..], &["#", "[", "cfg", "("]) {
            at += 1;
            continue;
        }
        let end_of_attribute = closing(tokens, at + 1);
        let condition = &tokens[at..end_of_attribute];
        let has = |word: &str| condition.iter().any(|token| token.text == word);
        if has("test") && !has("not") {
            let end = end_of_item(tokens, end_of_attribute + 1);
            marks[at..end].fill(true);
            at = end;
        } else {
            at = end_of_attribute;
        }
    }
    marks
}

/// Name, line and length in lines of each function that has a body.
pub fn functions(tokens: &[Token]) -> Vec<(String, usize, usize)> {
    let mut functions = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        if pair[0].text == "fn" && pair[1].is_ident() {
            let last = end_of_item(tokens, at) - 1;
            functions.push((pair[1].text.clone(), pair[0].line, tokens[last].line - pair[0].line + 1));
        }
    }
    functions
}

pub fn starts_with(tokens: &[Token], texts: &[&str]) -> bool {
    tokens.len() >= texts.len() && tokens.iter().zip(texts).all(|(token, text)| token.text == *text)
}

/// The position after the item that begins here: after its `;` or its closing brace.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            ";" => return at + 1,
            "{" => return (closing(tokens, at) + 1).min(tokens.len()),
            "(" | "[" => at = closing(tokens, at) + 1,
            _ => at += 1,
        }
    }
    tokens.len()
}

/// The position of the bracket that closes the one at `at`; the end of the text when nothing does.
pub fn closing(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0;
    for (position, token) in tokens.iter().enumerate().skip(at) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return position;
        }
    }
    tokens.len()
}
