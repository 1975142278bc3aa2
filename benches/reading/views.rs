//! The projections that are measured. Every engine of this program has them, and lets those follow that it names.

use benches::account::{Account, AccountEvent};
use ego::engine::EngineBuilder;
use ego::model::Projection;
use ego::projection::ProjectionOptions;
use serde::{Deserialize, Serialize};

/// What an account holds: the view of the workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sum {
    pub owner: String,
    pub credits: u64,
    pub balance: u64,
}

impl Sum {
    pub fn fold(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Created { owner } => self.owner.clone_from(owner),
            AccountEvent::Credited { amount } => {
                self.credits += 1;
                self.balance += amount;
            }
            AccountEvent::Noted { .. } => {}
        }
    }
}

macro_rules! projections {
    ($($projection:ident $name:literal)*) => {
        $(
            /// [`Sum`]s by account.
            #[derive(Default, Serialize, Deserialize)]
            #[serde(transparent)]
            pub struct $projection(pub Sum);

            #[ego::projection(name = $name)]
            impl $projection {
                #[on(Account)]
                fn account(&mut self, event: &AccountEvent) {
                    self.0.fold(event);
                }
            }
        )*

        /// The projections of these names follow the log.
        pub fn follow(builder: EngineBuilder, names: &[&str]) -> EngineBuilder {
            $(let builder = {
                let options = ProjectionOptions::new();
                let follows = names.contains(&<$projection as Projection>::NAME);
                builder.projection::<$projection>(if follows { options } else { options.paused() })
            };)*
            builder
        }
    };
}

projections! {
    Sums "sums"
    SumsAgain "sums-again"
    SumsOnceMore "sums-once-more"
}

pub const ONE: &[&str] = &["sums"];
pub const THREE: &[&str] = &["sums", "sums-again", "sums-once-more"];
