//! The file itself: when it is missing, when it is no lock, and that it is the same for the same program.

use crate::house::domain;
use ego::prelude::*;
use ego::schema::{Lock, LockError, Schema};
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum PotEvent {
    #[event(name = "filled", version = 2, upcast(1 => from_v1))]
    Filled {
        with: String,
        #[serde(default)]
        hot: bool,
    },
}

fn from_v1(with: String) -> PotEvent {
    PotEvent::Filled { with, hot: false }
}

#[derive(Command, Serialize, Deserialize)]
struct Fill {
    with: String,
}

domain!(Pot, "pot", PotEvent, Fill);

fn schema() -> Schema {
    Schema::new().aggregate::<Pot>().command::<Pot, Fill>()
}

#[test]
fn the_first_file_is_written_only_when_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ego.lock.json");
    let lock = || Lock::at(&path).of(schema());
    let missing = lock().write(false).check().unwrap_err();
    assert_eq!(missing, LockError::Missing { path: path.clone() });
    assert!(missing.to_string().contains("EGO_LOCK=write cargo test"), "{missing}");
    assert!(!path.exists());
    lock().write(true).check().unwrap();
    lock().write(false).check().unwrap();
    let expected = r#"{
  "ego_lock": 1,
  "stored": {
    "kinds": {
      "pot": {
        "events": {
          "filled": {
            "versions": {
              "1": "string",
              "2": {
                "struct": {
                  "required": {
                    "with": "string"
                  },
                  "optional": {
                    "hot": "bool"
                  }
                }
              }
            }
          }
        },
        "commands": {
          "Fill": {
            "struct": {
              "required": {
                "with": "string"
              }
            }
          }
        }
      }
    }
  }
}
"#;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "something was left beside it");
}

#[test]
fn what_is_no_lock_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ego.lock.json");
    for (text, said) in [
        ("", "EOF"),
        ("{}", "it is no lock"),
        (r#"{"ego_lock":2,"stored":{}}"#, "it has format 2, this release of ego reads 1"),
        (r#"{"ego_lock":1,"stored":{"kind":{}}}"#, "unknown field `kind`"),
        (r#"{"ego_lock":1,"stored":{"kinds":{"pot":{"events":{"filled":{"versions":{"1":"u65"}}}}}}}"#, "unknown variant `u65`"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = Lock::at(&path).of(schema()).write(true).check().unwrap_err();
        assert!(matches!(&error, LockError::File { action: "read", .. }) && error.to_string().contains(said), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_program_that_stores_nothing_was_not_linked() {
    let error = Lock::at("ego.lock.json").of(Schema::new()).check().unwrap_err();
    assert_eq!(error, LockError::Nothing);
}

#[test]
#[should_panic(expected = "put it into version control")]
fn a_test_that_asserts_panics_with_what_is_wrong() {
    Lock::at("no/such/folder/ego.lock.json").of(schema()).write(false).assert();
}
