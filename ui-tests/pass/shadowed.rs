// Nothing that the user names stands in the way of generated code: no prelude, shadowed types, modules and macros.
#![no_implicit_prelude]
#![allow(non_camel_case_types, dead_code, unused_macros)]

mod domain {
    struct String;
    struct Vec;
    struct Option;
    struct Result;
    struct Box;
    struct Some;
    struct Ok;
    struct Err;
    trait From {}
    trait Into {}
    trait Send {}
    trait Sync {}
    trait Default {}
    trait Event {}
    trait Command {}
    trait Aggregate {}
    struct Context;
    mod core {}
    mod std {}
    mod ego {}
    mod serde {}
    mod serde_json {}
    mod inventory {}
    macro_rules! vec { () => { compile_error!() } }
    macro_rules! panic { () => { compile_error!() } }
    macro_rules! file { () => { compile_error!() } }
    macro_rules! line { () => { compile_error!() } }
    macro_rules! concat { () => { compile_error!() } }
    macro_rules! matches { () => { compile_error!() } }

    #[derive(::serde::Serialize, ::serde::Deserialize)]
    #[serde(crate = "::serde")]
    struct Payload;

    #[derive(::ego::Event)]
    enum Events {
        #[event(version = 2, upcast(1 => upcast), alias = "Old")]
        One(Payload),
    }
    fn upcast(_: Payload) -> Events {
        Events::One(Payload)
    }

    #[derive(::ego::Event, ::serde::Serialize, ::serde::Deserialize)]
    #[serde(crate = "::serde")]
    enum Others {
        Two { n: u8 },
    }

    #[derive(::ego::Command, ::serde::Serialize, ::serde::Deserialize)]
    #[serde(crate = "::serde")]
    struct First;
    #[derive(::ego::Command, ::serde::Serialize, ::serde::Deserialize)]
    #[serde(crate = "::serde")]
    struct r#Second;

    struct Clock;

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
        fn r#type(&self, command: First, context: &::ego::model::Context) -> ::core::result::Result<Payload, ::std::string::String> {
            let (First, _) = (command, context);
            ::core::result::Result::Ok(Payload)
        }
        #[handle]
        async fn second(&self, _: r#Second, _: &Clock) -> ::core::result::Result<(), ::core::convert::Infallible> {
            ::core::result::Result::Ok(())
        }
    }
}

fn main() {}
