//! What the fixtures are written with: a domain in a few lines, not registered, so that each schema is just what a rule needs.

/// A domain by hand: `kind "account", EventType, { Command, … }`. What the macros make of it is not registered.
macro_rules! domain {
    ($vis:vis $name:ident, $kind:literal, $event:ty $(, $command:ty)* $(,)?) => {
        #[derive(Default)]
        $vis struct $name;
        impl ego::Aggregate for $name {
            const KIND: &'static str = $kind;
            type Event = $event;
            fn apply(&mut self, _: &$event) {}
        }
        $(impl ego::model::Handles<$command> for $name {
            type Output = Result<(), String>;
            async fn handle(&self, _: $command, _: &ego::model::Context) -> Result<(), String> {
                Ok(())
            }
        })*
    };
}
pub(crate) use domain;
