//! Recorded events for browsers and whatever else speaks WebSocket: each client follows ego's log for itself, from where it wants to.
//!
//! A client says in the address what it wants; each message that it is sent is one event as JSON, in the order of the log:
//!
//! ```text
//! ws://127.0.0.1:7878/?after=17.0&kind=account&format=cloudevents
//! ```
//!
//! | key | means | without it |
//! |---|---|---|
//! | `after` | behind this event: its `id`, as `17.0`, or a position, as `17`; 0 is the start | from the first event on |
//! | `from` | `start` or `now`, instead of `after` | |
//! | `kind`, `event`, `stream`, `tag` | only these; each may stand several times; a stream is `kind/id` | all |
//! | `format` | `cloudevents` or `flat` | `cloudevents` |
//!
//! A client that was cut off comes again with the `id` of the last event that it has seen as `after`: no event is missing then, and none comes
//! twice. The position that this takes from the log is the client's alone; nothing is stored for it, and nothing is held back from retention.
//!
//! Every client has a subscription of its own: it holds up nobody but itself. Who reads too slowly, asks for what is not there, or does not
//! answer any more, is told why in the close frame. There is neither TLS nor a check of who somebody is: that is the work of a proxy
//! in front of it. [`Options::origin`] keeps the pages of others out of a browser's way to it.

mod client;
mod options;
mod query;
mod server;

pub use options::Options;
pub use server::WebSocketServer;
