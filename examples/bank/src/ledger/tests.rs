use super::*;

const GOOD: &str = r#"695247;2378;930101;"PRIJEM";"VKLAD";700.00;700.00;"";;"#;

fn read(text: impl AsRef<[u8]>) -> Vec<(u64, Result<Row, RowError>)> {
    Ledger::new(text.as_ref()).collect::<io::Result<_>>().unwrap()
}

fn one(text: impl AsRef<[u8]>) -> Result<Row, RowError> {
    let mut rows = read(text);
    assert_eq!(rows.len(), 1);
    rows.remove(0).1
}

#[test]
fn a_row_is_read_with_all_that_a_statement_needs() {
    let row = one(r#"1;2;931231;"VYDAJ";"PREVOD NA UCET";12.5;0.00;"SIPO";"ST";"42988401""#).unwrap();
    let details = Details {
        date: Date::constant(1993, 12, 31),
        operation: Some("PREVOD NA UCET".into()),
        symbol: Some("SIPO".into()),
        partner_bank: Some("ST".into()),
        partner_account: Some("42988401".into()),
    };
    let amount = Money::from_hundredths(1250);
    assert_eq!(row, Row { transaction: 1, account: 2, direction: Direction::Out, amount, details });
}

#[test]
fn quotes_line_ends_and_missing_fields_make_no_difference() {
    let row = one(GOOD).unwrap();
    for same in [
        "695247;2378;930101;PRIJEM;VKLAD;700;700;;;\r\n",
        "\"695247\";\"2378\";\"930101\";\"PRIJEM\";\"VKLAD\";\"700.0\"\n",
        " 695247 ; 2378 ;930101; \"PRIJEM\" ;VKLAD;700.00;;\" \"",
        "695247;2378;930101;PRIJEM;VKLAD;700.00;700.00;;;;;",
    ] {
        assert_eq!(one(same).as_ref(), Ok(&row), "{same}");
    }
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    let text = format!("\u{feff}\"trans_id\";\"account_id\"\r\n\r\n{GOOD}\r\n  \r\nnonsense\r\n{GOOD}");
    let lines: Vec<_> = read(text).into_iter().map(|(line, row)| (line, row.is_ok())).collect();
    assert_eq!(lines, [(3, true), (5, false), (6, true)]);
}

#[test]
fn texts_in_another_encoding_harm_nothing() {
    let row = one(b"1;2;930101;PRIJEM;VKL\xC1D;700.00;700.00;\"D\xD9CHOD;x\xC3\";;").unwrap();
    assert_eq!(row.details.operation.as_deref(), Some("VKL\u{fffd}D"));
    assert_eq!(row.details.symbol.as_deref(), Some("D\u{fffd}CHOD;x\u{fffd}"));
}

#[test]
fn a_quote_that_never_ends_costs_one_line() {
    let rows = read(format!("1;2;930101;\"PRIJEM;VKLAD;7.00;;;;\n{GOOD}\n1;2;930101;\"PRI\"JEM;VKLAD;7.00\n"));
    let rows: Vec<_> = rows.into_iter().map(|(line, row)| (line, row.err())).collect();
    assert_eq!(rows, [(1, Some(RowError::Quotes)), (2, None), (3, Some(RowError::Quotes))]);
}

#[test]
fn a_doubled_quote_stands_for_one() {
    assert_eq!(split(r#""a ""b"" c";;"""#), Ok(vec![r#"a "b" c"#.to_owned(), String::new(), String::new()]));
}

#[test]
fn a_line_without_an_end_is_skipped_in_pieces() {
    let text = format!("{}\n{GOOD}\n{}", "x".repeat(3 * Ledger::<&[u8]>::MAX_LINE), "y".repeat(Ledger::<&[u8]>::MAX_LINE + 1));
    let rows: Vec<_> = read(text).into_iter().map(|(line, row)| (line, row.err())).collect();
    assert_eq!(rows, [(1, Some(RowError::TooLong)), (2, None), (3, Some(RowError::TooLong))]);
}

#[test]
fn a_bad_row_says_which_field_and_why() {
    let cases = [
        ("x;2;930101;PRIJEM;;1", "trans_id is no whole number: \"x\""),
        ("+1;2;930101;PRIJEM;;1", "trans_id is no whole number: \"+1\""),
        ("1;;930101;PRIJEM;;1", "account_id is no whole number: \"\""),
        ("1;-2;930101;PRIJEM;;1", "account_id is no whole number: \"-2\""),
        ("1;18446744073709551616;930101;PRIJEM;;1", "account_id is no whole number: \"18446744073709551616\""),
        ("1;2;930229;PRIJEM;;1", "no date of the form YYMMDD: \"930229\""),
        ("1;2;19930201;PRIJEM;;1", "no date of the form YYMMDD: \"19930201\""),
        ("1;2;9302é;PRIJEM;;1", "no date of the form YYMMDD: \"9302é\""),
        ("1;2;930101;prijem;;1", "unknown type: \"prijem\""),
        ("1;2;930101;PRIJEM;;", "the amount is missing: \"\""),
        ("1;2;930101;PRIJEM;;-1", "the amount is negative: \"-1\""),
        ("1;2;930101;PRIJEM;;1.005", "the amount has parts of a hundredth: \"1.005\""),
        ("1;2;930101;PRIJEM;;10000000000000.01", "the amount is too large: \"10000000000000.01\""),
        ("1;2;930101;PRIJEM;;99999999999999999999", "the amount is too large: \"99999999999999999999\""),
        ("1;2;930101", "3 fields, a row has at least 6"),
        ("1;2;930101;PRIJEM;;1;;;;;x", "11 fields, a row has at most 10"),
    ];
    for (line, reason) in cases {
        assert_eq!(one(line).unwrap_err().to_string(), reason);
    }
}

#[test]
fn two_digits_of_a_year_reach_from_1970_to_2069() {
    assert_eq!(date("700101"), Some(Date::constant(1970, 1, 1)));
    assert_eq!(date("000229"), Some(Date::constant(2000, 2, 29)));
    assert_eq!(date("691231"), Some(Date::constant(2069, 12, 31)));
}
