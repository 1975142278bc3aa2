//! Many variants, many payloads, many commands.

use ego::prelude::*;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;

macro_rules! big {
    ($($variant:ident)*; $($payload:ident $command:ident $handler:ident)*) => {
        /// What can happen: very much.
        #[derive(Event, Serialize, Deserialize)]
        pub enum Change {
            $(#[doc = "Something."] $variant { #[doc = "How much."] by: u64 },)*
        }

        /// What can happen, one payload each.
        #[derive(Event)]
        pub enum Parts {
            $(#[doc = "Something."] $payload($payload),)*
        }

        $(
            /// A payload.
            #[derive(Serialize, Deserialize)]
            pub struct $payload(pub u64);
        )*

        $(
            /// A request.
            #[derive(Command, Serialize, Deserialize)]
            pub struct $command;
        )*

        #[ego::handlers]
        impl Big {
            #[handle]
            fn every(&self, _: Every) -> Result<Vec<Change>, Infallible> {
                Ok(vec![$(Change::$variant { by: 1 }),*])
            }
            $(#[handle] fn $handler(&self, _: $command) -> Result<(), Infallible> { Ok(()) })*
            #[apply]
            fn apply(&mut self, event: &Change) {
                match event {
                    $(Change::$variant { by })|* => self.total += by,
                }
            }
        }

        #[ego::handlers]
        impl Pieces {
            $(#[apply] fn $handler(&mut self, event: &$payload) { self.total += event.0; })*
            #[handle]
            fn all(&self, _: Every) -> Result<Vec<Parts>, Infallible> {
                Ok(vec![$($payload(1).into()),*])
            }
        }
    };
}

/// A state.
#[derive(Aggregate, Default)]
#[aggregate(name = "big", event = Change)]
pub struct Big {
    /// How much in all.
    pub total: u64,
}

/// Another.
#[derive(Aggregate, Default)]
#[aggregate(name = "big.pieces", event = Parts)]
pub struct Pieces {
    /// How much in all.
    pub total: u64,
}

/// A request for all of it.
#[derive(Command, Serialize, Deserialize)]
pub struct Every;

big! {
    V0 V1 V2 V3 V4 V5 V6 V7 V8 V9 V10 V11 V12 V13 V14 V15 V16 V17 V18 V19 V20 V21 V22 V23 V24 V25 V26 V27 V28 V29 V30 V31 V32
    V33 V34 V35 V36 V37 V38 V39 V40 V41 V42 V43 V44 V45 V46 V47 V48 V49 V50 V51 V52 V53 V54 V55 V56 V57 V58 V59 V60 V61 V62
    V63 V64 V65 V66 V67 V68 V69 V70 V71 V72 V73 V74 V75 V76 V77 V78 V79 V80 V81 V82 V83 V84 V85 V86 V87 V88 V89 V90 V91 V92
    V93 V94 V95 V96 V97 V98 V99 V100 V101 V102 V103 V104 V105 V106 V107 V108 V109 V110 V111 V112 V113 V114 V115 V116 V117
    V118 V119 V120 V121 V122 V123 V124 V125 V126 V127 V128 V129 V130 V131 V132 V133 V134 V135 V136 V137 V138 V139 V140 V141
    V142 V143 V144 V145 V146 V147 V148 V149 V150 V151 V152 V153 V154 V155 V156 V157 V158 V159 V160 V161 V162 V163 V164 V165
    V166 V167 V168 V169 V170 V171 V172 V173 V174 V175 V176 V177 V178 V179 V180 V181 V182 V183 V184 V185 V186 V187 V188 V189
    V190 V191 V192 V193 V194 V195 V196 V197 V198 V199 V200 V201 V202 V203 V204 V205 V206 V207 V208 V209 V210 V211 V212 V213
    V214 V215 V216 V217 V218 V219 V220 V221 V222 V223 V224 V225 V226 V227 V228 V229 V230 V231 V232 V233 V234 V235 V236 V237
    V238 V239;
    P0 C0 h0 P1 C1 h1 P2 C2 h2 P3 C3 h3 P4 C4 h4 P5 C5 h5 P6 C6 h6 P7 C7 h7 P8 C8 h8 P9 C9 h9 P10 C10 h10 P11 C11 h11
    P12 C12 h12 P13 C13 h13 P14 C14 h14 P15 C15 h15 P16 C16 h16 P17 C17 h17 P18 C18 h18 P19 C19 h19 P20 C20 h20 P21 C21 h21
    P22 C22 h22 P23 C23 h23 P24 C24 h24 P25 C25 h25 P26 C26 h26 P27 C27 h27 P28 C28 h28 P29 C29 h29 P30 C30 h30 P31 C31 h31
    P32 C32 h32 P33 C33 h33 P34 C34 h34 P35 C35 h35 P36 C36 h36 P37 C37 h37 P38 C38 h38 P39 C39 h39 P40 C40 h40 P41 C41 h41
    P42 C42 h42 P43 C43 h43 P44 C44 h44 P45 C45 h45 P46 C46 h46 P47 C47 h47 P48 C48 h48 P49 C49 h49 P50 C50 h50 P51 C51 h51
    P52 C52 h52 P53 C53 h53 P54 C54 h54 P55 C55 h55 P56 C56 h56 P57 C57 h57 P58 C58 h58 P59 C59 h59
}
