//! Values that are sealed and opened, whole and tampered with.

use super::super::Key;
use super::*;
use crate::model::Field;

fn nobody() -> String {
    "\"nobody\"".to_owned()
}
fn member() -> &'static Shape {
    const { &Shape::Fields { subject: Some("id"), fields: &[Field::personal("name", false, nobody)] } }
}
fn members() -> Option<&'static Shape> {
    Some(const { &Shape::Each(member) })
}
const TEAM: Shape =
    Shape::Fields { subject: Some("lead"), fields: &[Field::personal("motto", true, nobody), Field::other("members", members)] };
const VALUE: &str = r#"{"lead":7,"motto":"on\u0022","total":340282366920938463463374607431768211455,"members":[{"id":"a","name":"Ann"},{"id":"b","name":"Bob"}]}"#;

fn hand() -> Hand {
    ["7", "a", "b"].into_iter().map(|subject| (subject.into(), Held::Key(Key::generate()))).collect()
}

fn seal(raw: &str, hand: &Hand, of_forgotten: OfForgotten) -> Result<String, PrivacyError> {
    match Sealer::new(&["here"], hand, of_forgotten).seal(&TEAM, raw) {
        Ok((sealed, _)) => Ok(sealed),
        Err(Stop::Refused(error)) => Err(error),
        Err(Stop::Needs(subject)) => panic!("needs {subject}"),
    }
}

fn open(place: &str, raw: &str, hand: &Hand) -> Result<String, PrivacyError> {
    match Opener::new(&[place], hand).open(raw) {
        Ok((opened, _)) => Ok(opened),
        Err(Stop::Refused(error)) => Err(error),
        Err(Stop::Needs(subject)) => panic!("needs {subject}"),
    }
}

#[test]
fn what_is_sealed_is_opened_as_it_was_written() {
    let hand = hand();
    let sealed = seal(VALUE, &hand, OfForgotten::Refuse).unwrap();
    assert!(!["on", "Ann", "Bob"].iter().any(|plain| sealed.contains(&format!("\"{plain}"))), "{sealed}");
    assert!(sealed.contains(":340282366920938463463374607431768211455,"));
    assert_eq!(open("here", &sealed, &hand), Ok(VALUE.to_owned()));
    assert_eq!(open("there", &sealed, &hand), Err(PrivacyError::Tampered));
}

#[test]
fn two_sealed_values_do_not_change_places() {
    let mut hand = hand();
    let same: Held = hand["a"].clone();
    hand.insert("b".into(), same);
    let sealed = seal(&VALUE.replace("\"b\"", "\"a\""), &hand, OfForgotten::Refuse).unwrap();
    let mut found = Vec::new();
    each_sealed(&sealed, &mut |sealed| found.push(sealed.sealed.to_string()));
    let swapped = sealed.replace(&found[1], "1").replace(&found[2], &found[1]).replace("\"1\"", &format!("\"{}\"", found[2]));
    assert_ne!(swapped, sealed);
    assert_eq!(open("here", &swapped, &hand), Err(PrivacyError::Tampered));
    let other = sealed.replacen("\"nobody\"", "\"somebody\"", 1);
    assert_eq!(open("here", &other, &hand), Err(PrivacyError::Tampered), "what stands in its place was changed");
}

#[test]
fn of_several_subjects_one_is_forgotten_and_one_is_lost() {
    let mut hand = hand();
    let sealed = seal(VALUE, &hand, OfForgotten::Refuse).unwrap();
    hand.insert("a".into(), Held::Forgotten);
    assert_eq!(open("here", &sealed, &hand), Ok(VALUE.replace("Ann", "nobody")));
    assert_eq!(seal(VALUE, &hand, OfForgotten::Refuse), Err(PrivacyError::Forgotten { subject: "a".into() }));
    let redacted = seal(VALUE, &hand, OfForgotten::Redact).unwrap();
    assert_eq!(open("here", &redacted, &hand), Ok(VALUE.replace("Ann", "nobody")));
    assert!(seal(&VALUE.replace("Ann", "nobody"), &hand, OfForgotten::Refuse).is_ok(), "nothing personal is new in it");
    hand.insert("b".into(), Held::Lost);
    assert_eq!(open("here", &sealed, &hand), Err(PrivacyError::KeyLost { subject: "b".into() }));
    hand.insert("b".into(), Held::Key(Key::generate()));
    assert!(matches!(open("here", &sealed, &hand), Err(PrivacyError::WrongKey { .. })));
}

#[test]
fn what_cannot_be_sealed_is_refused() {
    let hand = hand();
    let refused = |raw: &str| seal(raw, &hand, OfForgotten::Refuse).unwrap_err();
    let field: Arc<str> = "/motto".into();
    for nobody in ["null", "\"\"", "1.5", "{}", "true"] {
        assert_eq!(refused(&VALUE.replace(":7,", &format!(":{nobody},"))), PrivacyError::NoSubject { field: Arc::clone(&field) });
    }
    assert_eq!(
        refused(&VALUE.replace("\"name\":\"Bob\"", "\"nom\":1")),
        PrivacyError::NotFound { field: "/members/1/name".into() }
    );
    let forged = r#"[{"$personal":{"of":"a","sealed":"","else":null}}]"#;
    assert_eq!(refused(&VALUE.replace("\"total\":3", &format!("\"free\":{forged},\"total\":3"))), PrivacyError::Forged);
    assert!(seal(&VALUE.replace("\"total\":3", "\"free\":\"$personal\",\"total\":3"), &hand, OfForgotten::Refuse).is_ok());
}

#[test]
fn what_belongs_to_several_is_redacted_with_each_of_them() {
    let mut hand = hand();
    let subjects = ["7".into(), "b".into()].into();
    let sealed = seal_whole(&subjects, &["here"], &hand, OfForgotten::Refuse, "[1]", "null");
    let Ok(sealed) = sealed else { panic!("not sealed") };
    assert_eq!(open("here", &sealed, &hand), Ok("[1]".to_owned()));
    for subject in ["7", "b"] {
        let before = hand.insert(subject.into(), Held::Forgotten).unwrap();
        assert_eq!(open("here", &sealed, &hand), Ok("null".to_owned()));
        hand.insert(subject.into(), before);
    }
}
