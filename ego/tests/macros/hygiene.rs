//! The written code stands on its own: names of the user's cannot get between.

mod shadows {
    #![no_implicit_prelude]
    #![allow(non_camel_case_types, unused_macros, dead_code)]
    use ::std::convert::Infallible;

    struct String;
    struct Vec;
    struct Option;
    struct Result;
    struct Box;
    trait From {}
    trait Send {}
    trait Default {}
    mod core {}
    mod std {}
    mod ego {}
    mod serde_json {}
    mod inventory {}
    macro_rules! vec {
        () => {
            compile_error!()
        };
    }
    macro_rules! panic {
        () => {
            compile_error!()
        };
    }
    macro_rules! file {
        () => {
            compile_error!()
        };
    }
    macro_rules! line {
        () => {
            compile_error!()
        };
    }

    #[derive(::serde::Serialize, ::serde::Deserialize)]
    struct Payload;

    #[derive(::ego::Event)]
    enum Events {
        #[event(version = 2, upcast(1 => upcast), alias = "Old")]
        One(Payload),
    }
    fn upcast(_: Payload) -> Events {
        Events::One(Payload)
    }

    #[derive(::ego::Command, ::serde::Serialize, ::serde::Deserialize)]
    struct First;
    #[derive(::ego::Command, ::serde::Serialize, ::serde::Deserialize)]
    struct r#Second;

    #[derive(::ego::Aggregate, ::core::default::Default)]
    #[aggregate(name = "shadowed", event = Events)]
    struct State;

    #[::ego::handlers]
    impl State {
        #[apply]
        fn r#match(&mut self, event: &Events) {
            match event {
                Events::One(_) => {}
            }
        }
        #[handle]
        fn r#type(&self, command: First) -> ::core::result::Result<Payload, Infallible> {
            let First = command;
            ::core::result::Result::Ok(Payload)
        }
        #[handle]
        fn second(&self, _: r#Second) -> ::core::result::Result<(), Infallible> {
            ::core::result::Result::Ok(())
        }
    }

    pub(super) const SECOND: &str = <r#Second as ::ego::model::Command>::NAME;
}

#[test]
fn a_raw_name_is_stored_without_its_prefix() {
    assert_eq!(shadows::SECOND, "Second");
}

mod renamed {
    mod facade {
        pub(crate) use ::ego as es;
    }
    use facade::es::prelude::*;
    use std::convert::Infallible;

    #[derive(Event, serde::Serialize, serde::Deserialize)]
    #[ego(crate = facade::es)]
    enum Events {
        One,
    }
    #[derive(Command, serde::Serialize, serde::Deserialize)]
    #[ego(crate = facade::es)]
    struct First;
    #[derive(Aggregate, Default)]
    #[ego(crate = facade::es)]
    #[aggregate(name = "renamed", event = Events)]
    struct State;

    #[facade::es::handlers(crate = facade::es)]
    impl State {
        #[es::apply]
        fn apply(&mut self, _: &Events) {}
        #[es::handle]
        fn first(&self, _: First) -> Result<Events, Infallible> {
            Ok(Events::One)
        }
    }
}

mod written_by_a_macro {
    use ego::prelude::*;
    use std::convert::Infallible;

    macro_rules! counter {
        ($state:ident, $events:ident, $kind:literal, $payload:ty, $command:ty) => {
            #[derive(Event)]
            enum $events {
                Counted($payload),
            }
            #[derive(Aggregate, Default)]
            #[aggregate(name = $kind, event = $events)]
            struct $state(u64);

            #[ego::handlers]
            impl $state {
                #[apply]
                fn counted(&mut self, event: &$payload) {
                    self.0 += event.0;
                }
                #[handle]
                fn count(&self, command: $command, context: &Context) -> Result<$payload, Infallible> {
                    let _ = (command, context);
                    Ok(Counted(1))
                }
            }
        };
    }
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Counted(u64);
    #[derive(Command, serde::Serialize, serde::Deserialize)]
    struct Count;
    counter!(Counter, Counts, "counter", Counted, Count);

    #[test]
    fn it_works_there() {
        let mut counter = Counter::default();
        counter.apply(&Counts::Counted(Counted(2)));
        assert_eq!(counter.0, 2);
    }
}
