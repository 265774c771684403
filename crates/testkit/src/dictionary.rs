//! A data dictionary must say of every table, view and column what the database says of it.

/// Checks that the README of a read model has, for each `COMMENT ON` of its SQL, a section for the table or view, and
/// in it a line with the comment's text: `Table: ...` or `View: ...`, and for a column a row of a table that begins
/// with the column's name in backticks. Comments stand on one line each.
///
/// # Panics
/// When it says something else, or nothing.
#[track_caller]
pub fn check_dictionary(read_model: &str, readme: &str, sql: &[&str]) {
    let comments =
        sql.iter().flat_map(|text| text.lines()).filter_map(|line| line.strip_prefix("COMMENT ON "));
    let mut checked = 0;
    for comment in comments {
        let parts = comment.split_once(' ').and_then(|(kind, rest)| Some((kind, rest.split_once(" IS '")?)));
        let Some((kind, (name, text))) = parts else { panic!("not on one line: COMMENT ON {comment}") };
        let name = name.replace("{generation}", read_model);
        let text = text.trim_end_matches("';").replace("''", "'");
        match (kind, name.rsplit_once('.')) {
            ("COLUMN", Some((table, column))) => {
                check_line(readme, table, &format!("| `{column}` | "), &text)
            }
            ("TABLE", _) => check_line(readme, &name, "Table: ", &text),
            ("VIEW", _) => check_line(readme, &name, "View: ", &text),
            ("FUNCTION", _) => {
                check_line(readme, name.split('(').next().unwrap_or(&name), "Function: ", &text)
            }
            _ => panic!("a comment on something that a dictionary has no place for: {comment}"),
        }
        checked += 1;
    }
    assert!(checked > 0, "the SQL of {read_model} has no comments");
}

#[track_caller]
fn check_line(readme: &str, of: &str, begins: &str, text: &str) {
    let headings = [format!("\n### `{of}`\n"), format!("\n### `{of}(")];
    let section = headings.iter().find_map(|heading| readme.split_once(heading)).map(|(_, section)| section);
    let Some(section) = section else { panic!("the dictionary has no section for {of}") };
    let mut lines = section.lines().take_while(|line| !line.starts_with("### "));
    let says = lines.any(|line| line.starts_with(begins) && line.trim_end_matches(" |").ends_with(text));
    assert!(says, "the section for {of} has no line that begins with {begins:?} and says {text:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQL: &str = "COMMENT ON TABLE {generation}.lead IS 'Leads.';\n\
                       COMMENT ON COLUMN {generation}.lead.stage IS 'The lead''s stage.';\n";

    #[test]
    fn a_dictionary_that_says_the_same_passes() {
        let readme = "# x\n\n### `leads.lead`\n\nTable: Leads.\n\n| `stage` | text | The lead's stage. |\n";
        check_dictionary("leads", readme, &[SQL]);
    }

    #[test]
    #[should_panic(expected = "\"| `stage` | \"")]
    fn a_column_that_is_missing_fails() {
        let readme = "# x\n\n### `leads.lead`\n\nTable: Leads.\n\n### `leads.other`\n\n| `stage` | text | The lead's stage. |\n";
        check_dictionary("leads", readme, &[SQL]);
    }

    #[test]
    #[should_panic(expected = "no section for leads.lead")]
    fn a_table_that_is_missing_fails() {
        check_dictionary("leads", "# x\n", &[SQL]);
    }
}
