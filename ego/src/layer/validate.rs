//! What a command may say.

use super::command::{Answered, CommandCall, CommandLayer, Next};
use super::denial::{Denial, Denied, Problems};
use crate::model::Command;
use async_trait::async_trait;
use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;

/// Looks at commands before they come to their aggregates, and refuses those that say something wrong with [`Denial::Invalid`], which
/// lists all of it. Commands that nothing is said about are let through.
#[cfg_attr(
    feature = "garde",
    doc = r#"
```
use ego::layer::Validate;
use ego::prelude::*;
use garde::Validate as _;
use serde::{Deserialize, Serialize};

#[derive(Command, Serialize, Deserialize, garde::Validate)]
struct Register {
    #[garde(length(min = 1, max = 40))]
    name: String,
}

let validate = Validate::new().command::<Register>();
```
"#
)]
#[derive(Default)]
pub struct Validate {
    checks: HashMap<TypeId, Check>,
}

type Check = Box<dyn Fn(&CommandCall, &mut Problems) + Send + Sync>;

impl Validate {
    /// Nothing is said about any command.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at commands of this type with a function that adds what is wrong; in place of an earlier one.
    #[must_use]
    pub fn check<C: Command>(mut self, check: impl Fn(&C, &mut Problems) + Send + Sync + 'static) -> Self {
        let check: Check = Box::new(move |call, problems| {
            if let Some(command) = call.command::<C>() {
                check(command, problems);
            }
        });
        self.checks.insert(TypeId::of::<C>(), check);
        self
    }

    /// Looks at commands of this type as their `garde::Validate` says.
    #[cfg(feature = "garde")]
    #[must_use]
    pub fn command<C: Command + garde::Validate<Context: Default>>(self) -> Self {
        self.check::<C>(|command, problems| {
            if let Err(report) = command.validate() {
                for (path, error) in report.iter() {
                    problems.add(path.to_string(), error.message());
                }
            }
        })
    }
}

impl fmt::Debug for Validate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validate").field("commands", &self.checks.len()).finish()
    }
}

#[async_trait]
impl CommandLayer for Validate {
    fn name(&self) -> &'static str {
        "validate"
    }

    async fn call(&self, command: &mut CommandCall, next: Next<'_>) -> Answered {
        let mut problems = Problems::default();
        if let Some(check) = command.command_type().and_then(|command| self.checks.get(&command)) {
            check(command, &mut problems);
        }
        if !problems.is_empty() {
            return Err(Denied::because(Denial::Invalid(problems)).into());
        }
        next.run(command).await
    }
}
