//! What is linked in, as the engine will find it.

use ego::__private::{AggregateDescriptor, HandlersDescriptor, inventory};

fn of<D: std::fmt::Debug + inventory::Collect>() -> Vec<String> {
    inventory::iter::<D>.into_iter().map(|descriptor| format!("{descriptor:?}")).collect()
}

#[test]
fn each_aggregate_arrives_once_with_its_place() {
    let all = of::<AggregateDescriptor>();
    for (kind, file) in
        [("account", "account.rs"), ("purse", "payloads.rs"), ("wallet.usd", "generic.rs"), ("wallet.eur", "generic.rs")]
    {
        let kind = format!("kind: {kind:?}");
        let found: Vec<_> = all.iter().filter(|descriptor| descriptor.contains(&kind)).collect();
        assert_eq!(found.len(), 1, "{kind}: {found:?}");
        assert!(found[0].contains(file), "{found:?}");
    }
}

#[test]
fn a_block_arrives_with_its_commands_services_and_lines() {
    let blocks = of::<HandlersDescriptor>();
    let account = blocks.iter().find(|block| block.contains("aggregate: macros::account::Account")).unwrap();
    for part in ["\"Open\"", "\"Deposit\"", "\"Withdraw\"", "services: [dyn macros::account::Fraud]"] {
        assert!(account.contains(part), "{part} in {account}");
    }
    let line = include_str!("account.rs").lines().position(|line| line.contains("async fn withdraw")).unwrap() + 1;
    assert!(account.contains(&format!("line: {line}")), "{line} in {account}");
}

#[test]
fn several_blocks_serve_one_aggregate() {
    let blocks = of::<HandlersDescriptor>();
    let purse = blocks.iter().filter(|block| block.contains("aggregate: macros::payloads::Purse"));
    assert_eq!(purse.count(), 2);
    let generic = blocks.iter().filter(|block| block.contains("Wallet<macros::generic::Usd, 3>"));
    let names: String = generic.map(String::as_str).collect();
    assert!(names.contains("\"Fill\"") && names.contains("\"Drain\""), "{names}");
}
