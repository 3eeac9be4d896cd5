//! The table of what is refused, `tests/refused.md`.

use std::path::Path;

/// One row: of which format, what, and what is said then.
struct Row {
    format: String,
    what: String,
    says: String,
}

/// The table.
pub struct Refused(Vec<Row>);

impl Refused {
    /// The table as it is in the file.
    pub fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/refused.md");
        let text = std::fs::read_to_string(&path).unwrap();
        let rows = text.lines().filter(|line| line.starts_with("| ")).skip(1);
        let cells = |line: &str| {
            line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
        };
        let row = |line: &str| match &cells(line)[..] {
            [format, what, says] => Row { format: format.clone(), what: what.clone(), says: says.clone() },
            _ => panic!("{}: three cells are expected in {line}", path.display()),
        };
        Self(rows.filter(|line| !line.starts_with("| -")).map(row).collect())
    }

    /// Whether there is a row for it.
    pub fn is_listed(&self, format: &str, what: &str) -> bool {
        self.row(format, what).is_some()
    }

    /// What is wrong with the table, given what bellis did.
    pub fn wrong(&self, format: &str, what: &str, outcome: Result<(), String>) -> Option<String> {
        match (self.row(format, what), outcome) {
            (None, Ok(())) => None,
            (Some(row), Err(said)) if said.contains(&row.says) => None,
            (Some(row), Err(said)) => {
                Some(format!("refused.md says {:?} of {format}, {what}; bellis: {said}", row.says))
            }
            (Some(_), Ok(())) => {
                Some(format!("refused.md lists {format}, {what}, which bellis takes: remove the row"))
            }
            (None, Err(said)) => Some(format!("{format}, {what} is not in refused.md, and refused: {said}")),
        }
    }

    fn row(&self, format: &str, what: &str) -> Option<&Row> {
        self.0.iter().find(|row| row.format == format && row.what == what)
    }
}
