//! What registers a generic aggregate.

use crate::engine::CommandDescriptor;
use crate::model::Aggregate;

/// Registers instances of a generic aggregate, with the commands of the block that holds its appliers.
///
/// An ordinary aggregate registers itself. Of a generic one only the program knows the instances.
#[macro_export]
macro_rules! register {
    ($($aggregate:ty),+ $(,)?) => {
        $(
            $crate::__private::inventory::submit! {
                $crate::__private::AggregateDescriptor::of::<$aggregate>(
                    $crate::__private::Location::new(::core::file!(), ::core::line!())
                )
            }
            $crate::__private::inventory::submit! {
                $crate::__private::HandlersDescriptor::of::<$aggregate>(
                    <$aggregate as $crate::__private::Registers>::COMMANDS
                )
            }
        )+
    };
}

/// A generic aggregate, whose instances are registered one by one with [`register!`](crate::register!). Implemented by the
/// `#[ego::handlers]` block that holds its appliers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be registered",
    label = "not a generic aggregate with its appliers in an `#[ego::handlers]` block",
    note = "an aggregate that is not generic registers itself"
)]
pub trait Registers: Aggregate {
    /// The commands that the block handles.
    const COMMANDS: &'static [CommandDescriptor];
}
