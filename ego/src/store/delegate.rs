//! Stores around stores: what they leave as it is, in one line.

/// Lets the named methods of a [`Store`](crate::store::Store) be those of the store in a field: for a store around another, which changes
/// some of them. Inside an implementation that carries `#[async_trait]`:
///
/// ```
/// use async_trait::async_trait;
/// use ego::delegate_store;
/// use ego::message::{CommandId, StreamId};
/// use ego::store::{Commit, Committed, Store, StoreError, Verdict};
///
/// /// Says how much is recorded.
/// struct Chatty<S>(S);
///
/// #[async_trait]
/// impl<S: Store> Store for Chatty<S> {
///     delegate_store!(0: capabilities, is_new_command, find_command, stream_head, read_stream, read_log, head, wait_for_head,
///         list_streams, list_erased, list_commands, list_tables, event_types, save_snapshot, load_snapshot, delete_snapshot,
///         load_state, read_states, save_checkpoint, load_checkpoint, list_checkpoints, delete_checkpoint, step, load_rows,
///         list_rows, delete_up_to, erase, close);
///
///     async fn append(&self, batch: Vec<Commit>) -> Result<Vec<Verdict>, StoreError> {
///         println!("{} commits", batch.len());
///         self.0.append(batch).await
///     }
/// }
/// ```
///
/// A store that changes `append` must not delegate `immediate`, which is another way to append.
#[macro_export]
macro_rules! delegate_store {
    ($inner:tt: $($method:ident),+ $(,)?) => { $($crate::delegate_store!(@$method $inner);)+ };

    (@capabilities $inner:tt) => {
        fn capabilities(&self) -> $crate::store::Capabilities {
            #[allow(unused_imports)]
            use $crate::store::Store as _;
            self.$inner.capabilities()
        }
    };
    (@immediate $inner:tt) => {
        fn immediate(&self) -> ::core::option::Option<&dyn $crate::store::Immediate> {
            #[allow(unused_imports)]
            use $crate::store::Store as _;
            self.$inner.immediate()
        }
    };
    (@is_new_command $inner:tt) => {
        fn is_new_command(&self, stream: &$crate::message::StreamId, id: &$crate::message::CommandId) -> bool {
            #[allow(unused_imports)]
            use $crate::store::Store as _;
            self.$inner.is_new_command(stream, id)
        }
    };
    (@append $inner:tt) => {
        $crate::delegate_store!(@@ $inner append<>(batch: ::std::vec::Vec<$crate::store::Commit>)
            -> ::std::vec::Vec<$crate::store::Verdict>);
    };
    (@find_command $inner:tt) => {
        $crate::delegate_store!(@@ $inner find_command<'life1, 'life2>(
            stream: &'life1 $crate::message::StreamId, id: &'life2 $crate::message::CommandId)
            -> ::core::option::Option<$crate::store::Committed>);
    };
    (@stream_head $inner:tt) => {
        $crate::delegate_store!(@@ $inner stream_head<'life1>(stream: &'life1 $crate::message::StreamId)
            -> ::core::option::Option<$crate::store::StreamHead>);
    };
    (@read_stream $inner:tt) => {
        $crate::delegate_store!(@@ $inner read_stream<'life1>(
            stream: &'life1 $crate::message::StreamId,
            from: ::core::option::Option<$crate::message::Revision>,
            direction: $crate::store::Direction,
            limit: usize)
            -> $crate::store::Page<$crate::store::RecordedEvent, $crate::message::Revision>);
    };
    (@read_log $inner:tt) => {
        $crate::delegate_store!(@@ $inner read_log<'life1>(
            after: ::core::option::Option<$crate::message::Position>, filter: &'life1 $crate::store::Filter, limit: usize)
            -> $crate::store::Page<$crate::store::RecordedEvent, $crate::message::Position>);
    };
    (@head $inner:tt) => {
        $crate::delegate_store!(@@ $inner head<>() -> ::core::option::Option<$crate::message::Position>);
    };
    (@wait_for_head $inner:tt) => {
        $crate::delegate_store!(@@ $inner wait_for_head<>(position: ::core::option::Option<$crate::message::Position>)
            -> $crate::message::Position);
    };
    (@list_streams $inner:tt) => {
        $crate::delegate_store!(@@ $inner list_streams<'life1, 'life2>(
            kind: ::core::option::Option<&'life1 str>,
            after: ::core::option::Option<&'life2 $crate::message::StreamId>,
            limit: usize)
            -> $crate::store::Page<$crate::store::StreamHead, $crate::message::StreamId>);
    };
    (@list_erased $inner:tt) => {
        $crate::delegate_store!(@@ $inner list_erased<'life1>(
            after: ::core::option::Option<&'life1 $crate::message::StreamId>, limit: usize)
            -> $crate::store::Page<$crate::store::StreamHead, $crate::message::StreamId>);
    };
    (@list_commands $inner:tt) => {
        $crate::delegate_store!(@@ $inner list_commands<'life1>(stream: &'life1 $crate::message::StreamId, from: u64, limit: usize)
            -> $crate::store::Page<$crate::store::Committed, u64>);
    };
    (@list_tables $inner:tt) => {
        $crate::delegate_store!(@@ $inner list_tables<>() -> ::std::vec::Vec<$crate::message::Name>);
    };
    (@event_types $inner:tt) => {
        $crate::delegate_store!(@@ $inner event_types<>() -> ::std::vec::Vec<$crate::store::EventType>);
    };
    (@save_snapshot $inner:tt) => {
        $crate::delegate_store!(@@ $inner save_snapshot<'life1>(
            stream: &'life1 $crate::message::StreamId, snapshot: $crate::store::Snapshot) -> ());
    };
    (@load_snapshot $inner:tt) => {
        $crate::delegate_store!(@@ $inner load_snapshot<'life1>(stream: &'life1 $crate::message::StreamId)
            -> ::core::option::Option<$crate::store::Snapshot>);
    };
    (@delete_snapshot $inner:tt) => {
        $crate::delegate_store!(@@ $inner delete_snapshot<'life1>(stream: &'life1 $crate::message::StreamId) -> ());
    };
    (@load_state $inner:tt) => {
        $crate::delegate_store!(@@ $inner load_state<'life1>(stream: &'life1 $crate::message::StreamId)
            -> ::core::option::Option<$crate::store::StoredState>);
    };
    (@read_states $inner:tt) => {
        $crate::delegate_store!(@@ $inner read_states<'life1>(
            after: ::core::option::Option<$crate::message::Position>, kinds: &'life1 [$crate::message::Name], limit: usize)
            -> $crate::store::Page<$crate::store::StoredState, $crate::message::Position>);
    };
    (@save_checkpoint $inner:tt) => {
        $crate::delegate_store!(@@ $inner save_checkpoint<'life1>(
            consumer: &'life1 str, position: ::core::option::Option<$crate::message::Position>) -> ());
    };
    (@load_checkpoint $inner:tt) => {
        $crate::delegate_store!(@@ $inner load_checkpoint<'life1>(consumer: &'life1 str)
            -> ::core::option::Option<$crate::message::Position>);
    };
    (@list_checkpoints $inner:tt) => {
        $crate::delegate_store!(@@ $inner list_checkpoints<>()
            -> ::std::vec::Vec<(::std::string::String, ::core::option::Option<$crate::message::Position>)>);
    };
    (@delete_checkpoint $inner:tt) => {
        $crate::delegate_store!(@@ $inner delete_checkpoint<'life1>(consumer: &'life1 str) -> ());
    };
    (@step $inner:tt) => {
        $crate::delegate_store!(@@ $inner step<>(step: $crate::store::Step) -> $crate::store::Stepped);
    };
    (@load_rows $inner:tt) => {
        $crate::delegate_store!(@@ $inner load_rows<'life1, 'life2>(table: &'life1 str, keys: &'life2 [$crate::__private::Bytes])
            -> ::std::vec::Vec<::core::option::Option<$crate::__private::Bytes>>);
    };
    (@list_rows $inner:tt) => {
        $crate::delegate_store!(@@ $inner list_rows<'life1, 'life2, 'life3>(
            table: &'life1 str, start: &'life2 [u8], end: ::core::option::Option<&'life3 [u8]>, limit: usize)
            -> $crate::store::Page<$crate::store::Row, $crate::__private::Bytes>);
    };
    (@delete_up_to $inner:tt) => {
        $crate::delegate_store!(@@ $inner delete_up_to<'life1>(
            stream: &'life1 $crate::message::StreamId, revision: $crate::message::Revision) -> ());
    };
    (@erase $inner:tt) => {
        $crate::delegate_store!(@@ $inner erase<'life1>(stream: &'life1 $crate::message::StreamId) -> ());
    };
    (@close $inner:tt) => {
        $crate::delegate_store!(@@ $inner close<>() -> ());
    };

    // What `#[async_trait]` makes of a method, so that the inner store's future is handed on as it is.
    (@@ $inner:tt $method:ident<$($life:lifetime),*>($($arg:ident: $type:ty),*) -> $out:ty) => {
        fn $method<'life0, $($life,)* 'async_trait>(
            &'life0 self $(, $arg: $type)*
        ) -> ::core::pin::Pin<::std::boxed::Box<
            dyn ::core::future::Future<Output = ::core::result::Result<$out, $crate::store::StoreError>>
                + ::core::marker::Send + 'async_trait,
        >>
        where
            'life0: 'async_trait,
            $($life: 'async_trait,)*
            Self: 'async_trait,
        {
            #[allow(unused_imports)]
            use $crate::store::Store as _;
            self.$inner.$method($($arg),*)
        }
    };
}
